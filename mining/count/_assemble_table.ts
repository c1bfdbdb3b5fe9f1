import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import type { CountCorpusOptions } from "./_count_options.ts";
import type { FrequentGrams } from "./_gram_counts.ts";
import { examplesOf, Field, ROW } from "./_gram_rows.ts";
import { quoteExamples } from "./_quote_examples.ts";
import type { NgramTable } from "./ngram_table.ts";

/** Puts the grams of all ranges in the order of their texts, and quotes their examples. */
export async function assembleTable(
  corpus: StoredCorpus,
  found: readonly FrequentGrams[],
  options: CountCorpusOptions,
): Promise<NgramTable> {
  const grams = found.flatMap((range) => range.texts.map((text, index) => ({ range, index, text })))
    .sort((a, b) => a.text < b.text ? -1 : 1);
  const column = <A extends Uint8Array | Uint32Array>(array: A, field: number): A => {
    for (const [g, { range, index }] of grams.entries()) {
      array[g] = range.rows[index * ROW + field]!;
    }
    return array;
  };
  const promptOffsets = new Float64Array(grams.length + 1);
  for (const [g, { range: { promptOffsets: offsets }, index }] of grams.entries()) {
    promptOffsets[g + 1] = promptOffsets[g]! + offsets[index + 1]! - offsets[index]!;
  }
  const promptIndices = new Uint32Array(promptOffsets[grams.length]!);
  for (const [g, { range: { prompts, promptOffsets: offsets }, index }] of grams.entries()) {
    promptIndices.set(prompts.subarray(offsets[index]!, offsets[index + 1]!), promptOffsets[g]!);
  }
  const quotations = grams.map(({ range, index }) => examplesOf(range.rows, index * ROW));
  const examples = await quoteExamples(corpus, quotations.flat(), options);
  let next = 0;
  const length = grams.length;
  return {
    unit: options.unit,
    numPrompts: corpus.numPrompts,
    numSolutions: corpus.numSolutions,
    minPrompts: options.minPrompts,
    texts: grams.map(({ text }) => text),
    numWords: column(new Uint8Array(length), Field.numWords),
    occurrences: column(new Uint32Array(length), Field.occurrences),
    solutions: column(new Uint32Array(length), Field.solutions),
    promptOffsets,
    promptIndices,
    sentenceStarts: column(new Uint32Array(length), Field.sentenceStarts),
    paragraphStarts: column(new Uint32Array(length), Field.paragraphStarts),
    mathSentences: column(new Uint32Array(length), Field.mathSentences),
    followedByMath: column(new Uint32Array(length), Field.followedByMath),
    examples: quotations.map(({ length }) => examples.slice(next, next += length)),
  };
}
