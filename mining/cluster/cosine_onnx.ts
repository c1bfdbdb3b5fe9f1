import { checkEpsilon, checkNumIndices } from "./_check_epsilon.ts";
import { directions } from "./directions.ts";
import { visitNearPairs } from "./near_pairs.ts";
import type { PairwiseOptions } from "./product_blocks.ts";
import type { Neighbours, NeighboursOptions } from "../../kernels/neighbours/reference.ts";

/** Options of {@linkcode neighboursOnnx}. */
export interface NeighboursOnnxOptions extends NeighboursOptions, PairwiseOptions {}

/**
 * Lists the neighbours of every row vector with matrix products of onnxruntime on the CPU: the twin of
 * `neighbours` of `./kernels`, with the same inputs, outputs and errors.
 *
 * The lists are equal to the reference's: products are f32, and a pair whose product lies as near to epsilon as
 * rounding reaches is computed again in f64. Every pair is looked at once; beside the lists the memory is
 * some 8 bytes for each pair of neighbours.
 *
 * @example Usage
 * ```ts
 * import { neighboursOnnx } from "@hicra/hicra/onnx";
 * import assert from "node:assert/strict";
 *
 * const vectors = Float32Array.from([[1, 0], [0, 2], [3, 0.1]].flat());
 * const { offsets, indices } = await neighboursOnnx(vectors, 2, { epsilon: 0.05 });
 * assert.deepEqual(offsets, Int32Array.of(0, 2, 3, 5));
 * assert.deepEqual(indices, Int32Array.from([[0, 2], [1], [0, 2]].flat()));
 * ```
 *
 * @param vectors `[rows x dimensions]`, of any length but zero.
 * @param dimensions Numbers in a row.
 * @param options Epsilon, threads, a signal and a progress callback.
 * @returns The lists, freshly allocated.
 * @throws {TypeError} If the vectors are no whole number of rows.
 * @throws {RangeError} If a vector is zero or not finite, epsilon is out of its range, or there are 2^31
 * neighbours or more.
 */
export async function neighboursOnnx(
  vectors: Float32Array,
  dimensions: number,
  { epsilon, ...options }: NeighboursOnnxOptions,
): Promise<Neighbours> {
  checkEpsilon(epsilon);
  const rows = directions(vectors, dimensions, { action: "find neighbours" });
  const pairs = new Pairs();
  /** Neighbours before and after each row. */
  const before = new Int32Array(rows.rows);
  const after = new Int32Array(rows.rows);
  await visitNearPairs(rows, (i, j) => {
    pairs.add(i, j);
    after[i]!++;
    before[j]!++;
  }, { ...options, epsilons: [epsilon] });
  checkNumIndices(2 * pairs.length + rows.rows);
  const offsets = new Int32Array(rows.rows + 1);
  for (let i = 0; i < rows.rows; i++) offsets[i + 1] = offsets[i]! + before[i]! + 1 + after[i]!;
  const indices = new Int32Array(offsets[rows.rows]!);
  // Pairs of a row come by the other, ascending: first all before it, then all after it.
  const next = offsets.slice();
  for (let i = 0; i < rows.rows; i++) indices[offsets[i]! + before[i]!] = i;
  pairs.visit((i, j) => {
    indices[next[j]!++] = i;
    if (next[i] === offsets[i]! + before[i]!) next[i]!++;
    indices[next[i]!++] = j;
  });
  return { offsets, indices };
}

/** A list of pairs that grows. */
class Pairs {
  #indices = new Int32Array(1024);
  #used = 0;

  get length(): number {
    return this.#used / 2;
  }

  add(i: number, j: number): void {
    if (this.#used === this.#indices.length) {
      const grown = new Int32Array(2 * this.#used);
      grown.set(this.#indices);
      this.#indices = grown;
    }
    this.#indices[this.#used++] = i;
    this.#indices[this.#used++] = j;
  }

  visit(visit: (i: number, j: number) => void): void {
    for (let at = 0; at < this.#used; at += 2) visit(this.#indices[at]!, this.#indices[at + 1]!);
  }
}
