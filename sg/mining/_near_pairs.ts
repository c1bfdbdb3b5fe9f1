import { CosineProducts } from "./_cosine_products.ts";
import { cosineDistance, type Directions, roundingError } from "./_directions.ts";
import type { ClusteringOptions } from "./clustering.ts";

/** A block of products takes 4 MB and so stays in the processor's cache. */
const BLOCK_ROWS = 1024;

/**
 * Visits every pair of rows `i < j` whose cosine distance is at most the last of the ascending
 * `epsilons`, with the index of the least of them that is not below the distance.
 *
 * Matrix products in float32 give the distance. Where one lies as near to an epsilon as its rounding
 * error reaches, the distance is computed again in float64, so every comparison is that of float64.
 */
export async function visitNearPairs(
  rows: Directions,
  epsilons: readonly number[],
  { threads = 0, signal, onProgress }: ClusteringOptions,
  visit: (i: number, j: number, rank: number) => void,
): Promise<void> {
  const { units, dimensions } = rows;
  const numRows = rows.rows;
  const error = roundingError(dimensions);
  const leastProduct = 1 - epsilons.at(-1)! - error;
  const total = numRows * (numRows - 1) / 2;
  let done = 0;
  const blockProducts = await CosineProducts.create(BLOCK_ROWS, threads);
  try {
    for (let top = 0; top < numRows; top += BLOCK_ROWS) {
      const bottom = Math.min(top + BLOCK_ROWS, numRows);
      const upper = units.subarray(top * dimensions, bottom * dimensions);
      for (let left = top; left < numRows; left += BLOCK_ROWS) {
        signal?.throwIfAborted();
        const right = Math.min(left + BLOCK_ROWS, numRows);
        const lower = units.subarray(left * dimensions, right * dimensions);
        const { products, greatest } = await blockProducts.multiply(upper, lower, dimensions);
        for (let i = top; i < bottom; i++) {
          if (greatest[i - top]! < leastProduct) continue;
          const offset = (i - top) * (right - left) - left;
          for (let j = Math.max(left, i + 1); j < right; j++) {
            const product = products[offset + j]!;
            if (product < leastProduct) continue;
            let rank = rankOf(1 - product - error, epsilons);
            if (rank !== rankOf(1 - product + error, epsilons)) {
              rank = rankOf(cosineDistance(rows, i, j), epsilons);
            }
            if (rank < epsilons.length) visit(i, j, rank);
          }
        }
        const height = bottom - top;
        done += left === top ? height * (height - 1) / 2 : height * (right - left);
        onProgress?.(done, total);
      }
    }
  } finally {
    await blockProducts.release();
  }
}

function rankOf(distance: number, epsilons: readonly number[]): number {
  let rank = 0;
  while (rank < epsilons.length && epsilons[rank]! < distance) rank++;
  return rank;
}
