import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import { type Gram, GRAM_KINDS, type Lexicon, lexiconFromGrams } from "../sg/mod.ts";
import { clusterGrams } from "./cluster/_cluster_grams.ts";
import { coveredCharacters } from "./judge/_covered_characters.ts";
import { digestOf } from "./_digest.ts";
import { ifThere } from "./_kept_json.ts";
import { type MineParameters, mineParameters, recordOf } from "./_mine_parameters.ts";
import { readNgramTable, writeNgramTable } from "./count/_ngram_table_file.ts";
import { selectedCorpus } from "./corpus/_selected_corpus.ts";
import { selectGrams } from "./count/_select_grams.ts";
import { absorbNested } from "./count/absorb_nested.ts";
import { burstiness } from "./judge/burstiness.ts";
import { clusterFrequencies } from "./cluster/cluster_frequencies.ts";
import { countNgrams } from "./count/count_ngrams.ts";
import type { Embedder } from "./embed/embedder.ts";
import { cachedEmbedder } from "./embed/embedding_cache.ts";
import {
  type GramFunctions,
  judgeFunctions,
  type PrototypeVectors,
} from "./judge/judge_functions.ts";
import { mathematicsLogRatio } from "./judge/mathematics_log_ratio.ts";
import type { MineOptions } from "./mine_options.ts";
import type { NgramTable } from "./count/ngram_table.ts";
import { defaultPrototypes, type Prototypes } from "./judge/prototypes.ts";
import type { SelectionCounts } from "./corpus/select_solutions.ts";
import type { Solution } from "../files/mod.ts";
import { staticEmbedder } from "./embed/static_embedder.ts";
import type { StoredCorpus } from "./corpus/stored_corpus.ts";
import { claimWorkFolder } from "./work_folder.ts";

/**
 * Mines strategic grams from solutions: the paper's pipeline (section 2.1 and appendix A), with the
 * steps that it names but does not give.
 *
 * 1. *Select* the solutions that succeeded, near-duplicates once (`selectSolutions`).
 * 2. *Count* the n-grams of words inside sentences; mathematics, code, numbers and names part them
 *    (`countNgrams`). Of grams inside each other, keep those that say each thing once (`absorbNested`).
 * 3. *Embed* and *cluster* them (`chooseEpsilon`, `dbscan`).
 * 4. *Frequent over solutions*: keep the clusters in the most prompts, by default the top 20 %
 *    (`clusterFrequencies`). *Rare within one*: keep the grams that pile up least inside
 *    solutions, by default 90 % (`burstiness`).
 * 5. *Function*: a gram must be more likely to guide the solution than to carry it out, by its
 *    nearness to prototypes of either (`judgeFunctions`), by the mathematics around it
 *    (`mathematicsLogRatio`) and by the share of n-grams that guide at all:
 *    `logOdds - mathWeight * ratio + log(prior / (1 - prior)) > 0`, half by itself and half by the mean of
 *    its cluster. Its kind is that of the prototypes it is nearest to.
 * 6. *Share*: of these, the best that together cover at most `maxShare` of the corpus.
 *
 * The lexicon's clusters are numbered from the most frequent; its grams stand by cluster, then by the solutions
 * that hold them. Its provenance holds every parameter and how many grams each step left. The same
 * solutions in the same order give the same bytes, whatever the number of threads or interruptions.
 *
 * @example Usage
 * ```ts
 * import { mine } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const solutions = ["2 + 2 = 4", "3 + 3 = 6", "4 + 4 = 8"].map((sum, p) => ({
 *   text: `The sum is ${sum}. Wait, let me check that again. Yes, the sum is ${sum}.`,
 *   promptId: String(p),
 *   succeeded: true,
 * }));
 * const lexicon = await mine(solutions, { keepClusters: 1, maxShare: 1 });
 * assert.ok(lexicon.grams.some(({ text }) => text.includes("let me check that")));
 * assert.ok(!lexicon.grams.some(({ text }) => text.includes("sum")));
 * ```
 *
 * @param solutions The corpus, in a fixed order; read once.
 * @param options Every parameter, and where to keep what is finished.
 * @returns The lexicon.
 * @throws {RangeError} If an option is out of range, the work folder is one of others, no solution is left, or no
 * gram is left; the message says how many each step left.
 * @throws {TypeError} If a solution has no label and `unlabelled` is `"error"`.
 * @throws {SyntaxError} If a file of the work folder is damaged; vectors alone are computed again.
 */
