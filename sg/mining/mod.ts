/**
 * The stages of mining strategic grams from a corpus of solutions: selecting solutions, storing them,
 * counting n-grams, and clustering their embeddings.
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
export type { Clustering, ClusteringOptions } from "./clustering.ts";
export { countNgrams, type CountNgramsOptions, type NgramProgress } from "./count_ngrams.ts";
export { dbscan, type DbscanOptions } from "./dbscan.ts";
export { type Embedder, type EmbedOptions } from "./embedder.ts";
export { cachedEmbedder } from "./embedding_cache.ts";
export { fetchHubFile, type HubFile, type HubOptions } from "./hub_file.ts";
export type { GramUnit, NgramTable } from "./ngram_table.ts";
export { readNgramTable, writeNgramTable } from "./_ngram_table_file.ts";
export {
  type SelectionCounts,
  selectSolutions,
  type SelectSolutionsOptions,
} from "./select_solutions.ts";
export { sentenceTransformer, type SentenceTransformerOptions } from "./sentence_transformer.ts";
export type { Solution } from "./solution.ts";
export {
  type CorpusShard,
  openCorpus,
  storeCorpus,
  type StoreCorpusOptions,
  type StoredCorpus,
  type StoredSolution,
} from "./stored_corpus.ts";
export { staticEmbedder, type StaticEmbedderOptions } from "./static_embedder.ts";
