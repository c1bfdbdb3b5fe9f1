/**
 * Kernels on the CPU by onnxruntime, vectorized and threaded: the dense work of this package on machines
 * without a GPU. An entry point of its own, as onnxruntime-node is a native package that browsers do not
 * have.
 *
 * {@linkcode LogitStatsSession} is the twin of `logitStats`.
 *
 * @module
 */
export type { LogitDtype, Logits, LogitStats, LogitStatsOptions } from "./mod.ts";
export { LogitStatsSession, type LogitStatsSessionOptions } from "./logits/onnx.ts";
