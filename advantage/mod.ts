/**
 * Advantages: HICRA with its modes and schedules, the controls it must be compared with, and the
 * registry that names them all. Pure functions over typed arrays, and a transform for each.
 *
 * @example Usage
 * ```ts
 * import { applyTransforms, createTransform } from "@hicra/hicra/advantage";
 * import { checkBatch, tokenAdvantages } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 3, 5),
 *   lossMask: Uint8Array.of(1, 1, 1, 1, 1),
 *   advantages: Float32Array.of(1, -1), // the host's, one per sequence
 *   planningMask: Uint8Array.of(0, 1, 0, 1, 0),
 * });
 * const { advantages } = applyTransforms(
 *   [createTransform({ name: "hicra", alpha: 0.25 })],
 *   { advantages: tokenAdvantages(batch), planningMask: batch.planningMask! },
 *   { batch },
 * );
 * assert.deepEqual(advantages, Float32Array.of(1, 1.25, 1, -0.75, -1));
 * ```
 *
 * @module
 */
export type { Batch, CheckedBatch } from "../batch/mod.ts";
export { applyTransforms } from "./apply_transforms.ts";
export { checkClock } from "./check_clock.ts";
export {
  type BuiltinTransformConfig,
  builtinTransforms,
  createTransform,
} from "./builtin_transforms.ts";
export {
  entropyRegularization,
  type EntropyRegularizationOptions,
} from "./entropy_regularization.ts";
export { gtpo, gtpoAdvantages, type GtpoAdvantagesOptions, type GtpoOptions } from "./gtpo.ts";
export {
  hicra,
  hicraAdvantages,
  type HicraAdvantagesOptions,
  type HicraMode,
  type HicraOptions,
  type PerKind,
} from "./hicra.ts";
export {
  highEntropyAdvantage,
  type HighEntropyAdvantageOptions,
  highEntropyAdvantages,
} from "./high_entropy_advantage.ts";
export {
  boostSurprisals,
  type BoostSurprisalsOptions,
  planningBoost,
  type PlanningBoostOptions,
} from "./planning_boost.ts";
export {
  type ClockNeed,
  type GatedSchedule,
  type LinearSchedule,
  type Schedule,
  type ScheduleClock,
  scheduleNeeds,
  scheduleValue,
} from "./schedule.ts";
export { poolSurprisals, type PoolSurprisalsOptions, sepa, type SepaOptions } from "./sepa.ts";
export {
  shuffledMask,
  type ShuffledMaskOptions,
  shuffleMask,
  type ShuffleMaskOptions,
  type ShuffleUnit,
} from "./shuffle_mask.ts";
export {
  surprisalWeightedAdvantages,
  type SurprisalWeightedAdvantagesOptions,
  surprisalWeighting,
  type SurprisalWeightingOptions,
} from "./surprisal_weighting.ts";
export {
  topEntropyAdvantages,
  topEntropyFilter,
  type TopEntropyFilterOptions,
} from "./top_entropy_filter.ts";
export {
  type EntropyScope,
  topEntropyMask,
  type TopEntropyMaskOptions,
  topEntropyTokenMask,
  type TopEntropyTokenMaskOptions,
} from "./top_entropy_mask.ts";
export type { Credit, OptionalField, Transform, TransformContext } from "./transform.ts";
export {
  type OptionsSchema,
  type TransformConfig,
  type TransformDefinition,
  type TransformDescription,
  TransformRegistry,
} from "./transform_registry.ts";
export * from "./baselines.ts";
