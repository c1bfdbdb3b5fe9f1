import type { CheckedBatch } from "../batch/mod.ts";
import { type Lexicon, SgMatcher, type TokenBytes } from "../sg/mod.ts";
import { decodeBatch } from "./decode.ts";
import { distinctGrams, growLexicon, PHRASE_SOURCES, type PhraseSource } from "./grams.ts";
import { joinBatches, thinBatch } from "./join_batches.ts";
import { normalise } from "./normalise.ts";
import { partialMatchShare } from "./partial_matches.ts";
import { exactExpression, leftmostLongest, PEERS } from "./peers.ts";
import { timeInTurns } from "./timing.ts";

/** Speed with a lexicon of one size. */
export interface GramGrowth {
  readonly name: string;
  /** Which phrases the lexicon grew by. */
  readonly source: PhraseSource;
  readonly grams: number;
  /** Milliseconds to compile; for a regular expression its first use, which compiles it. */
  readonly compileMs: number;
  /** Tokens per second, without decoding. */
  readonly tokensPerSecond: number;
  /** Spans of ours, occurrences of a peer. */
  readonly found: number;
  /** Share of planning tokens; of ours only. */
  readonly planningShare: number | null;
  /** Share of tokens that go on with a partial match; of ours only. */
  readonly partialShare: number | null;
  /** Spans of ours equal those of the peer under the matching rules; null where it was not checked. */
  readonly agrees: boolean | null;
}

/** Speed on a batch of one size. */
export interface TokenGrowth {
  readonly name: string;
  readonly tokens: number;
  readonly nanosecondsPerToken: number;
}

/** Tokens of the sample that lexicons of all sizes are timed on. */
const GROWTH_TOKENS = 300_000;

/**
 * Times the matcher and its peers with larger and larger lexicons, grown by phrases that occur often
 * and by phrases that hardly ever do: more grams with more hits, and more grams alone.
 *
 * @param batch What `joinBatches` returns; a sample of it is used.
 * @param sizes Numbers of grams.
 * @returns A figure per source of phrases, size and name.
 */
export function gramGrowth(
  batch: CheckedBatch,
  table: TokenBytes,
  lexicon: Lexicon,
  { sizes, repetitions }: { readonly sizes: readonly number[]; readonly repetitions: number },
): GramGrowth[] {
  const sample = thinBatch(batch, GROWTH_TOKENS);
  const texts = decodeBatch(sample, table);
  const normalised = texts.map(normalise);
  const sources = Object.keys(PHRASE_SOURCES) as PhraseSource[];
  const lexicons = sources.flatMap((source) => sizes.map((size) => ({ source, size })));
  return lexicons.flatMap(({ source, size }) => {
    const grown = growLexicon(lexicon, normalised, size, source);
    const grams = distinctGrams(grown);
    const start = performance.now();
    const matcher = SgMatcher.compile(grown, table);
    const compileMs: Record<string, number> = { hicra: performance.now() - start };
    const cases: Record<string, () => number> = {
      hicra: () => matcher.match(sample).spans.length / 3,
    };
    const agrees: Record<string, boolean> = {};
    const spans = cases.hicra!();
    agrees.hicra = spans === total(normalised, exactExpression(grams).count);
    for (const peer of PEERS) {
      const start = performance.now();
      const search = peer.compile(grams);
      search.count("a");
      compileMs[peer.name] = performance.now() - start;
      const prepared = texts.map(peer.prepare);
      cases[peer.name] = () => total(prepared, search.count);
      if (peer.allOccurrences) {
        agrees[peer.name] = spans ===
          total(normalised, (text) => leftmostLongest(text, search.find(text)).length);
      }
    }
    const { planningMask } = matcher.match(sample);
    const partialShare = partialMatchShare(sample, table, grams);
    const planningShare = planningMask.reduce((sum, bit) => sum + bit, 0) / sample.numTokens;
    const timings = timeInTurns(cases, repetitions);
    return Object.keys(cases).map((name) => ({
      name,
      source,
      grams: grams.length,
      compileMs: compileMs[name]!,
      tokensPerSecond: 1000 * sample.numTokens / timings[name]!.medianMs,
      found: timings[name]!.result,
      planningShare: name === "hicra" ? planningShare : null,
      partialShare: name === "hicra" ? partialShare : null,
      agrees: agrees[name] ?? null,
    }));
  });
}

/**
 * Times the matcher and its peers on a tenth of the tokens, on all of them and on ten times as many.
 *
 * @param batch What `joinBatches` returns.
 * @param copies The largest size, in copies of the batch; peers stop at one copy, as they are slow.
 * @returns A figure per size and name.
 */
export function tokenGrowth(
  batch: CheckedBatch,
  table: TokenBytes,
  lexicon: Lexicon,
  { copies, repetitions }: { readonly copies: number; readonly repetitions: number },
): TokenGrowth[] {
  const matcher = SgMatcher.compile(lexicon, table);
  const grams = distinctGrams(lexicon);
  const sizes = [thinBatch(batch, batch.numTokens / 10), batch, joinBatches([batch], copies)];
  const tokensOf: Record<string, number> = {};
  const namesOf: Record<string, string> = {};
  const cases: Record<string, () => number> = {};
  const add = (name: string, tokens: number, run: () => number): void => {
    const key = `${name}, ${tokens}`;
    [tokensOf[key], namesOf[key], cases[key]] = [tokens, name, run];
  };
  for (const [s, sized] of sizes.entries()) {
    add("hicra", sized.numTokens, () => matcher.match(sized).spans.length);
    if (s === 2) continue;
    const texts = decodeBatch(sized, table);
    for (const peer of PEERS) {
      const search = peer.compile(grams);
      const prepared = texts.map(peer.prepare);
      add(peer.name, sized.numTokens, () => total(prepared, search.count));
    }
  }
  const timings = timeInTurns(cases, repetitions);
  return Object.keys(cases).map((key) => ({
    name: namesOf[key]!,
    tokens: tokensOf[key]!,
    nanosecondsPerToken: 1e6 * timings[key]!.medianMs / tokensOf[key]!,
  }));
}

function total(texts: readonly string[], count: (text: string) => number): number {
  let sum = 0;
  for (const text of texts) sum += count(text);
  return sum;
}
