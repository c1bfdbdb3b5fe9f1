import { CosineProducts } from "./_cosine_products.ts";
import type { Directions } from "./_directions.ts";
import type { ClusteringOptions } from "./clustering.ts";

/** Rows of a block: its products take 4 MB and so stay in the processor's cache. */
export const BLOCK_ROWS = 1024;

/** Cosines of the rows `[top, bottom)` with the rows `[left, right)`; valid until the next block. */
export interface ProductBlock {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  /** [bottom - top x right - left]. */
  readonly products: Float32Array;
  /** The greatest product of each row, [bottom - top]. */
  readonly greatest: Float32Array;
}

/** Visits blocks of float32 products that hold every pair of rows `i < j` once, as row i, column j. */
export async function visitProductBlocks(
  { units, dimensions, rows }: Directions,
  { threads = 0, signal, onProgress }: ClusteringOptions,
  visit: (block: ProductBlock) => void,
): Promise<void> {
  const total = rows * (rows - 1) / 2;
  let done = 0;
  const blockProducts = await CosineProducts.create(BLOCK_ROWS, threads);
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
