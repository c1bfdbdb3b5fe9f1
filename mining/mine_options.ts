import type { Clustering } from "./cluster/clustering.ts";
import type { Embedder } from "./embed/embedder.ts";
import type { GramUnit } from "./count/ngram_table.ts";
import type { Prototypes } from "./judge/prototypes.ts";

/** What {@linkcode mine} says while it works. */
export interface MineProgress {
  /**
   * `read` and store the solutions, count n-grams in three passes (`filter`, `count`, `examples`), `embed` and
   * `cluster` them, and measure what the candidates `cover`. What is there already is not begun again.
   */
  readonly stage: "read" | "filter" | "count" | "examples" | "embed" | "cluster" | "cover";
  /** Solutions, n-grams or pairs that are done. */
  readonly done: number;
  /** Of how many; absent while the solutions are read. */
  readonly total?: number;
}

/** A clustering of one's own. */
export interface NamedClustering {
  /** For the provenance of the lexicon; must tell its parameters. */
  readonly name: string;
  /** Puts vectors into clusters. */
  readonly cluster: Clustering;
}

/** Options of {@linkcode mine}. */
export interface MineOptions {
  /** Name of the lexicon. Default `mined`. */
  readonly name?: string;
  /** Where the solutions come from, for the provenance. Default `solutions`. */
  readonly source?: string;
  /** How they were read, such as by which fields: recorded beside the parameters. */
  readonly reading?: Readonly<Record<string, string | number | boolean>>;

  /** What is done with solutions that nobody labeled; default `"error"`. */
  readonly unlabeled?: "error" | "keep" | "drop";
  /** Similarity from which two solutions count as one; default 0.9. */
  readonly similarity?: number;

  /** What an n-gram is made of; default `word`. */
  readonly unit?: GramUnit;
  /**
   * Fewest words of a gram; default 2. The paper says 3, but its own list does not keep to it, and
   * grams of two words carry much of the planning ("let me", "but wait"): bench/lexicons has the figures.
   */
  readonly minWords?: number;
  /** Most words of a gram; default 5. */
  readonly maxWords?: number;
  /** Least number of prompts of a gram; default 0.2 % of the prompts, and at least 3. */
  readonly minPrompts?: number;
  /** Share of occurrences at which nested grams absorb each other; default 0.9. */
  readonly absorbShare?: number;

  /** Embeds the grams; not released. Default: static word vectors that come with the module. */
  readonly embedder?: Embedder;
  /**
   * Default `dbscan`; a gram that is noise to it is a cluster of one. `agglomerative` is average linkage;
   * with `none` every gram is a cluster.
   */
  readonly clustering?: "dbscan" | "agglomerative" | "none" | NamedClustering;
  /** Cosine distance of the clustering; default: just below percolation, see `chooseEpsilon`. */
  readonly epsilon?: number;
  /** Points that make a core of DBSCAN; default 2. */
  readonly minPoints?: number;

  /** Share of the clusters that is kept, those in the most prompts; default 0.2, 1 keeps all. */
  readonly keepClusters?: number;
  /** Share of the grams that is kept, the least bursty; default 0.9, 1 keeps all. */
  readonly keepSparse?: number;

  /** Whether grams must guide the solution, judged by prototypes; default true. */
  readonly functional?: boolean;
  /** What guides and what does not, by example; default: English, see `defaultPrototypes`. */
  readonly prototypes?: Prototypes;
  /** Kernel width of the prototypes; default: chosen by them, see `judgeFunctions`. */
  readonly temperature?: number;
  /**
   * Share of n-grams that guide a solution before anything is known of them, above 0 and below 1. Default 0.12:
   * what the annotators of the paper's camera-ready version found among random n-grams.
   */
  readonly prior?: number;
  /** Weight of the mathematics around a gram beside its prototypes; default 0.5, 0 is off. */
  readonly mathWeight?: number;
  /**
   * Most of the corpus's characters that the lexicon may cover, best grams first. Default 0.045, inside
   * the 2 to 6 % of tokens that the paper's figures imply; 1 is off.
   */
  readonly maxShare?: number;

  /**
   * Folder for what is finished, so that a run that was cut short goes on from there; made if it is
   * not there, and kept: `removeWorkFolder` removes it. A folder of others that is not empty is refused.
   * Default: a temporary folder that is removed.
   */
  readonly workFolder?: string;
  /**
   * Names the solutions, such as by the sizes and dates of their files: solutions that lie in the work
   * folder under the same name are not read again. Default: they are.
   */
  readonly corpusKey?: string;
  /** Memory for counting, in bytes; default 1 GiB. */
  readonly memoryBytes?: number;
  /** Threads of matrix products; default 0, which leaves the number to onnxruntime. */
  readonly threads?: number;
  /** Is told how far the work is. */
  readonly onProgress?: (progress: MineProgress) => void;
  /** Ends the work early; what is finished stays in the work folder. */
  readonly signal?: AbortSignal;
}
