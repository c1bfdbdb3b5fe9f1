import {
  entropyRegularizationDefinition,
  type EntropyRegularizationOptions,
} from "./entropy_regularization.ts";
import { gtpoDefinition, type GtpoOptions } from "./gtpo.ts";
import { hicraDefinition, type HicraOptions } from "./hicra.ts";
import {
  highEntropyAdvantageDefinition,
  type HighEntropyAdvantageOptions,
} from "./high_entropy_advantage.ts";
import { planningBoostDefinition, type PlanningBoostOptions } from "./planning_boost.ts";
import { sepaDefinition, type SepaOptions } from "./sepa.ts";
import { shuffleMaskDefinition, type ShuffleMaskOptions } from "./shuffle_mask.ts";
import {
  surprisalWeightingDefinition,
  type SurprisalWeightingOptions,
} from "./surprisal_weighting.ts";
import { topEntropyFilterDefinition, type TopEntropyFilterOptions } from "./top_entropy_filter.ts";
import { topEntropyMaskDefinition, type TopEntropyMaskOptions } from "./top_entropy_mask.ts";
import type { Transform } from "./transform.ts";
import { type TransformConfig, TransformRegistry } from "./transform_registry.ts";

/** A transform of this package as plain JSON: its name, and its options beside it. */
export type BuiltinTransformConfig =
  | { readonly name: "hicra" } & HicraOptions
  | { readonly name: "shuffle-mask" } & ShuffleMaskOptions
  | { readonly name: "top-entropy-mask" } & TopEntropyMaskOptions
  | { readonly name: "top-entropy-filter" } & TopEntropyFilterOptions
  | { readonly name: "high-entropy-advantage" } & HighEntropyAdvantageOptions
  | { readonly name: "entropy-regularization" } & EntropyRegularizationOptions
  | { readonly name: "gtpo" } & GtpoOptions
  | { readonly name: "surprisal-weighting" } & SurprisalWeightingOptions
  | { readonly name: "sepa" } & SepaOptions
  | { readonly name: "planning-boost" } & PlanningBoostOptions;

/**
 * Returns a new registry that holds every transform of this package; add your own to it.
 *
 * @example Usage
 * ```ts
 * import { builtinTransforms } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.ok(builtinTransforms().names().includes("hicra"));
 * ```
 *
 * @returns A registry of its own for every caller.
 */
export function builtinTransforms(): TransformRegistry {
  return new TransformRegistry()
    .register("hicra", hicraDefinition)
    .register("shuffle-mask", shuffleMaskDefinition)
    .register("top-entropy-mask", topEntropyMaskDefinition)
    .register("top-entropy-filter", topEntropyFilterDefinition)
    .register("high-entropy-advantage", highEntropyAdvantageDefinition)
    .register("entropy-regularization", entropyRegularizationDefinition)
    .register("gtpo", gtpoDefinition)
    .register("surprisal-weighting", surprisalWeightingDefinition)
    .register("sepa", sepaDefinition)
    .register("planning-boost", planningBoostDefinition);
}

/**
 * Creates a transform of this package from plain JSON.
 *
 * @example Usage
 * ```ts
 * import { createTransform } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const transform = createTransform(JSON.parse('{"name": "hicra", "alpha": 0.2}'));
 * assert.equal(transform.name, "hicra");
 * const slip = JSON.parse('{"name": "hicra", "alhpa": 0.2}');
 * assert.throws(() => createTransform(slip), /known options are alpha/);
 * ```
 *
 * @param config Name and options.
 * @returns The transform.
 * @throws {RangeError} If the name is unknown or an option is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function createTransform(config: BuiltinTransformConfig): Transform {
  return builtinTransforms().create(config as unknown as TransformConfig);
}
