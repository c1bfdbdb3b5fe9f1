import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import type { Solution } from "../files/mod.ts";
import type { Lexicon } from "../sg/mod.ts";
import { clusterGrams } from "./cluster/_cluster_grams.ts";
import { clusterFrequencies } from "./cluster/cluster_frequencies.ts";
import { selectedCorpus } from "./corpus/_selected_corpus.ts";
import type { SelectionCounts } from "./corpus/select_solutions.ts";
import { countedNgrams } from "./count/_counted_ngrams.ts";
import { selectGrams } from "./count/_select_grams.ts";
import { absorbNested } from "./count/absorb_nested.ts";
import type { Embedder } from "./embed/embedder.ts";
import { cachedEmbedder } from "./embed/embedding_cache.ts";
import { staticEmbedder } from "./embed/static_embedder.ts";
import { filterGrams, type MeasuredGrams } from "./_filter_grams.ts";
import { judgeGrams } from "./judge/_judge_grams.ts";
import { burstiness } from "./judge/burstiness.ts";
import { defaultPrototypes } from "./judge/prototypes.ts";
import type { MineOptions } from "./mine_options.ts";
import { type MineParameters, mineParameters } from "./_mine_parameters.ts";
import { minedLexicon } from "./_mined_lexicon.ts";
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
 * @throws {TypeError} If a solution has no label and `unlabeled` is `"error"`.
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
  const { prototypes = defaultPrototypes(), signal, onProgress } = options;
  const { corpus, counts } = await selectedCorpus(solutions, folder, options);
  if (corpus.numSolutions === 0) throw noSolutionError(counts);

  const counted = await countedNgrams(corpus, folder, options);
  const keepers = absorbNested(counted, { share: options.absorbShare });
  const kept = Int32Array.from(keepers.keys()).filter((gram) => keepers[gram] === gram);
  const table = selectGrams(counted, kept);

  const cached = cachedEmbedder(embedder, join(folder, "embeddings"));
  const vectors = await cached.embed(table.texts, {
    ...(signal !== undefined && { signal }),
    onProgress: (done, total) => onProgress?.({ stage: "embed", done, total }),
  });
  const { clusters, epsilon } = await clusterGrams(vectors, embedder.dimensions, folder, options);
  const measured: MeasuredGrams = {
    table,
    clusters,
    frequencies: clusterFrequencies(table, clusters),
    bursts: burstiness(table.occurrences, table.solutions, table.numSolutions),
    ...await judgeGrams(table, { vectors, clusters }, { prototypes, embedder: cached }, options),
  };

  const filtered = await filterGrams(measured, corpus, options);
  const steps = {
    ngrams: counted.texts.length,
    afterAbsorption: table.texts.length,
    ...filtered.steps,
  };
  if (filtered.grams.length === 0) throw noGramError(steps);
  return minedLexicon(
    { ...filtered, steps },
    measured,
    { corpus, counts, embedder, prototypes, epsilon },
    options,
  );
}

function noSolutionError(
  { read, failed, unlabeled, duplicates }: SelectionCounts,
): InputRangeError {
  return new InputRangeError(
    `Cannot mine as at least one solution must be left: of ${read} that were read ${failed} did not ` +
      `succeed, ${unlabeled} had no label and ${duplicates} were repetitions` +
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
