/**
 * How a training loop reaches this package: the advantage hook, and the sidecar for loops in another
 * process.
 *
 * @module
 */
export type { Batch, CheckedBatch } from "../batch/mod.ts";
export type {
  BaselinePreset,
  BuiltinTransformConfig,
  Transform,
  TransformConfig,
} from "../advantage/mod.ts";
export type {
  ConditionalEntropyEstimate,
  EntropyEstimate,
  GroupOptions,
  MetricPair,
  MetricsOptions,
  MetricSums,
} from "../metrics/mod.ts";
export type { GramKind, Lexicon, SgMatcher, TokenBytes, TokenBytesOptions } from "../sg/mod.ts";
export {
  type AdvantageHook,
  createHook,
  type HookOptions,
  type HookResult,
  type HookStep,
} from "./create_hook.ts";
export { createSidecar, type Sidecar } from "./sidecar/sidecar.ts";
export {
  SIDECAR_PROTOCOL,
  type SidecarEvent,
  type SidecarOptions,
} from "./sidecar/sidecar_options.ts";
export {
  createSidecarServer,
  type SidecarServer,
  type SidecarServerOptions,
} from "./sidecar/sidecar_server.ts";
