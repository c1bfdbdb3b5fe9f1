import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import { assembleTable } from "./_assemble_table.ts";
import { countCandidates } from "./_count_candidates.ts";
import type { CountCorpusOptions } from "./_count_options.ts";
import { findCandidates } from "./_find_candidates.ts";
import type { FrequentGrams } from "./_gram_counts.ts";
import { PREFIX_RANGE } from "./_gram_hashes.ts";
import type { GramUnit, NgramTable } from "./ngram_table.ts";

/** Fewest and most slots of a filter. */
const MIN_SLOTS = 1 << 10;
const MAX_SLOTS = 2 ** 29;
/** N-grams of each length per UTF-16 unit: measured for words, at most for characters. */
const GRAMS_PER_CHARACTER: Record<GramUnit, number> = { word: 0.1, character: 1 };

/** What {@linkcode countCorpus} found. */
export interface CountedCorpus {
  readonly table: NgramTable;
  /** Letters of words, and letters of scripts without spaces. */
  readonly letters: number;
  readonly unspacedLetters: number;
  /** Passes over the corpus that counted grams by text. */
  readonly countPasses: number;
}

/**
 * Counts the n-grams of a corpus in two passes, for one range of n-grams after another.
 *
 * The first pass counts prompts by hash in a table of fixed size that never counts too few. The second counts by
 * text what was enough for the first, so hashes only decide how much is counted in vain. Half the
 * memory is for the table, half for the counts.
 */
export async function countCorpus(
  corpus: StoredCorpus,
  options: CountCorpusOptions,
): Promise<CountedCorpus> {
  const { slots, ranges } = planFilter(corpus, options);
  const found: FrequentGrams[] = [];
  let letters = 0;
  let unspacedLetters = 0;
  let countPasses = 0;
  for (let range = 0; range < ranges; range++) {
    const from = Math.round(range / ranges * PREFIX_RANGE);
    const to = Math.round((range + 1) / ranges * PREFIX_RANGE);
    const filtered = await findCandidates(corpus, slots, [from, to], options);
    ({ letters, unspacedLetters } = filtered);
    for (let next = from; next < to;) {
      const { grams, bound } = await countCandidates(
        corpus,
        filtered.candidates,
        [next, to],
        options,
      );
      found.push(grams);
      next = bound;
      countPasses++;
    }
  }
  const table = await assembleTable(corpus, found, options);
  return { table, letters, unspacedLetters, countPasses };
}

/**
 * How many slots a filter has, and over how many ranges of n-grams the corpus is filtered. With two slots per
 * `minPrompts` n-grams few slots count enough by chance; more, where memory allows, leave
 * fewer.
 */
function planFilter(
  { numCharacters }: StoredCorpus,
  { unit, minWords, maxWords, minPrompts, memoryBytes }: CountCorpusOptions,
): { slots: number; ranges: number } {
  const grams = numCharacters * (maxWords - minWords + 1) * GRAMS_PER_CHARACTER[unit];
  const enough = 2 * grams / minPrompts;
  const limit = Math.min(MAX_SLOTS, 2 ** Math.floor(Math.log2(memoryBytes / 8)));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(2 * enough, grams / 4, MIN_SLOTS)));
  const slots = Math.max(MIN_SLOTS, Math.min(limit, wanted));
  return { slots, ranges: Math.max(1, Math.ceil(enough / slots)) };
}
