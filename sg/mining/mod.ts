/**
 * Mining strategic grams from a corpus of solutions: `mine` does all of it, the other functions are its
 * stages, each usable alone.
 *
 * @module
 */
export { absorbNested, type AbsorbNestedOptions } from "./absorb_nested.ts";
export { agglomerative, type AgglomerativeOptions } from "./agglomerative.ts";
export {
  chooseEpsilon,
  type ChooseEpsilonOptions,
  type EpsilonCandidate,
  type EpsilonChoice,
} from "./choose_epsilon.ts";
export { burstiness } from "./burstiness.ts";
export { clusterFrequencies } from "./cluster_frequencies.ts";
export type { Clustering, ClusteringOptions } from "./clustering.ts";
export { countNgrams, type CountNgramsOptions, type NgramProgress } from "./count_ngrams.ts";
export { dbscan, type DbscanOptions } from "./dbscan.ts";
export { type Embedder, type EmbedOptions } from "./embedder.ts";
export { cachedEmbedder } from "./embedding_cache.ts";
export { fetchHubFile, type HubFile, type HubOptions } from "./hub_file.ts";
export {
  type GramFunctions,
  judgeFunctions,
  type JudgeFunctionsOptions,
  type PrototypeVectors,
} from "./judge_functions.ts";
export { mathematicsLogRatio } from "./mathematics_log_ratio.ts";
export { mine } from "./mine.ts";
export type { MineOptions, MineProgress, NamedClustering } from "./mine_options.ts";
export type { GramUnit, NgramTable } from "./ngram_table.ts";
export { defaultPrototypes, parsePrototypes, type Prototypes } from "./prototypes.ts";
export {
  type SelectionCounts,
  selectSolutions,
  type SelectSolutionsOptions,
} from "./select_solutions.ts";
export { sentenceTransformer, type SentenceTransformerOptions } from "./sentence_transformer.ts";
export {
  type CorpusShard,
  openCorpus,
  storeCorpus,
  type StoreCorpusOptions,
  type StoredCorpus,
  type StoredSolution,
} from "./stored_corpus.ts";
export { staticEmbedder, type StaticEmbedderOptions } from "./static_embedder.ts";
export { claimWorkFolder, removeWorkFolder } from "./work_folder.ts";
