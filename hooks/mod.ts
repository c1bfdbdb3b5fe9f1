/**
 * How a training loop reaches this package: the advantage hook, the sidecar for loops in another
 * process, rollout files, and the tensors of a batch as safetensors.
 *
 * @module
 */
export type { Batch, CheckedBatch } from "../batch/mod.ts";
export type {
  BaselinePreset,
  Transform,
  TransformConfig,
  TransformRegistry,
} from "../advantage/mod.ts";
export type {
  ConditionalEntropyEstimate,
  EntropyEstimate,
  MeasureOptions,
  MetricPair,
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
export {
  creditedJsonl,
  creditedLines,
  type CreditedRollout,
  type CreditedRollouts,
  creditedSafetensors,
  creditRollouts,
  type CreditRolloutsOptions,
} from "./credit_rollouts.ts";
export { measureRollouts, type MeasureRolloutsOptions } from "./measure_rollouts.ts";
export { inspectRollouts, type InspectRolloutsOptions } from "./inspect_rollouts.ts";
export { type MetricsReport, metricsReport, type MetricsReportOptions } from "./metrics_report.ts";
export {
  type MarkedRollout,
  markRollouts,
  type MarkRolloutsOptions,
  MASK_FIELDS,
} from "./mark_rollouts.ts";
export { type MatcherProvenance, matcherProvenance } from "./provenance.ts";
export { parseRunConfig, type RunConfig } from "./run_config.ts";
export {
  type AdvantageShift,
  type Trace,
  type TraceMarks,
  type TraceOptions,
  traceRollouts,
  type TraceSegment,
} from "./trace.ts";
export { traceAnsi, type TraceAnsiOptions, traceLegendAnsi } from "./trace_ansi.ts";
export {
  traceControlsHtml,
  traceHtml,
  type TraceHtmlOptions,
  tracesPage,
  type TracesPageOptions,
  traceStyles,
} from "./trace_html.ts";
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
