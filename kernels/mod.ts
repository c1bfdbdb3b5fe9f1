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
export { type AmplifyOptions, amplifyTokens } from "./amplify/reference.ts";
export {
  type AmplifyBuffers,
  AmplifyKernel,
  type AmplifyKernelOptions,
  amplifyTokensGpu,
} from "./amplify/gpu.ts";
export {
  type ClassSums,
  type GroupSums,
  type SegmentSums,
  segmentSums,
  type SegmentSumsInputs,
  type SegmentSumsOptions,
} from "./segment_sums/reference.ts";
export {
  type GroupSumsBuffers,
  type SegmentSumsBuffers,
  segmentSumsGpu,
  SegmentSumsKernel,
  type SegmentSumsKernelOptions,
  type TotalSumsBuffers,
} from "./segment_sums/gpu.ts";
export { type Neighbours, neighbours, type NeighboursOptions } from "./neighbours/reference.ts";
export {
  type NeighbourCountBuffers,
  type NeighbourListBuffers,
  type NeighbourListOptions,
  type NeighbourRows,
  neighboursGpu,
  NeighboursKernel,
  type NeighboursKernelOptions,
} from "./neighbours/gpu.ts";
