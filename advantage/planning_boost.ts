import { z } from "zod";
import { checkLength, checkOffsets, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { meanOfSequence, surprisalsOf } from "./_surprisals.ts";
import { surprisalWeightedAdvantages } from "./surprisal_weighting.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Arrays and options of {@linkcode boostSurprisals}. */
export interface BoostSurprisalsOptions {
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** Boost in units of the mean surprisal, at least 0; 0.3 by default. */
  readonly gamma?: number;
}

const ACTION = "boost surprisals";

/**
 * Raises the surprisal of planning tokens: `S' = S + gamma*m*mean(S)`, the mean over the trained tokens
 * of the sequence. HICRA's mask then acts before the weighting by surprisal instead of after it.
 *
 * @see {@link https://github.com/teilomillet/textpolicy | textpolicy}, `boost_entropy_with_planning`
 * (gamma 0.3).
 *
 * @example Usage
 * ```ts
 * import { boostSurprisals } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const boosted = boostSurprisals(Float32Array.of(1, 3), Uint8Array.of(1, 0), {
 *   offsets: Int32Array.of(0, 2),
 *   gamma: 0.5,
 * });
 * assert.deepEqual(boosted, Float32Array.of(2, 3));
 * ```
 *
 * @param surprisals `[tokens]`, nats.
 * @param planningMask `[tokens]`, 0 or 1.
 * @param options The layout of the batch and gamma.
 * @returns Boosted surprisals, `[tokens]`, computed in f64 and rounded once.
 * @throws {RangeError} If lengths disagree.
 */
export function boostSurprisals(
  surprisals: Float32Array,
  planningMask: Uint8Array,
  options: BoostSurprisalsOptions,
): Float32Array {
  const { offsets, lossMask, gamma = 0.3 } = options;
  checkLength(ACTION, "planningMask", planningMask, surprisals.length);
  checkLength(ACTION, "lossMask", lossMask, surprisals.length);
  checkOffsets(ACTION, offsets, surprisals.length);
  const out = surprisals.slice();
  for (let s = 0; s + 1 < offsets.length; s++) {
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    const mean = meanOfSequence(surprisals, from, to, lossMask);
    for (let i = from; i < to; i++) {
      if (planningMask[i] === 1 && lossMask?.[i] !== 0) {
        out[i] = surprisals[i]! + gamma * mean;
      }
    }
  }
  return out;
}

/** Options of {@linkcode planningBoost}. */
export interface PlanningBoostOptions {
  /** Boost in units of the mean surprisal, at least 0; 0.3 by default. */
  readonly gamma?: number;
  /** Strength of the surprisal weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

const schema = strictOptions({
  gamma: z.number().min(0).default(0.3),
  beta: z.number().min(0).default(0.1),
});

/**
 * Creates the transform that fuses the planning mask into the surprisal: {@linkcode boostSurprisals},
 * then the weight of {@linkcode surprisalWeightedAdvantages} on the boosted values.
 *
 * @example Usage
 * ```ts
 * import { planningBoost } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(planningBoost({ gamma: 0.5 }).needs, ["oldLogprobs"]);
 * ```
 *
 * @param options Gamma and beta.
 * @returns The transform `"planning-boost"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function planningBoost(options: PlanningBoostOptions = {}): Transform {
  const name = "planning-boost";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { gamma, beta } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["oldLogprobs"],
    apply({ advantages, planningMask }: Credit, { batch }: TransformContext): Partial<Credit> {
      const { offsets, lossMask } = batch;
      const surprisals = surprisalsOf(required(name, batch, "oldLogprobs"));
      const boosted = boostSurprisals(surprisals, planningMask, { offsets, lossMask, gamma });
      return {
        advantages: surprisalWeightedAdvantages(advantages, boosted, { offsets, lossMask, beta }),
      };
    },
  };
}

/** {@linkcode planningBoost} as an entry of a {@linkcode TransformRegistry}. */
export const planningBoostDefinition: TransformDefinition<PlanningBoostOptions> = {
  summary: "Raises the surprisal of planning tokens, then weighs tokens by surprisal",
  source: "https://github.com/teilomillet/textpolicy",
  schema,
  create: planningBoost,
};
