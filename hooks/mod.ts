/**
 * The advantage hook of a training loop. It runs wherever JavaScript does, a browser included; a loop in
 * another process has `./sidecar`, one on a server `./tinker`.
 *
 * @module
 */
export type { Batch, CheckedBatch } from "../batch/mod.ts";
export type {
  BaselineName,
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
export { type AdvantageHook, createHook, type HookResult } from "./create_hook.ts";
export type { HookOptions, HookStep } from "./hook_options.ts";
