import { z } from "zod";
import { checkLength, checkOffsets, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { meanOfSequence, surprisalsOf } from "./_surprisals.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Options of {@linkcode surprisalWeighting}. */
export interface SurprisalWeightingOptions {
  /** Strength of the weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

/** Arrays and options of {@linkcode surprisalWeightedAdvantages}. */
export interface SurprisalWeightedAdvantagesOptions extends SurprisalWeightingOptions {
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
}

const ACTION = "apply surprisal weights";

/**
 * Weighs each token by its surprisal relative to its sequence: the proxy that ports of GTPO use.
 *
 * `A' = A * max(0, 1 + beta*(S/mean(S) - 1))` with the mean over the trained tokens of the sequence. A
 * sequence whose mean is 0 keeps its advantages. Surprisal is `-logprob` of the sampled token, **not**
 * entropy, and nothing of the group enters; the paper's weight is {@linkcode gtpoAdvantages}.
 *
 * @see {@link https://github.com/teilomillet/textpolicy | textpolicy}, `apply_gtpo_weighting` (beta 0.1),
 * without its caps: surprisals are finite by contract.
 *
 * @example Usage
 * ```ts
 * import { surprisalWeightedAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = surprisalWeightedAdvantages(
 *   Float32Array.of(1, 1),
 *   Float32Array.of(3, 1),
 *   { offsets: Int32Array.of(0, 2), beta: 0.5 },
 * );
 * assert.deepEqual(advantages, Float32Array.of(1.25, 0.75));
 * ```
 *
 * @param advantages `[tokens]`.
 * @param surprisals `[tokens]`, nats, at least 0.
 * @param options The layout of the batch and beta.
 * @returns New advantages, `[tokens]`, computed in f64 and rounded once.
 * @throws {RangeError} If lengths disagree.
 */
export function surprisalWeightedAdvantages(
  advantages: Float32Array,
  surprisals: Float32Array,
  options: SurprisalWeightedAdvantagesOptions,
): Float32Array {
  const { offsets, lossMask, beta = 0.1 } = options;
  checkLength(ACTION, "surprisals", surprisals, advantages.length);
  checkLength(ACTION, "lossMask", lossMask, advantages.length);
  checkOffsets(ACTION, offsets, advantages.length);
  const out = advantages.slice();
  for (let s = 0; s + 1 < offsets.length; s++) {
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    const mean = meanOfSequence(surprisals, from, to, lossMask);
    if (!(mean > 0)) continue; // no trained token, or no surprisal to compare with
    for (let i = from; i < to; i++) {
      if (lossMask?.[i] === 0) continue;
      out[i] = advantages[i]! * Math.max(0, 1 + beta * (surprisals[i]! / mean - 1));
    }
  }
  return out;
}

const schema = strictOptions({ beta: z.number().min(0).default(0.1) });

/**
 * Creates the transform that runs {@linkcode surprisalWeightedAdvantages} on every batch.
 *
 * @example Usage
 * ```ts
 * import { surprisalWeighting } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(surprisalWeighting().needs, ["oldLogprobs"]);
 * ```
 *
 * @param options Beta.
 * @returns The transform `"surprisal-weighting"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function surprisalWeighting(options: SurprisalWeightingOptions = {}): Transform {
  const name = "surprisal-weighting";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { beta } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["oldLogprobs"],
    apply({ advantages }: Credit, { batch }: TransformContext): Partial<Credit> {
      const { offsets, lossMask } = batch;
      const surprisals = surprisalsOf(required(name, batch, "oldLogprobs"));
      return {
        advantages: surprisalWeightedAdvantages(advantages, surprisals, {
          offsets,
          lossMask,
          beta,
        }),
      };
    },
  };
}

/** {@linkcode surprisalWeighting} as an entry of a {@linkcode TransformRegistry}. */
export const surprisalWeightingDefinition: TransformDefinition<SurprisalWeightingOptions> = {
  summary: "GTPO proxy of textpolicy: weighs tokens by surprisal relative to their sequence",
  source: "https://github.com/teilomillet/textpolicy",
  schema,
  create: surprisalWeighting,
};
