/**
 * Kernels on the CPU by onnxruntime, for heavy dense work without a GPU: apart from `./kernels`, so that a
 * browser needs no native package.
 *
 * {@linkcode neighboursOnnx} is the twin of `neighbours`; what it is made of serves the clustering of
 * `./mining`.
 *
 * @module
 */
export { CosineProducts, type Products } from "./neighbours/cosine_products.ts";
export {
  cosineDistance,
  type Directions,
  directions,
  type DirectionsOptions,
} from "./neighbours/directions.ts";
export { type NearPairsOptions, visitNearPairs } from "./neighbours/near_pairs.ts";
export { neighboursOnnx, type NeighboursOnnxOptions } from "./neighbours/onnx.ts";
export {
  BLOCK_ROWS,
  type PairwiseOptions,
  type ProductBlock,
  visitProductBlocks,
} from "./neighbours/product_blocks.ts";
export type { Neighbours, NeighboursOptions } from "./neighbours/reference.ts";
