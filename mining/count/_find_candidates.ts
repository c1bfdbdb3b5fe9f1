import { SentenceCutter } from "../corpus/_sentences.ts";
import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import { corpusPass } from "./_corpus_pass.ts";
import type { CountCorpusOptions, PrefixRange } from "./_count_options.ts";
import {
  EMPTY_HIGH,
  EMPTY_LOW,
  extendHigh,
  extendLow,
  prefixHash,
  slotHash,
  WordHashes,
} from "./_gram_hashes.ts";
import { PromptFilter } from "./_prompt_filter.ts";

/** What {@linkcode findCandidates} found. */
export interface FoundCandidates {
  /** A bit a slot: whether an n-gram of the slot may occur in enough prompts; for `isCandidate`. */
  readonly candidates: Int32Array;
  /** Letters of words, and letters of scripts without spaces. */
  readonly letters: number;
  readonly unspacedLetters: number;
}

/** The first pass: finds by hash which n-grams of a range may occur in enough prompts. */
export async function findCandidates(
  corpus: StoredCorpus,
  slots: number,
  [from, to]: PrefixRange,
  options: CountCorpusOptions,
): Promise<FoundCandidates> {
  const { unit, minWords, maxWords, minPrompts, hashMask = ~0 } = options;
  const cutter = new SentenceCutter(unit);
  const hashes = new WordHashes();
  const filter = new PromptFilter(slots, minPrompts);
  let lastPrompt = -1;
  let letters = 0;
  let unspacedLetters = 0;
  for await (const { text, prompt } of corpusPass(corpus, "filter", options)) {
    if (prompt !== lastPrompt) filter.startRun();
    lastPrompt = prompt;
    const cut = cutter.cut(text);
    const { numWords, joins, starts, ends } = cut;
    hashes.read(cut);
    const { low: lows, high: highs } = hashes;
    unspacedLetters += cut.numUnspacedLetters;
    for (let first = 0; first < numWords; first++) {
      letters += ends[first]! - starts[first]!;
      let low = EMPTY_LOW;
      let high = EMPTY_HIGH;
      let join = 0;
      for (let n = 1; n <= maxWords; n++) {
        const last = first + n - 1;
        low = extendLow(low, join, lows[last]!);
        high = extendHigh(high, join, highs[last]!);
        if (n === minWords) {
          const prefix = prefixHash(low & hashMask);
          if (prefix < from || prefix >= to) break;
        }
        if (n >= minWords) filter.add(slotHash(low & hashMask, high & hashMask));
        join = joins[last]!;
        if (join === 0) break;
      }
    }
  }
  return { candidates: filter.candidates(), letters, unspacedLetters };
}