export async function mine(
  solutions: AsyncIterable<Solution> | Iterable<Solution>,
  options: MineOptions = {},
): Promise<Lexicon> {
  const parameters = mineParameters(options);
  const { workFolder } = options;
  if (workFolder !== undefined) await claimWorkFolder(workFolder);
  const folder = workFolder ?? await mkdtemp(join(tmpdir(), "hicra-mine-"));
  const embedder = options.embedder ?? await staticEmbedder({ threads: options.threads ?? 0 });
  try {
    return await mineIn(folder, solutions, embedder, parameters);
  } finally {
    if (options.embedder === undefined) await embedder.release();
    if (workFolder === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function mineIn(
  folder: string,
  solutions: AsyncIterable<Solution> | Iterable<Solution>,
  embedder: Embedder,
  options: MineParameters,
): Promise<Lexicon> {
  const { prototypes = defaultPrototypes(), functional } = options;
  const { corpus, counts } = await selectedCorpus(solutions, folder, options);
  if (corpus.numSolutions === 0) throw noSolutionError(counts);

  const counted = await countedNgrams(corpus, folder, options);
  const keepers = absorbNested(counted, { share: options.absorbShare });
  const table = selectGrams(
    counted,
    Int32Array.from(keepers.keys()).filter((g) => keepers[g] === g),
  );

  const cached = cachedEmbedder(embedder, join(folder, "embeddings"));
  const vectors = await embedGrams(table.texts, cached, options);
  const { clusters, epsilon } = await clusterGrams(vectors, embedder.dimensions, folder, options);
  const frequencies = clusterFrequencies(table, clusters);
  const bursts = burstiness(table.occurrences, table.solutions, table.numSolutions);
  const functions = judgeFunctions(
    vectors,
    await embedPrototypes(prototypes, cached),
    options.temperature === undefined ? {} : { temperature: options.temperature },
  );
  const scores = functionScores(table, clusters, functions, options);

  const minFrequency = leastOfTop(frequencies, options.keepClusters);
  const maxBurstiness = mostOfBottom(bursts, options.keepSparse);
  const steps: Record<string, number> = {
    ngrams: counted.texts.length,
    afterAbsorption: table.texts.length,
  };
  let grams = Array.from(table.texts.keys());
  const keep = (step: string, test: (gram: number) => boolean): void => {
    grams = grams.filter(test);
    steps[step] = grams.length;
  };
  keep("afterFrequency", (gram) => frequencies[clusters[gram]!]! >= minFrequency);
  keep("afterSparsity", (gram) => bursts[gram]! <= maxBurstiness);
  if (functional) keep("afterFunction", (gram) => scores[gram]! > 0);
  const goodness = (gram: number): number =>
    functional ? scores[gram]! : frequencies[clusters[gram]!]!;
  grams.sort((a, b) => goodness(b) - goodness(a) || a - b);
  const { share, numGrams } = await bestWithin(grams, table, corpus, options);
  grams = grams.slice(0, numGrams);
  steps.afterShare = grams.length;
  if (grams.length === 0) throw noGramError(steps);

  return lexiconFromGrams(
    minedGrams(grams, { table, clusters, frequencies, bursts, functions, scores }),
    {
      name: options.name ?? "mined",
      provenance: {
        source: options.source ?? "solutions",
        corpusDigest: corpus.digest,
        parameters: {
          ...options.reading,
          ...recordOf(options),
          minPrompts: table.minPrompts,
          embedder: embedder.name,
          embedderDigest: embedder.digest,
          prototypesDigest: digestOf([JSON.stringify([prototypes.kinds, prototypes.execution])]),
          temperature: functions.temperature,
          epsilon,
          minFrequency,
          maxBurstiness: rounded(maxBurstiness),
          solutionsRead: counts.read,
          solutionsFailed: counts.failed,
          solutionsUnlabelled: counts.unlabelled,
          solutionsDuplicate: counts.duplicates,
          solutions: corpus.numSolutions,
          prompts: corpus.numPrompts,
          characters: corpus.numCharacters,
          clusters: frequencies.length,
          ...steps,
          coveredShare: rounded(share),
        },
        notes: table.unit === "word" ? NOTES : [...NOTES, CHARACTER_NOTE],
      },
    },
  );
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

/** Rule 4 of the matching rules: letters are word characters in every script. */
const CHARACTER_NOTE =
  "unit character: by version 1 of the matching rules a gram matches only where no letter stands beside it, " +
  "so not inside a clause of a script without spaces.";

async function countedNgrams(
  corpus: StoredCorpus,
  folder: string,
  options: MineParameters,
): Promise<NgramTable> {
  const { unit, minWords, maxWords, minPrompts } = options;
  const { memoryBytes, signal, onProgress } = options;
  const name = digestOf([
    corpus.digest,
    JSON.stringify([unit, minWords, maxWords, minPrompts ?? "default"]),
  ]).slice("sha256:".length);
  const path = join(folder, `ngrams-${name}`);
  const found = await ifThere(readNgramTable(path));
  if (found !== undefined) return found;
  const table = await countNgrams(corpus, {
    unit,
    minWords,
    maxWords,
    ...(minPrompts !== undefined && { minPrompts }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(signal !== undefined && { signal }),
    onProgress: ({ stage, solutions: done }) => {
      if (stage !== "store") onProgress?.({ stage, done, total: corpus.numSolutions });
    },
  });
  await writeNgramTable(path, table);
  return table;
}

async function embedGrams(
  texts: readonly string[],
  embedder: Embedder,
  { signal, onProgress }: MineParameters,
): Promise<Float32Array> {
  return await embedder.embed(texts, {
    ...(signal !== undefined && { signal }),
    onProgress: (done, total) => onProgress?.({ stage: "embed", done, total }),
  });
}

async function embedPrototypes(
  { kinds, execution }: Prototypes,
  embedder: Embedder,
): Promise<PrototypeVectors> {
  const embedded: Record<string, Float32Array> = {};
  for (const [kind, phrases] of Object.entries(kinds)) {
    embedded[kind] = await embedder.embed(phrases);
  }
  return {
    dimensions: embedder.dimensions,
    kinds: embedded,
    execution: await embedder.embed(execution),
  };
}

/** Log-odds that each gram guides the solution, half its own and half the mean of its cluster. */
function functionScores(
  table: NgramTable,
  clusters: Int32Array,
  { logOdds }: GramFunctions,
  { prior, mathWeight }: MineParameters,
): Float64Array {
  const ratios = mathematicsLogRatio(table.occurrences, table.mathSentences);
  const own = logOdds.map((odds, gram) =>
    odds - mathWeight * ratios[gram]! + Math.log(prior / (1 - prior))
  );
  const sums = new Float64Array(own.length);
  const sizes = new Uint32Array(own.length);
  for (const [gram, score] of own.entries()) {
    sums[clusters[gram]!]! += score;
    sizes[clusters[gram]!]!++;
  }
  return own.map((score, gram) => {
    const cluster = clusters[gram]!;
    return (score + sums[cluster]! / sizes[cluster]!) / 2;
  });
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

interface Measured {
  readonly table: NgramTable;
  readonly clusters: Int32Array;
  readonly frequencies: Uint32Array;
  readonly bursts: Float64Array;
  readonly functions: GramFunctions;
  readonly scores: Float64Array;
}

function minedGrams(grams: readonly number[], measured: Measured): Gram[] {
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

function noSolutionError(
  { read, failed, unlabelled, duplicates }: SelectionCounts,
): InputRangeError {
  return new InputRangeError(
    `Cannot mine as at least one solution must be left: of ${read} that were read ${failed} did not ` +
      `succeed, ${unlabelled} had no label and ${duplicates} were repetitions` +
      (failed > 0 ? "; a number as label says succeeded from minReward on, by default 1" : ""),
    { code: "nothing_left", ...(failed > 0 && { option: "minReward" }) },
  );
}

function noGramError(steps: Readonly<Record<string, number>>): InputRangeError {
  const left = Object.entries(steps).map(([step, grams]) => `${step} ${grams}`).join(", ");
  return new InputRangeError(
    `Cannot make a lexicon as at least one gram must be left: the steps left ${left}; relax the first ` +
      `that left none`,
    { code: "nothing_left" },
  );
}
