import { CosineProducts, type Products } from "./_cosine_products.ts";
import type { Directions } from "./_directions.ts";

/** Rows of a block of {@linkcode visitProductBlocks}: its products take 4 MB and so stay in the cache. */
export const BLOCK_ROWS = 1024;

/** What every walk over pairs of rows takes. */
export interface PairwiseOptions {
  /** Threads of the matrix products; 0, which leaves the number to onnxruntime, when left out. */
  readonly threads?: number;
  /** Stops the work; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each block with the pairs done and the pairs in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Cosines of the rows `[top, bottom)` with the rows `[left, right)`; valid until the next block. */
export interface ProductBlock extends Products {
  /** First row. */
  readonly top: number;
  /** Row after the last. */
  readonly bottom: number;
  /** First column. */
  readonly left: number;
  /** Column after the last. */
  readonly right: number;
}

/**
 * Visits blocks of float32 products that hold every pair of rows `i < j` once, as row i, column j.
 *
 * @param rows The rows.
 * @param visit Called with each block, by ascending `top`, then `left`.
 * @param options Threads, a signal and a progress callback.
 */
export async function visitProductBlocks(
  { units, dimensions, rows }: Directions,
  visit: (block: ProductBlock) => void,
  { threads = 0, signal, onProgress }: PairwiseOptions = {},
): Promise<void> {
  const total = rows * (rows - 1) / 2;
  let done = 0;
  const blockProducts = await CosineProducts.create({ blockRows: BLOCK_ROWS, threads });
  try {
    for (let top = 0; top < rows; top += BLOCK_ROWS) {
      const bottom = Math.min(top + BLOCK_ROWS, rows);
      const upper = units.subarray(top * dimensions, bottom * dimensions);
      for (let left = top; left < rows; left += BLOCK_ROWS) {
        signal?.throwIfAborted();
        const right = Math.min(left + BLOCK_ROWS, rows);
        const lower = units.subarray(left * dimensions, right * dimensions);
        const { products, greatest } = await blockProducts.multiply(upper, lower, dimensions);
        visit({ top, bottom, left, right, products, greatest });
        const height = bottom - top;
        done += left === top ? height * (height - 1) / 2 : height * (right - left);
        onProgress?.(done, total);
      }
    }
  } finally {
    await blockProducts.release();
  }
}
