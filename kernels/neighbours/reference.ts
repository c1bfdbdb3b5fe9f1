import { checkEpsilon } from "../../mining/cluster/_check_epsilon.ts";
import { cosineDistance, directions } from "../../mining/cluster/directions.ts";

/** Options of `neighbours` and `neighboursGpu`. */
export interface NeighboursOptions {
  /** Rows are neighbours where `1 - cos <= epsilon`; from 0 to 2. */
  readonly epsilon: number;
}

/** The neighbours of every row, in the layout of sparse matrices (CSR). */
export interface Neighbours {
  /** `[rows + 1]`: those of row i are `indices[offsets[i]]` to, without it, `indices[offsets[i + 1]]`. */
  readonly offsets: Int32Array;
  /** Row indices, ascending for each row, itself among them. */
  readonly indices: Int32Array;
}

/**
 * Lists the neighbours of every row vector by cosine distance, `1 - cos <= epsilon`.
 *
 * A row is its own neighbour, whatever epsilon: so DBSCAN counts (Ester et al., KDD 1996), and so do
 * scikit-learn's `radius_neighbors(X)` and the `min_samples` of its `DBSCAN`. Computed in f64 from the vectors as
 * given, for each pair alone. No rows give no neighbours.
 *
 * @example Usage
 * ```ts
 * import { neighbours } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const vectors = Float32Array.from([[1, 0], [0, 2], [3, 0.1]].flat());
 * const { offsets, indices } = neighbours(vectors, 2, { epsilon: 0.05 });
 * assert.deepEqual(offsets, Int32Array.of(0, 2, 3, 5));
 * assert.deepEqual(indices, Int32Array.from([[0, 2], [1], [0, 2]].flat()));
 * ```
 *
 * @param vectors `[rows x dimensions]`, of any length but zero.
 * @param dimensions Numbers in a row.
 * @param options Epsilon.
 * @returns The lists, freshly allocated.
 * @throws {TypeError} If the vectors are no whole number of rows.
 * @throws {RangeError} If a vector is zero or not finite, or epsilon is out of its range.
 */
export function neighbours(
  vectors: Float32Array,
  dimensions: number,
  { epsilon }: NeighboursOptions,
): Neighbours {
  checkEpsilon(epsilon);
  const rows = directions(vectors, dimensions, { action: "find neighbours" });
  const offsets = new Int32Array(rows.rows + 1);
  const indices: number[] = [];
  for (let i = 0; i < rows.rows; i++) {
    for (let j = 0; j < rows.rows; j++) {
      if (i === j || cosineDistance(rows, i, j) <= epsilon) indices.push(j);
    }
    offsets[i + 1] = indices.length;
  }
  return { offsets, indices: Int32Array.from(indices) };
}
