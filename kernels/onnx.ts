/**
 * Kernels on the CPU by onnxruntime, vectorised and threaded: the dense work of this package on machines
 * without a GPU. An entry point of its own, as onnxruntime-node is a native package that browsers do not
 * have.
 *
 * {@linkcode LogitStatsSession} is the twin of `logitStats`, {@linkcode neighboursOnnx} that of `neighbours`;
 * what the latter is made of serves the clustering of `./mining`.
 *
 * @module
 */
export type { LogitDtype, Logits } from "./logit_dtype.ts";
export type { LogitStats, LogitStatsOptions } from "./logits/reference.ts";
export { LogitStatsSession, type LogitStatsSessionOptions } from "./logits/onnx.ts";
export { CosineProducts, type Products } from "../mining/cluster/cosine_products.ts";
export {
  cosineDistance,
  type Directions,
  directions,
  type DirectionsOptions,
} from "../mining/cluster/directions.ts";
export { type NearPairsOptions, visitNearPairs } from "../mining/cluster/near_pairs.ts";
export { neighboursOnnx, type NeighboursOnnxOptions } from "../mining/cluster/cosine_onnx.ts";
export {
  BLOCK_ROWS,
  type PairwiseOptions,
  type ProductBlock,
  visitProductBlocks,
} from "../mining/cluster/product_blocks.ts";
export type { Neighbours, NeighboursOptions } from "./neighbours/reference.ts";
