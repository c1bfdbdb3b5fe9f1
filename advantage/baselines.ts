/**
 * Group baselines: rewards to advantages, in the conventions of the training frameworks.
 *
 * @module
 */
export type { Batch, CheckedBatch } from "../batch/mod.ts";
export { baselineAdvantages } from "./baseline_advantages.ts";
export {
  type BaselineName,
  type BaselinePreset,
  baselinePreset,
  baselinePresets,
} from "./baseline_presets.ts";
export { dynamicFilter, type DynamicFilterOptions } from "./dynamic_filter.ts";
export {
  type BaselineConvention,
  groupBaseline,
  type GroupBaselineOptions,
} from "./group_baseline.ts";
export {
  overlongFilter,
  overlongPenalty,
  type OverlongPenaltyOptions,
} from "./overlong_shaping.ts";
export type { EpsilonPlace } from "./_spread.ts";
export { whiten, type WhitenOptions } from "./whiten.ts";
