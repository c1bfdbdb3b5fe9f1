import type { StoredCorpus } from "./corpus/stored_corpus.ts";
import type { NgramTable } from "./count/ngram_table.ts";
import { coveredCharacters } from "./judge/_covered_characters.ts";
import type { JudgedGrams } from "./judge/_judge_grams.ts";
import type { MineParameters } from "./_mine_parameters.ts";

/** What is known of the grams of a table, `[G]` each. */
export interface MeasuredGrams extends JudgedGrams {
  readonly table: NgramTable;
  readonly clusters: Int32Array;
  /** Prompts of each cluster. */
  readonly frequencies: Uint32Array;
  readonly bursts: Float64Array;
}

/** The grams that are left, best first, and how. */
export interface FilteredGrams {
  readonly grams: readonly number[];
  /** How many grams each step left. */
  readonly steps: Readonly<Record<string, number>>;
  readonly minFrequency: number;
  readonly maxBurstiness: number;
  /** The share of the corpus that the grams cover. */
  readonly share: number;
}

/**
 * Keeps the grams of frequent clusters that are rare within a solution and guide it, and of these the best that
 * together cover at most a share of the corpus.
 */
export async function filterGrams(
  { table, clusters, frequencies, bursts, scores }: MeasuredGrams,
  corpus: StoredCorpus,
  options: MineParameters,
): Promise<FilteredGrams> {
  const minFrequency = leastOfTop(frequencies, options.keepClusters);
  const maxBurstiness = mostOfBottom(bursts, options.keepSparse);
  const steps: Record<string, number> = {};
  let grams = Array.from(table.texts.keys());
  const keep = (step: string, test: (gram: number) => boolean): void => {
    grams = grams.filter(test);
    steps[step] = grams.length;
  };
  keep("afterFrequency", (gram) => frequencies[clusters[gram]!]! >= minFrequency);
  keep("afterSparsity", (gram) => bursts[gram]! <= maxBurstiness);
  if (options.functional) keep("afterFunction", (gram) => scores[gram]! > 0);
  const goodness = (gram: number): number =>
    options.functional ? scores[gram]! : frequencies[clusters[gram]!]!;
  grams.sort((a, b) => goodness(b) - goodness(a) || a - b);
  const { share, numGrams } = await bestWithin(grams, table, corpus, options);
  grams = grams.slice(0, numGrams);
  steps.afterShare = grams.length;
  return { grams, steps, minFrequency, maxBurstiness, share };
}

/** The least value of the greatest share; equal values are in it. */
function leastOfTop(values: Uint32Array, share: number): number {
  const descending = values.toSorted().reverse();
  return descending[Math.max(0, Math.ceil(share * descending.length) - 1)]!;
}

/** The greatest value of the least share; equal values are in it. */
function mostOfBottom(values: Float64Array, share: number): number {
  return values.toSorted()[Math.max(0, Math.ceil(share * values.length) - 1)]!;
}

/** How many grams, best first, cover together at most `maxShare`, and the share that they cover. */
async function bestWithin(
  grams: readonly number[],
  table: NgramTable,
  corpus: StoredCorpus,
  { maxShare, signal, onProgress }: MineParameters,
): Promise<{ share: number; numGrams: number }> {
  const { covered, total } = await coveredCharacters(
    corpus.solutions(),
    grams.map((gram) => table.texts[gram]!),
    {
      unit: table.unit,
      signal,
      onProgress: (done) => onProgress?.({ stage: "cover", done, total: corpus.numSolutions }),
    },
  );
  let sum = 0;
  let numGrams = 0;
  for (; numGrams < grams.length; numGrams++) {
    const next = sum + covered[numGrams]!;
    if (next > maxShare * total) break;
    sum = next;
  }
  return { share: sum / total, numGrams };
}
