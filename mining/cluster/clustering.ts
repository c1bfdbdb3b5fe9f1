/** What every clustering of this module takes beside its own parameters. */
export interface ClusteringOptions {
  /** Threads of the matrix products. @default 0, which leaves the number to onnxruntime */
  readonly threads?: number;
  /** Stops the work; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each block of pairs with the pairs done and the pairs in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Puts row vectors, [rows x dimensions], into clusters by cosine distance and returns a label for
 * each row: clusters are numbered from 0, and -1 is noise.
 */
export type Clustering = (
  vectors: Float32Array,
  dimensions: number,
  options: ClusteringOptions,
) => Promise<Int32Array>;
