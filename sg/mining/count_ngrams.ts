import { cutExample, examplePriority, exampleWindow, MAX_EXAMPLES } from "./_examples.ts";
import { hashText } from "./_hash.ts";
import { JOIN_TEXTS, SentenceCutter, WordFlag } from "./_sentences.ts";
import type { GramUnit, NgramTable } from "./ngram_table.ts";

/** What {@linkcode countNgrams} says while it works. */
export interface NgramProgress {
  /** `read` finds the candidates, `count` counts them. */
  readonly stage: "read" | "count";
  /** Solutions that are done with. */
  readonly solutions: number;
  /** Solutions in all, once known. */
  readonly total?: number;
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
  /** Threads beside this one; 0 or 1: none. Default: the cores of this machine. */
  readonly workers?: number;
  /** Bound on the buffers of the first pass, in bytes. Default 1 GiB. */
  readonly memoryBytes?: number;
  /** Where the corpus and full buffers are kept meanwhile. Default: the system's temporary folder. */
  readonly spillDir?: string;
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

/** Counts the n-grams of a corpus. */
export async function countNgrams(
  solutions:
    | AsyncIterable<{ text: string; promptId: string }>
    | Iterable<{ text: string; promptId: string }>,
  options: CountNgramsOptions = {},
): Promise<NgramTable> {
  const { minWords = 3, maxWords = 5, unit = "word" } = options;
  const cutter = new SentenceCutter(unit);
  const counts = new Map<string, Counts>();
  const prompts = new Map<string, number>();
  let numSolutions = 0;
  for await (const { text, promptId } of solutions) {
    options.signal?.throwIfAborted();
    let prompt = prompts.get(promptId);
    if (prompt === undefined) prompts.set(promptId, prompt = prompts.size);
    const promptHash = hashText(promptId);
    const cut = cutter.cut(text);
    for (let first = 0; first < cut.numWords; first++) {
      let gram = "";
      for (let n = 1; n <= maxWords; n++) {
        const last = first + n - 1;
        gram += String.fromCharCode(...cut.folded.subarray(cut.starts[last], cut.ends[last]));
        if (n >= minWords) {
          let count = counts.get(gram);
          if (count === undefined) {
            counts.set(
              gram,
              count = {
                text: gram,
                numWords: n,
                prompts: new Set(),
                examples: [],
                occurrences: 0,
                solutions: 0,
                lastSolution: -1,
                sentenceStarts: 0,
                paragraphStarts: 0,
                mathSentences: 0,
                followedByMath: 0,
              },
            );
          }
          count.prompts.add(prompt);
          count.occurrences++;
          const flags = cut.flags[first]!;
          if (flags & WordFlag.startsSentence) count.sentenceStarts++;
          if (flags & WordFlag.startsParagraph) count.paragraphStarts++;
          if (flags & WordFlag.inMathSentence) count.mathSentences++;
          if (cut.flags[last]! & WordFlag.beforeMath) count.followedByMath++;
          const sentence = cut.sentences[first]!;
          const start = cut.starts[first]!;
          const [from, to] = exampleWindow(
            [cut.sentenceStarts[sentence]!, cut.sentenceEnds[sentence]!],
            [start, cut.ends[last]!],
          );
          const priority = examplePriority(hashText(gram), promptHash, start);
          const example = { priority, example: cutExample(text, from, to) };
          if (count.lastSolution !== numSolutions) {
            count.solutions++;
            count.lastSolution = numSolutions;
            count.examples.push(example);
          } else if (priority < count.examples.at(-1)!.priority) {
            count.examples[count.examples.length - 1] = example;
          }
        }
        if (cut.joins[last] === 0) break;
        gram += JOIN_TEXTS[cut.joins[last]!];
      }
    }
    numSolutions++;
  }
  const minPrompts = options.minPrompts ?? Math.max(3, Math.ceil(prompts.size / 500));
  const grams = [...counts.values()].filter((count) => count.prompts.size >= minPrompts)
    .sort((a, b) => a.text < b.text ? -1 : 1);
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
