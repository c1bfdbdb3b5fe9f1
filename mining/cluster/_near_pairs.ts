import { cosineDistance, type Directions, roundingError } from "./_directions.ts";
import { type PairwiseOptions, visitProductBlocks } from "./_product_blocks.ts";

/** Options of {@linkcode visitNearPairs}. */
export interface NearPairsOptions extends PairwiseOptions {
  /** Ascending cosine distances; pairs up to the last are visited. */
  readonly epsilons: readonly number[];
}

/**
 * Visits every pair of rows `i < j` whose cosine distance is at most the last of the ascending
 * `epsilons`, with the index of the least of them that is not below the distance.
 *
 * Matrix products in float32 give the distance. Where one lies as near to an epsilon as its rounding
 * error reaches, the distance is computed again in float64, so every comparison is that of float64.
 *
 * @param rows The rows.
 * @param visit Called with each pair and the index of its epsilon. For any one row in ascending order of the
 * other.
 * @param options The epsilons, threads, a signal and a progress callback.
 */
export async function visitNearPairs(
  rows: Directions,
  visit: (i: number, j: number, rank: number) => void,
  { epsilons, ...options }: NearPairsOptions,
): Promise<void> {
  const error = roundingError(rows.dimensions);
  const leastProduct = 1 - epsilons.at(-1)! - error;
  await visitProductBlocks(rows, ({ top, bottom, left, right, products, greatest }) => {
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
  }, options);
}

function rankOf(distance: number, epsilons: readonly number[]): number {
  let rank = 0;
  while (rank < epsilons.length && epsilons[rank]! < distance) rank++;
  return rank;
}
