import { z } from "zod";
import { checkLength, checkOffsets, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { scheduleSchema } from "./_schedule_schema.ts";
import { meanOfSequence, surprisalsOf } from "./_surprisals.ts";
import { type Schedule, scheduleNeeds, scheduleValue } from "./schedule.ts";
import { surprisalWeightedAdvantages } from "./surprisal_weighting.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Arrays and options of {@linkcode poolSurprisals}. */
export interface PoolSurprisalsOptions {
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** Strength of the pooling, from 0 (none) to 1 (one value for all); 1 by default. */
  readonly lambda?: number;
}

const ACTION = "pool surprisals";

/**
 * Pulls the surprisal of execution tokens towards their mean: the pooling step of SEPA.
 *
 * `S' = lambda*mean(S_exec) + (1 - lambda)*S` on execution tokens, `S' = S` on planning tokens, with
 * the mean over the trained execution tokens of the sequence. Means are kept; a sequence without
 * execution tokens is unchanged.
 *
 * @see {@link https://teilo.xyz/posts/sepa | SEPA: selective entropy pooling}.
 *
 * @example Usage
 * ```ts
 * import { poolSurprisals } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const pooled = poolSurprisals(Float32Array.of(5, 1, 3), Uint8Array.of(1, 0, 0), {
 *   offsets: Int32Array.of(0, 3),
 *   lambda: 0.5,
 * });
 * assert.deepEqual(pooled, Float32Array.of(5, 1.5, 2.5));
 * ```
 *
 * @param surprisals `[tokens]`, nats.
 * @param planningMask `[tokens]`, 0 or 1.
 * @param options The layout of the batch and lambda.
 * @returns Pooled surprisals, `[tokens]`, computed in f64 and rounded once.
 * @throws {RangeError} If lengths disagree.
 */
export function poolSurprisals(
  surprisals: Float32Array,
  planningMask: Uint8Array,
  options: PoolSurprisalsOptions,
): Float32Array {
  const { offsets, lossMask, lambda = 1 } = options;
  checkLength(ACTION, "planningMask", planningMask, surprisals.length);
  checkLength(ACTION, "lossMask", lossMask, surprisals.length);
  checkOffsets(ACTION, offsets, surprisals.length);
  const out = surprisals.slice();
  for (let s = 0; s + 1 < offsets.length; s++) {
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    const mean = meanOfSequence(surprisals, from, to, lossMask, planningMask);
    for (let i = from; i < to; i++) {
      if (planningMask[i] === 1 || lossMask?.[i] === 0) continue;
      out[i] = lambda * mean + (1 - lambda) * surprisals[i]!;
    }
  }
  return out;
}

/** Options of {@linkcode sepa}. */
export interface SepaOptions {
  /** Strength of the pooling, in `[0, 1]`, or a schedule of it; 1 by default. */
  readonly lambda?: Schedule;
  /** Strength of the surprisal weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

const schema = strictOptions({
  lambda: scheduleSchema({ min: 0, max: 1 }).default(1),
  beta: z.number().min(0).default(0.1),
});

/**
 * Creates the SEPA transform: {@linkcode poolSurprisals}, then the weight of
 * {@linkcode surprisalWeightedAdvantages} on the pooled values, so that in the end only planning
 * tokens differ from the rest by their surprisal.
 *
 * Its authors raise lambda from 0 to 1 from step 10 on, once a tenth of the rollouts is correct; the
 * example says so with a schedule.
 *
 * @example Usage
 * ```ts
 * import { sepa } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const transform = sepa({
 *   lambda: {
 *     type: "gated",
 *     signal: "accuracy",
 *     threshold: 0.1,
 *     when: "above",
 *     open: { type: "linear", from: 0, to: 1, start: 10, steps: 100 },
 *   },
 * });
 * assert.deepEqual(transform.needs, ["oldLogprobs"]);
 * ```
 *
 * @param options Lambda and beta.
 * @returns The transform `"sepa"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function sepa(options: SepaOptions = {}): Transform {
  const name = "sepa";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { lambda, beta } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["oldLogprobs"],
    clock: scheduleNeeds("lambda", lambda),
    apply({ advantages, planningMask }: Credit, context: TransformContext): Partial<Credit> {
      const { offsets, lossMask } = context.batch;
      const surprisals = surprisalsOf(required(name, context.batch, "oldLogprobs"));
      const pooled = poolSurprisals(surprisals, planningMask, {
        offsets,
        lossMask,
        lambda: scheduleValue(lambda, context),
      });
      return {
        advantages: surprisalWeightedAdvantages(advantages, pooled, { offsets, lossMask, beta }),
      };
    },
  };
}

/** {@linkcode sepa} as an entry of a {@linkcode TransformRegistry}. */
export const sepaDefinition: TransformDefinition<SepaOptions> = {
  summary: "SEPA: pools the surprisal of execution tokens, then weighs tokens by surprisal",
  source: "https://teilo.xyz/posts/sepa",
  schema,
  create: sepa,
};
