import { InputRangeError } from "../../batch/mod.ts";
import { checkCount } from "../_check_count.ts";
import { directions } from "./_directions.ts";
import { visitNearPairs } from "./_near_pairs.ts";
import { DensityClusters } from "./_density_clusters.ts";
import type { ClusteringOptions } from "./clustering.ts";

/** Options of {@linkcode dbscan}. */
export interface DbscanOptions extends ClusteringOptions {
  /** Vectors are neighbors where `1 - cos <= epsilon`; above 0, at most 2. */
  readonly epsilon: number;
  /** Neighbors, the vector itself among them, that make a core point; from 1. */
  readonly minPoints: number;
}

/**
 * Clusters row vectors by density and cosine distance with DBSCAN (Ester, Kriegel, Sander and Xu,
 * KDD 1996): a vector with at least `minPoints` neighbors, `1 - cos <= epsilon` and itself among
 * them, is a core point; core points that are neighbors share a cluster; another neighbor of a core
 * point is a border point.
 *
 * The labels are those of scikit-learn's `DBSCAN(metric="cosine")` on the same vectors in float64:
 * clusters are numbered by their first core point, and a border point of several clusters belongs to
 * the first. Pairs are compared in float32, and in float64 wherever rounding could decide; only
 * distances within some 1e-15 of `epsilon` depend on the order of a float64 sum.
 *
 * Every pair is looked at once, in blocks of matrix products; beside the vectors and a normalized
 * copy the memory is some `4 * minPoints` bytes a vector, whatever the number of neighbors.
 *
 * @example Usage
 * ```ts
 * import { dbscan } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const vectors = Float32Array.from([[1, 0], [0.99, 0.1], [0, 1], [0.1, 0.99], [-1, 0]].flat());
 * assert.deepEqual(
 *   await dbscan(vectors, 2, { epsilon: 0.05, minPoints: 2 }),
 *   Int32Array.of(0, 0, 1, 1, -1),
 * );
 * ```
 *
 * @param vectors The vectors, [rows x dimensions], of any length but zero.
 * @param dimensions Numbers in a vector.
 * @param options Epsilon, the points that make a core, threads, a signal and a progress callback.
 * @returns The cluster of each row, from 0; -1 is noise.
 * @throws {RangeError} If a vector is zero or not finite, or an option is out of its range.
 * @throws {TypeError} If the vectors are no whole number of rows.
 */
export async function dbscan(
  vectors: Float32Array,
  dimensions: number,
  options: DbscanOptions,
): Promise<Int32Array> {
  const { epsilon, minPoints } = options;
  if (!(epsilon > 0 && epsilon <= 2)) {
    throw new InputRangeError(
      `Cannot cluster as epsilon must be a cosine distance, above 0 and at most 2: ` +
        `current value is ${epsilon}`,
      { option: "epsilon" },
    );
  }
  checkCount("cluster", "minPoints", minPoints, 1);
  const rows = directions(vectors, dimensions, { action: "cluster" });
  const clusters = new DensityClusters(rows.rows, minPoints);
  await visitNearPairs(rows, (i, j) => clusters.connect(i, j), {
    ...options,
    epsilons: [epsilon],
  });
  return clusters.labels();
}
