import type { CheckedBatch } from "../batch/mod.ts";
import { type Lexicon, SgMatcher, type TokenBytes } from "../sg/mod.ts";
import { decodeBatch } from "./decode.ts";
import { distinctGrams } from "./grams.ts";
import { PEERS } from "./peers.ts";
import { type Spread, timeInTurns, timeRatio } from "./timing.ts";

/** How fast the matcher, a peer or a plain pass is on the same tokens. */
export interface PeerSpeed {
  readonly name: string;
  /** `ours`, a peer given decoded text, the same with decoding, or a lower bound. */
  readonly kind: "ours" | "search" | "decode and search" | "floor";
  readonly what: string;
  /** Tokens per second, median. */
  readonly tokensPerSecond: number;
  /** UTF-16 code units per second, median. */
  readonly charactersPerSecond: number;
  readonly samplesMs: readonly number[];
  /** Its time over ours, in the same round. */
  readonly timesOurs: Spread;
}

/** What must be read for each token, whatever the method. */
export const FLOOR_BYTES = { id: 4, mask: 1, table: 8 } as const;

/**
 * Times the matcher, its peers with and without decoding the ids, and what bounds the matcher from
 * below, in turns, on the same rollouts.
 *
 * @param batch What `joinBatches` returns.
 * @param repetitions Number of rounds.
 * @returns Ours first, then peers, then floors.
 */
export function peerSpeeds(
  batch: CheckedBatch,
  table: TokenBytes,
  lexicon: Lexicon,
  repetitions: number,
): PeerSpeed[] {
  const matcher = SgMatcher.compile(lexicon, table);
  const texts = decodeBatch(batch, table);
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const cases: Record<string, Pick<PeerSpeed, "name" | "kind" | "what"> & { run(): number }> = {
    ours: {
      name: "hicra",
      kind: "ours",
      what: "ids to mask, kinds and spans",
      run: () => matcher.match(batch).spans.length,
    },
  };
  const grams = distinctGrams(lexicon);
  for (const peer of PEERS) {
    const search = peer.compile(grams);
    const prepared = texts.map(peer.prepare);
    cases[`${peer.name}, search`] = {
      name: peer.name,
      kind: "search",
      what: "prepared text to occurrences",
      run: () => count(prepared, search.count),
    };
    cases[`${peer.name}, decode`] = {
      name: peer.name,
      kind: "decode and search",
      what: "ids to text, prepare, search",
      run: () => count(decodeBatch(batch, table), (text) => search.count(peer.prepare(text))),
    };
  }
  cases["pass"] = {
    name: "plain pass",
    kind: "floor",
    what: `reads id and loss mask: ${FLOOR_BYTES.id + FLOOR_BYTES.mask} bytes a token`,
    run: () => plainPass(batch),
  };
  const entries = new Int32Array(2 * table.vocabSize).map((_, index) => index);
  cases["look-up"] = {
    name: "plain pass with look-up",
    kind: "floor",
    what: `the same and ${FLOOR_BYTES.table} bytes of a table with an entry per id`,
    run: () => lookUpPass(batch, entries),
  };
  const timings = timeInTurns(
    Object.fromEntries(Object.entries(cases).map(([key, { run }]) => [key, run])),
    repetitions,
  );
  return Object.entries(cases).map(([key, { run: _, ...rest }]) => {
    const { medianMs, samplesMs } = timings[key]!;
    return {
      ...rest,
      tokensPerSecond: 1000 * batch.numTokens / medianMs,
      charactersPerSecond: 1000 * characters / medianMs,
      samplesMs,
      timesOurs: timeRatio(timings[key]!, timings["ours"]!),
    };
  });
}

function count(texts: readonly string[], countIn: (text: string) => number): number {
  let sum = 0;
  for (const text of texts) sum += countIn(text);
  return sum;
}

function plainPass({ tokenIds, lossMask }: CheckedBatch): number {
  const ids = tokenIds!;
  let sum = 0;
  for (let i = 0; i < ids.length; i++) if (lossMask[i] === 1) sum = (sum + ids[i]!) | 0;
  return sum;
}

function lookUpPass({ tokenIds, lossMask }: CheckedBatch, entries: Int32Array): number {
  const ids = tokenIds!;
  let sum = 0;
  for (let i = 0; i < ids.length; i++) {
    if (lossMask[i] !== 1) continue;
    const entry = 2 * ids[i]!;
    sum = (sum + entries[entry]! + entries[entry + 1]!) | 0;
  }
  return sum;
}
