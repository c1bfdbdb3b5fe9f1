/**
 * WebGPU kernels for loops whose tensors live on a GPU. Their references are the functions of `./advantage` and
 * `./sg`, and `logitStats` and `policyGradient` here.
 *
 * A kernel is compiled once; `encode` works on buffers, `run` on typed arrays. Nothing falls back by itself:
 * `requestDevice` throws where there is no GPU, and a kernel runs on the device it was compiled for.
 *
 * @module
 */
export type { BaselineConvention, BuiltinTransformConfig } from "../advantage/mod.ts";
export type { Batch, PlanningTokens } from "../batch/mod.ts";
export type { SgMatcher } from "../sg/mod.ts";
export {
  type DeviceFeature,
  type DeviceOptions,
  GpuUnavailableError,
  requestDevice,
} from "./device.ts";
export { BufferPool, type BufferRequest } from "./buffer_pool.ts";
export { GpuTimer } from "./gpu_timer.ts";
export { ShaderError } from "./shader_error.ts";
export { GpuWrongResultError } from "./gpu_wrong_result_error.ts";
export type { LogitDtype, Logits } from "./logit_dtype.ts";
export { type LogitStats, logitStats, type LogitStatsOptions } from "./logits/reference.ts";
export {
  type LogitStatsBuffers,
  LogitStatsKernel,
  type LogitStatsKernelOptions,
} from "./logits/gpu.ts";
export {
  type PolicyGradient,
  policyGradient,
  type PolicyGradientInputs,
} from "./policy_gradient/reference.ts";
export type { PolicyGradientOptions } from "./policy_gradient/options.ts";
export type { TokenTerms } from "./policy_gradient/_objective.ts";
export type { PolicyGradientBuffers } from "./policy_gradient/buffers.ts";
export { PolicyGradientKernel, type PolicyGradientKernelOptions } from "./policy_gradient/gpu.ts";
export { policyGradientGpu } from "./policy_gradient/policy_gradient_gpu.ts";
export type { MatchBuffers, MatchSizes } from "./match/match_buffers.ts";
export { MatchKernel } from "./match/gpu.ts";
export type { CreditBatch, CreditOptions, CreditTransform } from "./credit/options.ts";
export { creditParameters } from "./credit/parameters.ts";
export type { CreditBuffers, CreditSizes } from "./credit/buffers.ts";
export { CreditKernel } from "./credit/gpu.ts";
