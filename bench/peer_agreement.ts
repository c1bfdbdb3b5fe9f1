import type { CheckedBatch } from "../batch/mod.ts";
import { type Lexicon, SgMatcher, type TokenBytes } from "../sg/mod.ts";
import { decodeBatch } from "./decode.ts";
import { distinctGrams } from "./grams.ts";
import { normalise } from "./normalise.ts";
import { exactExpression, leftmostLongest, PEERS } from "./peers.ts";

/** What a peer finds in the same texts as the matcher. */
export interface PeerAgreement {
  readonly peer: string;
  /** What it counts. */
  readonly counts: string;
  /** Occurrences as it counts them, in text prepared as its user would. */
  readonly occurrences: number;
  /**
   * Spans after normalisation and the boundary adapter; null where it finds no overlaps, so that an
   * adapter comes too late.
   */
  readonly spans: number | null;
  /** Spans of the matcher. */
  readonly ours: number;
}

/**
 * Counts what each peer finds, as it stands and with the matching rules put on top, and what a regular
 * expression that states the rules finds: that one and the adapted peers must agree with the matcher.
 *
 * @param batch What `joinBatches` returns.
 * @returns A row per peer, then one for the exact expression.
 */
export function peerAgreements(
  batch: CheckedBatch,
  table: TokenBytes,
  lexicon: Lexicon,
): PeerAgreement[] {
  const ours = SgMatcher.compile(lexicon, table).match(batch).spans.length / 3;
  const texts = decodeBatch(batch, table);
  const normalised = texts.map(normalise);
  const grams = distinctGrams(lexicon);
  const rows = PEERS.map((peer) => {
    const search = peer.compile(grams);
    return {
      peer: peer.name,
      counts: peer.counts,
      occurrences: total(texts, (text) => search.count(peer.prepare(text))),
      spans: peer.allOccurrences
        ? total(normalised, (text) => leftmostLongest(text, search.find(text)).length)
        : null,
      ours,
    };
  });
  const exact = exactExpression(grams);
  const exactSpans = total(normalised, (text) => exact.count(text));
  return [...rows, {
    peer: "exact regular expression",
    counts: "our matching rules, on normalised text; for this check only, not timed",
    occurrences: exactSpans,
    spans: exactSpans,
    ours,
  }];
}

function total(texts: readonly string[], count: (text: string) => number): number {
  return texts.reduce((sum, text) => sum + count(text), 0);
}
