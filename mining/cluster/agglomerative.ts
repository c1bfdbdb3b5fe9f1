import { InputRangeError } from "../../batch/mod.ts";
import { type Directions, directions } from "./_directions.ts";
import { visitProductBlocks } from "./_product_blocks.ts";
import type { ClusteringOptions } from "./clustering.ts";

/** Their distances take 1.6 GB. */
const MAX_ROWS = 20_000;

/** Options of {@linkcode agglomerative}. */
export interface AgglomerativeOptions extends ClusteringOptions {
  /** Clusters join while the mean cosine distance between their vectors is at most this; 0 to 2. */
  readonly epsilon: number;
}

/**
 * Clusters row vectors bottom up by average linkage (UPGMA): the two clusters with the least mean
 * cosine distance between their vectors join, as long as it is at most `epsilon`. There is no noise: a
 * vector that joins nothing is a cluster of one. Clusters are numbered by their first row.
 *
 * Merges are found by chains of nearest neighbors (Murtagh, Computer Journal 26(4), 1983), in time
 * proportional to the square of the rows. All distances are held in float32, four bytes for each two
 * rows in either order, hence a limit of 20,000 rows (1.6 GB). Where distances are equal the order of
 * joining is open, and other programs may join others.
 *
 * @example Usage
 * ```ts
 * import { agglomerative } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const vectors = Float32Array.from([[1, 0], [0, 1], [0.99, 0.1], [0.1, 0.99], [-1, 0]].flat());
 * assert.deepEqual(
 *   await agglomerative(vectors, 2, { epsilon: 0.05 }),
 *   Int32Array.of(0, 1, 0, 1, 2),
 * );
 * ```
 *
 * @param vectors The vectors, [rows x dimensions], of any length but zero, at most 20,000 rows.
 * @param dimensions Numbers in a vector.
 * @param options Epsilon, threads, a signal and a progress callback, which counts pairs of rows.
 * @returns The cluster of each row, from 0.
 * @throws {RangeError} If there are too many rows, a vector is zero or not finite, or epsilon is out of
 * its range.
 * @throws {TypeError} If the vectors are no whole number of rows.
 */
export async function agglomerative(
  vectors: Float32Array,
  dimensions: number,
  options: AgglomerativeOptions,
): Promise<Int32Array> {
  const { epsilon } = options;
  if (!(epsilon >= 0 && epsilon <= 2)) {
    throw new InputRangeError(
      `Cannot cluster as epsilon must be a cosine distance from 0 to 2: current value is ${epsilon}`,
      { option: "epsilon" },
    );
  }
  const rows = directions(vectors, dimensions, { action: "cluster" });
  if (rows.rows > MAX_ROWS) {
    throw new InputRangeError(
      `Cannot cluster by average linkage as there must be at most ${MAX_ROWS} vectors: ` +
        `there are ${rows.rows}, use DBSCAN`,
      { option: "clustering" },
    );
  }
  return joinByChains(await allDistances(rows, options), rows.rows, epsilon);
}

/** [rows x rows], the same in both orders. */
async function allDistances(
  vectors: Directions,
  options: ClusteringOptions,
): Promise<Float32Array> {
  const { rows } = vectors;
  const distances = new Float32Array(rows * rows);
  await visitProductBlocks(vectors, ({ top, bottom, left, right, products }) => {
    for (let i = top; i < bottom; i++) {
      const offset = (i - top) * (right - left) - left;
      for (let j = Math.max(left, i + 1); j < right; j++) {
        // Rounding must not make a distance negative.
        const distance = Math.max(0, 1 - products[offset + j]!);
        distances[i * rows + j] = distance;
        distances[j * rows + i] = distance;
      }
    }
  }, options);
  return distances;
}

/**
 * Follows nearest neighbors from any cluster until two are each other's, and joins them. A merge never
 * brings a third cluster nearer than the nearer of the two was, so the chain behind them stays valid,
 * and a cluster whose nearest is beyond epsilon is done. `distances` is overwritten.
 */
function joinByChains(distances: Float32Array, rows: number, epsilon: number): Int32Array {
  /** The first row of the cluster that a row has joined; a cluster goes by its first row. */
  const parents = Int32Array.from({ length: rows }, (_, i) => i);
  const sizes = new Int32Array(rows).fill(1);
  let open = parents.slice();
  const chain: number[] = [];
  const close = (cluster: number): void => {
    const place = open.indexOf(cluster);
    open.copyWithin(place, place + 1);
    open = open.subarray(0, -1);
  };
  while (open.length > 0) {
    if (chain.length === 0) chain.push(open[0]!);
    const last = chain.at(-1)!;
    const previous = chain.at(-2);
    // Of equals the previous one, or the chain could run in a circle.
    let nearest = previous ?? last;
    let least = previous === undefined ? Infinity : distances[last * rows + previous]!;
    for (const other of open) {
      const distance = distances[last * rows + other]!;
      if (distance < least && other !== last) {
        nearest = other;
        least = distance;
      }
    }
    if (least > epsilon) {
      chain.pop();
      close(last);
    } else if (nearest !== previous) {
      chain.push(nearest);
    } else {
      chain.length -= 2;
      const kept = Math.min(last, previous);
      const joined = Math.max(last, previous);
      close(joined);
      const size = sizes[kept]! + sizes[joined]!;
      for (const other of open) {
        const mean = (sizes[kept]! * distances[kept * rows + other]! +
          sizes[joined]! * distances[joined * rows + other]!) / size;
        distances[kept * rows + other] = mean;
        distances[other * rows + kept] = mean;
      }
      sizes[kept] = size;
      parents[joined] = kept;
    }
  }
  const labels = new Int32Array(rows);
  let numClusters = 0;
  for (let i = 0; i < rows; i++) {
    labels[i] = parents[i] === i ? numClusters++ : labels[parents[i]!]!;
  }
  return labels;
}
