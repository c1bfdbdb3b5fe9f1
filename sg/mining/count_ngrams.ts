import { cutExample, examplePriority, exampleWindow, MAX_EXAMPLES } from "./_examples.ts";
import { hashText } from "./_hash.ts";
import { JOIN_TEXTS, SentenceCutter, WordFlag } from "./_sentences.ts";
import type { GramUnit, NgramTable } from "./ngram_table.ts";

/** What {@linkcode countNgrams} says while it works. */
export interface NgramProgress {
  /** Solutions that are counted. */
  readonly solutions: number;
}

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
  /** Is told how far the work is. */
  readonly onProgress?: (progress: NgramProgress) => void;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
}

interface Counts {
  readonly text: string;
  readonly numWords: number;
  readonly prompts: Set<number>;
  readonly examples: { priority: number; example: string }[];
  occurrences: number;
  solutions: number;
  lastSolution: number;
  sentenceStarts: number;
  paragraphStarts: number;
  mathSentences: number;
  followedByMath: number;
}

/**
 * Counts the n-grams of a corpus that occur in at least `minPrompts` distinct prompts, exactly; all
 * counts are held in memory. Words, sentences and what parts them are those of the matching rules, so
 * every gram of words matches where it was counted.
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
 * @param solutions The texts with their prompts, in a fixed order.
 * @param options Length of the grams, and the least number of prompts.
 * @returns The grams and their counts.
 * @throws {RangeError} If an option is out of range, there is no solution, or no gram is left.
 */
export async function countNgrams(
  solutions:
    | AsyncIterable<{ text: string; promptId: string }>
    | Iterable<{ text: string; promptId: string }>,
  options: CountNgramsOptions = {},
): Promise<NgramTable> {
  const { minWords = 3, maxWords = 5, unit = "word" } = options;
  checkOptions(minWords, maxWords, options.minPrompts);
  const cutter = new SentenceCutter(unit);
  const counts = new Map<string, Counts>();
  const prompts = new Map<string, number>();
  let numSolutions = 0;
  let numLetters = 0;
  let numUnspacedLetters = 0;
  for await (const { text, promptId } of solutions) {
    options.signal?.throwIfAborted();
    let prompt = prompts.get(promptId);
    if (prompt === undefined) prompts.set(promptId, prompt = prompts.size);
    const promptHash = hashText(promptId);
    const cut = cutter.cut(text);
    numUnspacedLetters += cut.numUnspacedLetters;
    for (let w = 0; w < cut.numWords; w++) numLetters += cut.ends[w]! - cut.starts[w]!;
    for (let first = 0; first < cut.numWords; first++) {
      let gram = "";
      for (let n = 1; n <= maxWords; n++) {
        const last = first + n - 1;
        gram += String.fromCharCode(...cut.folded.subarray(cut.starts[last], cut.ends[last]));
        if (n >= minWords) {
          let count = counts.get(gram);
          if (count === undefined) counts.set(gram, count = emptyCounts(gram, n));
          count.prompts.add(prompt);
          count.occurrences++;
          const flags = cut.flags[first]!;
          if (flags & WordFlag.startsSentence) count.sentenceStarts++;
          if (flags & WordFlag.startsParagraph) count.paragraphStarts++;
          if (flags & WordFlag.inMathSentence) count.mathSentences++;
          if (cut.flags[last]! & WordFlag.beforeMath) count.followedByMath++;
          const isFirst = count.lastSolution !== numSolutions;
          if (isFirst) {
            count.solutions++;
            count.lastSolution = numSolutions;
          }
          // One example a solution: its occurrence with the least priority.
          const start = cut.starts[first]!;
          const priority = examplePriority(hashText(gram), promptHash, start);
          if (isFirst || priority < count.examples.at(-1)!.priority) {
            const sentence = cut.sentences[first]!;
            const [from, to] = exampleWindow(
              [cut.sentenceStarts[sentence]!, cut.sentenceEnds[sentence]!],
              [start, cut.ends[last]!],
            );
            if (!isFirst) count.examples.pop();
            count.examples.push({ priority, example: cutExample(text, from, to) });
          }
        }
        if (cut.joins[last] === 0) break;
        gram += JOIN_TEXTS[cut.joins[last]!];
      }
    }
    numSolutions++;
    options.onProgress?.({ solutions: numSolutions });
  }
  if (numSolutions === 0) {
    throw new RangeError("Cannot count n-grams as there must be at least one solution");
  }
  const minPrompts = options.minPrompts ?? Math.max(3, Math.ceil(prompts.size / 500));
  const grams = [...counts.values()].filter((count) => count.prompts.size >= minPrompts)
    .sort((a, b) => a.text < b.text ? -1 : 1);
  if (grams.length === 0) {
    const isUnspaced = unit === "word" && numUnspacedLetters > numLetters / 2;
    throw new RangeError(
      `Cannot count n-grams as one must occur in at least ${minPrompts} prompts: none does in ` +
        `${numSolutions} solutions of ${prompts.size} prompts, ` +
        (isUnspaced
          ? `most letters are of a script without spaces, pass unit: "character"`
          : `pass more solutions or a lower minPrompts`),
    );
  }
  const promptOffsets = new Float64Array(grams.length + 1);
  for (const [g, gram] of grams.entries()) {
    promptOffsets[g + 1] = promptOffsets[g]! + gram.prompts.size;
  }
  return {
    unit,
    numPrompts: prompts.size,
    numSolutions,
    minPrompts,
    texts: grams.map((gram) => gram.text),
    numWords: Uint8Array.from(grams, (gram) => gram.numWords),
    occurrences: Uint32Array.from(grams, (gram) => gram.occurrences),
    solutions: Uint32Array.from(grams, (gram) => gram.solutions),
    promptOffsets,
    promptIndices: Uint32Array.from(
      grams.flatMap((gram) => [...gram.prompts].sort((a, b) => a - b)),
    ),
    sentenceStarts: Uint32Array.from(grams, (gram) => gram.sentenceStarts),
    paragraphStarts: Uint32Array.from(grams, (gram) => gram.paragraphStarts),
    mathSentences: Uint32Array.from(grams, (gram) => gram.mathSentences),
    followedByMath: Uint32Array.from(grams, (gram) => gram.followedByMath),
    examples: grams.map((gram) =>
      gram.examples.sort((a, b) => a.priority - b.priority).slice(0, MAX_EXAMPLES)
        .map(({ example }) => example)
    ),
  };
}

function emptyCounts(text: string, numWords: number): Counts {
  return {
    text,
    numWords,
    prompts: new Set(),
    examples: [],
    occurrences: 0,
    solutions: 0,
    lastSolution: -1,
    sentenceStarts: 0,
    paragraphStarts: 0,
    mathSentences: 0,
    followedByMath: 0,
  };
}

function checkOptions(minWords: number, maxWords: number, minPrompts: number | undefined): void {
  if (!Number.isSafeInteger(minWords) || minWords < 1) {
    throw new RangeError(
      `Cannot count n-grams as minWords must be a whole number from 1: current value is ${minWords}`,
    );
  }
  if (!Number.isSafeInteger(maxWords) || maxWords < minWords || maxWords > 255) {
    throw new RangeError(
      `Cannot count n-grams as maxWords must be a whole number from minWords, ${minWords}, to 255: ` +
        `current value is ${maxWords}`,
    );
  }
  if (minPrompts !== undefined && (!Number.isSafeInteger(minPrompts) || minPrompts < 1)) {
    throw new RangeError(
      `Cannot count n-grams as minPrompts must be a whole number from 1: current value is ${minPrompts}`,
    );
  }
}
