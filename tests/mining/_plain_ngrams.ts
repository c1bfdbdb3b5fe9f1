import {
  cutExample,
  examplePriority,
  exampleWindow,
  MAX_EXAMPLES,
} from "../../mining/count/_examples.ts";
import { hashText } from "../../mining/_hash.ts";
import { JOIN_TEXTS, WordFlag } from "../../mining/corpus/_cut_text.ts";
import { SentenceCutter } from "../../mining/corpus/_sentences.ts";
import type { CountNgramsOptions, NgramTable } from "../../mining/mod.ts";

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

/** The n-grams of a corpus, counted in plain maps by their text: what the engine must find. */
export async function plainNgrams(
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
