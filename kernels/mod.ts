/**
 * WebGPU kernels, each beside its CPU reference, for loops whose tensors live on a GPU.
 *
 * Nothing here falls back by itself: `requestDevice` throws where there is no GPU, and a function
 * whose name ends in `Gpu` runs on the device it is given.
 *
 * @module
 */
export {
  type DeviceFeature,
  type DeviceOptions,
  GpuUnavailableError,
  requestDevice,
} from "./device.ts";
export { BufferPool, type BufferRequest } from "./buffer_pool.ts";
export { type BackendChoice, fastestBackend } from "./fastest_backend.ts";
export { GpuTimer } from "./gpu_timer.ts";
export { ShaderError } from "./shader_error.ts";
export type {
  CreditAlphas,
  CreditBaseline,
  CreditBatch,
  CreditOptions,
  CreditTransform,
  HicraCredit,
  HighEntropyCredit,
  PlanningBoostCredit,
  SepaCredit,
  SurprisalCredit,
} from "./credit/options.ts";
export { creditParameters } from "./credit/parameters.ts";
export { creditTokens } from "./credit/reference.ts";
export type { CreditBuffers, CreditSizes } from "./credit/buffers.ts";
export { CreditKernel, creditTokensGpu } from "./credit/gpu.ts";
