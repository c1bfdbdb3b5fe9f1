import { entropyRegularizationDefinition } from "./entropy_regularization.ts";
import { gtpoDefinition } from "./gtpo.ts";
import { hicraDefinition } from "./hicra.ts";
import { highEntropyAdvantageDefinition } from "./high_entropy_advantage.ts";
import { officialCodeDefinition } from "./official_code.ts";
import { planningBoostDefinition } from "./planning_boost.ts";
import { sepaDefinition } from "./sepa.ts";
import { shuffleMaskDefinition } from "./shuffle_mask.ts";
import { surprisalWeightingDefinition } from "./surprisal_weighting.ts";
import { topEntropyFilterDefinition } from "./top_entropy_filter.ts";
import { topEntropyMaskDefinition } from "./top_entropy_mask.ts";
import type { Transform } from "./transform.ts";
import { type TransformConfig, TransformRegistry } from "./transform_registry.ts";

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
    .register("official-code", officialCodeDefinition)
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
 * assert.throws(() => createTransform({ name: "hicra", alhpa: 0.2 }), /known options are alpha/);
 * ```
 *
 * @param config Name and options.
 * @returns The transform.
 * @throws {RangeError} If the name is unknown or an option is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function createTransform(config: TransformConfig): Transform {
  return builtinTransforms().create(config);
}
