import { InputRangeError } from "../../batch/mod.ts";
import { BLOCK_ROWS } from "./_product_blocks.ts";
import { cosineDistance, type Directions, directions } from "./_directions.ts";
import { CosineProducts } from "./_cosine_products.ts";
import { visitNearPairs } from "./_near_pairs.ts";
import { DensityClusters } from "./_density_clusters.ts";
import { checkCount } from "../_check_count.ts";
import type { ClusteringOptions } from "./clustering.ts";

/** Rows whose distance to their neighbors is measured. */
const SAMPLE_ROWS = 1000;
/** Shares of the sample that a candidate makes core points. */
const CORE_SHARES: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
/** Candidates are rounded up to four digits, which hide how a machine rounds and read well. */
const DIGITS = 1e4;

/** Options of {@linkcode chooseEpsilon}. */
export interface ChooseEpsilonOptions extends ClusteringOptions {
  /** As for {@linkcode dbscan}: neighbors, the vector itself among them, that make a core point. */
  readonly minPoints: number;
}

/** What DBSCAN finds at one epsilon. */
export interface EpsilonCandidate {
  /** The cosine distance up to which vectors are neighbors. */
  readonly epsilon: number;
  /** Clusters of two vectors or more. */
  readonly clusters: number;
  /** Vectors in the largest cluster. */
  readonly largest: number;
}

/** The epsilon of {@linkcode chooseEpsilon}, and how it was chosen. */
export interface EpsilonChoice {
  /** The chosen epsilon. */
  readonly epsilon: number;
  /** The labels of {@linkcode dbscan} at this epsilon. */
  readonly labels: Int32Array;
  /** What was compared, by ascending epsilon. */
  readonly candidates: readonly EpsilonCandidate[];
}

/**
 * Chooses the epsilon of {@linkcode dbscan} that gives the most clusters of two vectors or more; of equals,
 * the least.
 *
 * As epsilon grows, vectors join clusters, until clusters join by chains of near neighbors and one of
 * them takes the others in: percolation. The number of clusters rises while they form and falls when they
 * join, so the rule stops well short of one giant cluster whatever the scale of the distances. It suits
 * data of many clusters; data of one or two it divides.
 *
 * Candidates are the 5 %, 10 %, ..., 95 % quantiles of the distance from a vector to its
 * `minPoints - 1`-th nearest other vector (the nearest if that is the 0th), over 1,000 rows at equal
 * steps, rounded up to four digits: at the 5 % quantile some 5 % of the vectors are core points. All
 * are tried in one pass over the pairs. Nothing is drawn at random.
 *
 * @example Usage
 * ```ts
 * import { chooseEpsilon } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * // Three bundles of three directions, 1 degree apart inside, and one that lies alone.
 * const degrees = [0, 1, 2, 60, 61, 62, 120, 121, 122, 200];
 * const vectors = Float32Array.from(degrees.flatMap((degree) => {
 *   const angle = degree * Math.PI / 180;
 *   return [Math.cos(angle), Math.sin(angle)];
 * }));
 * const { epsilon, labels } = await chooseEpsilon(vectors, 2, { minPoints: 2 });
 * assert.equal(epsilon, 0.0002); // 1 - cos(1 degree) is 0.00015
 * assert.deepEqual(labels, Int32Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2, -1));
 * ```
 *
 * @param vectors The vectors, [rows x dimensions], of any length but zero.
 * @param dimensions Numbers in a vector.
 * @param options The points that make a core, threads, a signal and a progress callback.
 * @returns The epsilon, its labels and the candidates.
 * @throws {RangeError} If there are fewer vectors than `minPoints` or two, nearly all are equal, a
 * vector is zero or not finite, or an option is out of its range.
 * @throws {TypeError} If the vectors are no whole number of rows.
 */
