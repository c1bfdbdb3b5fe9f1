import type { NgramTable } from "./ngram_table.ts";

/** The table with only some of its grams, by their indices in ascending order. */
export function selectGrams(table: NgramTable, grams: Int32Array): NgramTable {
  const promptOffsets = new Float64Array(grams.length + 1);
  for (const [g, gram] of grams.entries()) {
    const numPrompts = table.promptOffsets[gram + 1]! - table.promptOffsets[gram]!;
    promptOffsets[g + 1] = promptOffsets[g]! + numPrompts;
  }
  const promptIndices = new Uint32Array(promptOffsets.at(-1)!);
  for (const [g, gram] of grams.entries()) {
    const [begin, end] = [table.promptOffsets[gram]!, table.promptOffsets[gram + 1]!];
    promptIndices.set(table.promptIndices.subarray(begin, end), promptOffsets[g]!);
  }
  const column = (values: Uint32Array): Uint32Array =>
    Uint32Array.from(grams, (gram) => values[gram]!);
  return {
    ...table,
    texts: Array.from(grams, (gram) => table.texts[gram]!),
    numWords: Uint8Array.from(grams, (gram) => table.numWords[gram]!),
    occurrences: column(table.occurrences),
    solutions: column(table.solutions),
    promptOffsets,
    promptIndices,
    sentenceStarts: column(table.sentenceStarts),
    paragraphStarts: column(table.paragraphStarts),
    mathSentences: column(table.mathSentences),
    followedByMath: column(table.followedByMath),
    examples: Array.from(grams, (gram) => table.examples[gram]!),
  };
}
