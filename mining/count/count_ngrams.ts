import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputRangeError } from "../../batch/mod.ts";
import { writing } from "../corpus/_corpus_shards.ts";
import { checkCount } from "../_check_count.ts";
import { countCorpus } from "./_count_corpus.ts";
import type { NgramProgress } from "./ngram_progress.ts";
import type { GramUnit, NgramTable } from "./ngram_table.ts";
import type { Solution } from "../../files/mod.ts";
import { storeCorpus, type StoredCorpus } from "../corpus/stored_corpus.ts";

/** Options of {@linkcode countNgrams}. */
export interface CountNgramsOptions {
  /** Fewest words of a gram. Default 3. */
  readonly minWords?: number;
  /** Most words of a gram. Default 5. */
  readonly maxWords?: number;
  /** What is counted. Default `word`. */
  readonly unit?: GramUnit;
  /** Least number of distinct prompts. Default 0.2 % of the prompts, and at least 3. */
  readonly minPrompts?: number;
  /** About the most memory that filtering and counting take together, from 1 MiB. Default 1 GiB. */
  readonly memoryBytes?: number;
  /**
   * Folder that takes solutions that are no stored corpus, in a folder of their own that is removed
   * in the end. Default: that of the system for temporary files.
   */
  readonly scratchFolder?: string;
  /** Is told, after every shard of the corpus, how far the work is. */
  readonly onProgress?: (progress: NgramProgress) => void;
  /** Ends the work early; nothing is left of it. */
  readonly signal?: AbortSignal;
}

const MIN_MEMORY = 2 ** 20;
/** A table of n-grams has a byte for the words of each. */
const MAX_WORDS = 255;

/**
 * Counts the n-grams of a corpus that occur in at least `minPrompts` distinct prompts, exactly, whatever
 * the size of the corpus; the memory changes no byte of the result. Words, sentences and what parts them
 * are those of the matching rules, so every gram of words matches where it was counted.
 *
 * A first pass filters n-grams by a hash, in a table that may count a gram too often but never too rarely. A
 * second pass counts what is left by text; where it does not fit in `memoryBytes`, in several passes over
 * ranges of n-grams. The result and, of solutions that are not stored, the prompt ids take
 * memory besides. A signal is heeded every some 20 ms.
 *
 * With `unit: "character"` a gram is a run of letters of a script without spaces between words. By
 * version 1 of the matching rules such a gram matches only where no letter stands beside it.
 *
 * @example Usage
 * ```ts
 * import { countNgrams } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const solutions = ["a", "b", "c"].map((promptId) => ({ text: "Wait, let me $x$", promptId }));
 * const table = await countNgrams(solutions);
 * assert.deepEqual(table.texts, ["wait, let me"]);
 * assert.deepEqual([...table.followedByMath], [3]);
 * ```
 *
 * @param solutions A stored corpus, or the texts with their prompts in a fixed order.
 * @param options Length of the grams, the least number of prompts, and memory.
 * @returns The grams and their counts.
 * @throws {RangeError} If an option is out of range, there is no solution, or no gram is left.
 * @throws {SyntaxError} If a shard of the corpus is damaged.
 * @throws {Error} If solutions cannot be stored in the scratch folder.
 */
export async function countNgrams(
  solutions: StoredCorpus | AsyncIterable<Solution> | Iterable<Solution>,
  options: CountNgramsOptions = {},
): Promise<NgramTable> {
  checkOptions(options);
  if ("shards" in solutions) return await countStored(solutions, options);
  const { scratchFolder = tmpdir(), signal, onProgress } = options;
  signal?.throwIfAborted();
  const folder = await writing(
    scratchFolder,
    () => mkdtemp(join(scratchFolder, "hicra-corpus-")),
  );
  try {
    const corpus = await storeCorpus(solutions, folder, {
      ...(signal !== undefined && { signal }),
      onProgress: ({ solutions }) => onProgress?.({ stage: "store", solutions }),
    });
    return await countStored(corpus, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function countStored(
  corpus: StoredCorpus,
  options: CountNgramsOptions,
): Promise<NgramTable> {
  const { numSolutions, numPrompts } = corpus;
  if (numSolutions === 0) {
    throw new InputRangeError("Cannot count n-grams as there must be at least one solution");
  }
  const { unit = "word", minPrompts = Math.max(3, Math.ceil(numPrompts / 500)) } = options;
  const { table, letters, unspacedLetters } = await countCorpus(corpus, {
    unit,
    minWords: options.minWords ?? 3,
    maxWords: options.maxWords ?? 5,
    minPrompts,
    memoryBytes: options.memoryBytes ?? 2 ** 30,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  if (table.texts.length > 0) return table;
  const isUnspaced = unit === "word" && unspacedLetters > letters / 2;
  throw new InputRangeError(
    `Cannot count n-grams as one must occur in at least ${minPrompts} prompts: none does in ` +
      `${numSolutions} solutions of ${numPrompts} prompts, ` +
      (isUnspaced
        ? `most letters are of a script without spaces, pass unit: "character"`
        : `pass more solutions or a lower minPrompts`),
    { code: "nothing_left", option: isUnspaced ? "unit" : "minPrompts" },
  );
}

function checkOptions(options: CountNgramsOptions): void {
  const { minWords = 3, maxWords = 5, minPrompts = 1, memoryBytes = MIN_MEMORY } = options;
  checkCount("count n-grams", "minWords", minWords, 1);
  if (!(Number.isInteger(maxWords) && maxWords >= minWords && maxWords <= MAX_WORDS)) {
    throw new InputRangeError(
      `Cannot count n-grams as maxWords must be a whole number from minWords, ${minWords}, to ` +
        `${MAX_WORDS}: current value is ${maxWords}`,
      { option: "maxWords" },
    );
  }
  checkCount("count n-grams", "minPrompts", minPrompts, 1);
  checkCount("count n-grams", "memoryBytes", memoryBytes, MIN_MEMORY);
}
