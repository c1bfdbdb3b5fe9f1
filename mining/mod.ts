/**
 * Mining strategic grams from a corpus of solutions: `mine` does all of it, the other functions are its
 * stages, each usable alone.
 *
 * @module
 */
export { absorbNested, type AbsorbNestedOptions } from "./count/absorb_nested.ts";
export { agglomerative, type AgglomerativeOptions } from "./cluster/agglomerative.ts";
export {
  chooseEpsilon,
  type ChooseEpsilonOptions,
  type EpsilonCandidate,
  type EpsilonChoice,
} from "./cluster/choose_epsilon.ts";
export { checkLexicon, type CheckLexiconOptions } from "./check/check_lexicon.ts";
export type {
  CheckedGram,
  EarlierCheck,
  LexiconCheck,
  MissedOpening,
} from "./check/lexicon_check.ts";
export { burstiness } from "./judge/burstiness.ts";
export { clusterFrequencies } from "./cluster/cluster_frequencies.ts";
export type { Clustering, ClusteringOptions } from "./cluster/clustering.ts";
export { countNgrams, type CountNgramsOptions } from "./count/count_ngrams.ts";
export { dbscan, type DbscanOptions } from "./cluster/dbscan.ts";
export { type Embedder, type EmbedOptions } from "./embed/embedder.ts";
export { cachedEmbedder } from "./embed/embedding_cache.ts";
export { fetchHubFile, type HubFile, type HubOptions } from "./embed/hub_file.ts";
export {
  type GramFunctions,
  judgeFunctions,
  type JudgeFunctionsOptions,
  type PrototypeVectors,
} from "./judge/judge_functions.ts";
export { mathematicsLogRatio } from "./judge/mathematics_log_ratio.ts";
export { mine } from "./mine.ts";
export type { MineOptions, MineProgress, NamedClustering } from "./mine_options.ts";
export type { NgramProgress } from "./count/ngram_progress.ts";
export type { StoredSolution } from "./corpus/stored_solution.ts";
export type { GramUnit, NgramTable } from "./count/ngram_table.ts";
export { defaultPrototypes, parsePrototypes, type Prototypes } from "./judge/prototypes.ts";
export {
  type SelectionCounts,
  selectSolutions,
  type SelectSolutionsOptions,
} from "./corpus/select_solutions.ts";
export {
  sentenceTransformer,
  type SentenceTransformerOptions,
} from "./embed/sentence_transformer.ts";
export {
  type CorpusShard,
  openCorpus,
  storeCorpus,
  type StoreCorpusOptions,
  type StoredCorpus,
} from "./corpus/stored_corpus.ts";
export { staticEmbedder, type StaticEmbedderOptions } from "./embed/static_embedder.ts";
export { claimWorkFolder, removeWorkFolder } from "./work_folder.ts";