export async function chooseEpsilon(
  vectors: Float32Array,
  dimensions: number,
  options: ChooseEpsilonOptions,
): Promise<EpsilonChoice> {
  const { minPoints } = options;
  checkCount("cluster", "minPoints", minPoints, 1);
  const rows = directions(vectors, dimensions, { action: "cluster" });
  const needed = Math.max(2, minPoints);
  if (rows.rows < needed) {
    throw new InputRangeError(
      `Cannot choose epsilon as there must be at least ${needed} vectors: ` +
        `there are ${rows.rows}, pass more or set epsilon`,
      { option: "epsilon" },
    );
  }
  const epsilons = await candidateEpsilons(rows, needed - 1, options);
  if (epsilons.length === 0) {
    throw new InputRangeError(
      `Cannot choose epsilon as vectors must differ: nearly all have ${needed - 1} equals, ` +
        `drop the duplicates or set epsilon`,
      { option: "epsilon" },
    );
  }
  const clusterings = epsilons.map(() => new DensityClusters(rows.rows, minPoints));
  await visitNearPairs(rows, (i, j, rank) => {
    for (let k = rank; k < clusterings.length; k++) clusterings[k]!.connect(i, j);
  }, { ...options, epsilons });
  const candidates = clusterings.map((clustering, k) =>
    describe(epsilons[k]!, clustering.labels())
  );
  const most = Math.max(...candidates.map(({ clusters }) => clusters));
  const best = candidates.findIndex(({ clusters }) => clusters === most);
  return { epsilon: epsilons[best]!, labels: clusterings[best]!.labels(), candidates };
}

function describe(epsilon: number, labels: Int32Array): EpsilonCandidate {
  const sizes: number[] = [];
  for (const label of labels) if (label !== -1) sizes[label] = (sizes[label] ?? 0) + 1;
  return {
    epsilon,
    clusters: sizes.filter((size) => size > 1).length,
    largest: sizes.reduce((a, b) => Math.max(a, b), 0),
  };
}

/** Ascending and distinct; zeros, the distances of duplicates, are left out. */
async function candidateEpsilons(
  rows: Directions,
  neighbors: number,
  { threads = 0, signal }: ClusteringOptions,
): Promise<number[]> {
  const distances = await neighborDistances(rows, neighbors, threads, signal);
  const epsilons = CORE_SHARES.map((share) => {
    const quantile = distances[Math.ceil(share * distances.length) - 1]!;
    return Math.ceil(quantile * DIGITS) / DIGITS;
  });
  return Array.from(new Set(epsilons)).filter((epsilon) => epsilon > 0);
}

/** The distances of a sample of rows to their `neighbors`-th nearest other row, ascending. */
async function neighborDistances(
  rows: Directions,
  neighbors: number,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { units, dimensions } = rows;
  const sampleRows = Math.min(SAMPLE_ROWS, rows.rows);
  const indices = Array.from(
    { length: sampleRows },
    (_, s) => Math.floor(s * rows.rows / sampleRows),
  );
  const sample = new Float32Array(sampleRows * dimensions);
  indices.forEach((i, s) => {
    sample.set(units.subarray(i * dimensions, (i + 1) * dimensions), s * dimensions);
  });
  const nearest = indices.map((i) => new NearestRows(i, neighbors));
  const blockProducts = await CosineProducts.create({ blockRows: BLOCK_ROWS, threads });
  try {
    for (let begin = 0; begin < rows.rows; begin += BLOCK_ROWS) {
      signal?.throwIfAborted();
      const end = Math.min(begin + BLOCK_ROWS, rows.rows);
      const block = units.subarray(begin * dimensions, end * dimensions);
      const { products } = await blockProducts.multiply(sample, block, dimensions);
      const width = end - begin;
      nearest.forEach((row, s) => row.add(begin, products.subarray(s * width, (s + 1) * width)));
    }
  } finally {
    await blockProducts.release();
  }
  // In float64, so that only a tie of float32 products can tell machines apart.
  return Float64Array.from(nearest, (row) => cosineDistance(rows, row.row, row.last)).sort();
}

/** The rows with the greatest products, greatest first. */
class NearestRows {
  readonly row: number;
  readonly #products: Float32Array;
  readonly #rows: Int32Array;

  constructor(row: number, count: number) {
    this.row = row;
    this.#products = new Float32Array(count).fill(-Infinity);
    this.#rows = new Int32Array(count);
  }

  /** The farthest of them. */
  get last(): number {
    return this.#rows.at(-1)!;
  }

  /** Takes the products with the rows from `begin`. */
  add(begin: number, products: Float32Array): void {
    const kept = this.#products;
    for (let j = 0; j < products.length; j++) {
      const product = products[j]!;
      if (product <= kept[kept.length - 1]! || begin + j === this.row) continue;
      let place = kept.length - 1;
      for (; place > 0 && kept[place - 1]! < product; place--) {
        kept[place] = kept[place - 1]!;
        this.#rows[place] = this.#rows[place - 1]!;
      }
      kept[place] = product;
      this.#rows[place] = begin + j;
    }
  }
}
