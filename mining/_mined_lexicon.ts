import { type Gram, GRAM_KINDS, type Lexicon, lexiconFromGrams } from "../sg/mod.ts";
import { MATCHING_VERSION } from "../sg/internal.ts";
import type { SelectedCorpus } from "./corpus/_selected_corpus.ts";
import { digestOf } from "./_digest.ts";
import type { Embedder } from "./embed/embedder.ts";
import type { FilteredGrams, MeasuredGrams } from "./_filter_grams.ts";
import type { Prototypes } from "./judge/prototypes.ts";
import { type MineParameters, recordOf } from "./_mine_parameters.ts";

/** What a lexicon was mined from and with, for its provenance. */
export interface MinedFrom extends SelectedCorpus {
  readonly embedder: Embedder;
  readonly prototypes: Prototypes;
  readonly epsilon: number | null;
}

/** Makes a lexicon of the grams that are left, with all that made it. */
export function minedLexicon(
  filtered: FilteredGrams,
  measured: MeasuredGrams,
  { corpus, counts, embedder, prototypes, epsilon }: MinedFrom,
  options: MineParameters,
): Lexicon {
  const { table, functions, frequencies } = measured;
  return lexiconFromGrams(minedGrams(filtered.grams, measured), {
    name: options.name ?? "mined",
    provenance: {
      source: options.source ?? "solutions",
      corpusDigest: corpus.digest,
      matching: MATCHING_VERSION,
      parameters: {
        ...options.reading,
        ...recordOf(options),
        minPrompts: table.minPrompts,
        embedder: embedder.name,
        embedderDigest: embedder.digest,
        prototypesDigest: digestOf([JSON.stringify([prototypes.kinds, prototypes.execution])]),
        temperature: functions.temperature,
        epsilon,
        minFrequency: filtered.minFrequency,
        maxBurstiness: rounded(filtered.maxBurstiness),
        solutionsRead: counts.read,
        solutionsFailed: counts.failed,
        solutionsUnlabeled: counts.unlabeled,
        solutionsDuplicate: counts.duplicates,
        solutions: corpus.numSolutions,
        prompts: corpus.numPrompts,
        characters: corpus.numCharacters,
        clusters: frequencies.length,
        ...filtered.steps,
        coveredShare: rounded(filtered.share),
      },
      notes: NOTES,
    },
  });
}

/** What the figures of a mined gram mean. */
const NOTES: readonly string[] = [
  "Mined by @hicra/hicra/mining, whose documentation of mine() explains every parameter; ngrams and after* " +
  "are the grams that each step left.",
  "documentFrequency: solutions that hold the gram. confidence: probability of the kind among the four. " +
  "statistics: clusterFrequency, prompts that hold a gram of its cluster; prompts, those that hold the gram; " +
  "functional, probability that it guides the solution; burstiness, its occurrences per solution that " +
  "has it over those of chance; mathematics, share of its occurrences in sentences with mathematics.",
];

function minedGrams(grams: readonly number[], measured: MeasuredGrams): Gram[] {
  const { table, clusters, frequencies, bursts, functions, scores } = measured;
  // Clusters from the most frequent; of equals the one whose first gram comes first.
  const order = [...new Set(grams.toSorted((a, b) => a - b).map((gram) => clusters[gram]!))]
    .sort((a, b) => frequencies[b]! - frequencies[a]!);
  const ranks = new Map(order.map((cluster, rank) => [cluster, rank]));
  const rankOf = (gram: number): number => ranks.get(clusters[gram]!)!;
  return grams.toSorted((a, b) =>
    rankOf(a) - rankOf(b) || table.solutions[b]! - table.solutions[a]! || a - b
  ).map((gram) => ({
    text: table.texts[gram]!,
    kind: GRAM_KINDS[functions.kinds[gram]!]!,
    confidence: rounded(functions.confidences[gram]!),
    cluster: rankOf(gram),
    documentFrequency: table.solutions[gram]!,
    occurrences: table.occurrences[gram]!,
    statistics: {
      clusterFrequency: frequencies[clusters[gram]!]!,
      prompts: table.promptOffsets[gram + 1]! - table.promptOffsets[gram]!,
      functional: rounded(1 / (1 + Math.exp(-scores[gram]!))),
      burstiness: rounded(bursts[gram]!),
      mathematics: rounded(table.mathSentences[gram]! / table.occurrences[gram]!),
    },
    ...(table.examples[gram]![0] !== undefined && { example: table.examples[gram]![0] }),
  }));
}

/** Four digits say all that a count over solutions can. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
