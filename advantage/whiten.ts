import { z } from "zod";
import { InputRangeError } from "../batch/mod.ts";
import { checkLength } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { EPSILON_PLACES, type EpsilonPlace, guardedDivisor } from "./_spread.ts";

/** Options of {@linkcode whiten}. */
export interface WhitenOptions {
  /** The variance divides the sum of squares by `n - ddof`; 1 by default. */
  readonly ddof?: 0 | 1;
  /** Guard against small divisors; 1e-8 by default. */
  readonly epsilon?: number;
  /** Where `epsilon` enters; "variance" by default. */
  readonly epsilonPlace?: EpsilonPlace;
}

const ACTION = "whiten advantages";

const schema = strictOptions({
  ddof: z.union([z.literal(0), z.literal(1)], { error: "must be 0 or 1" }).default(1),
  epsilon: z.number().min(0).default(1e-8),
  epsilonPlace: z.enum(EPSILON_PLACES).default("variance"),
});

/**
 * Shifts and scales the advantages of all trained tokens of a batch to mean 0 and variance 1.
 *
 * `A'_i = (A_i - mean) / sqrt(var + epsilon)`, with mean and variance over the tokens where
 * `lossMask` is 1, so a long response weighs more than a short one. This is step two of REINFORCE++
 * (https://arxiv.org/abs/2501.03262) with the defaults of verl's `masked_whiten`
 * (verl/utils/torch_functional.py). Whitening does not commute with HICRA: do it first.
 *
 * Edge cases: tokens outside the mask get 0; equal advantages become exactly 0; without any trained
 * token the result is all 0.
 *
 * @example Usage
 * ```ts
 * import { whiten } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = Float32Array.of(3, 1, 3, 1, 9);
 * const lossMask = Uint8Array.of(1, 1, 1, 1, 0);
 * assert.deepEqual(
 *   whiten(advantages, lossMask, { ddof: 0, epsilon: 0 }),
 *   Float32Array.of(1, -1, 1, -1, 0),
 * );
 * ```
 *
 * @param advantages `[tokens]`.
 * @param lossMask `[tokens]`, 0 or 1: which tokens count.
 * @param options Degrees of freedom and the guard of the divisor.
 * @returns Whitened advantages, `[tokens]`, freshly allocated.
 * @throws {TypeError} If an option is not known or has the wrong type.
 * @throws {RangeError} If an option or a length breaks its rule, if an advantage in the mask is not
 * finite, or if the mask holds a single token and `ddof` is 1.
 */
export function whiten(
  advantages: Float32Array,
  lossMask: Uint8Array,
  options: WhitenOptions = {},
): Float32Array {
  const { ddof, epsilon, epsilonPlace } = checkOptions(ACTION, schema, options);
  checkLength(ACTION, "lossMask", lossMask, advantages.length);
  const numTokens = advantages.length;

  let count = 0;
  let sum = 0;
  for (let i = 0; i < numTokens; i++) {
    if (lossMask[i] === 0) continue;
    if (!Number.isFinite(advantages[i])) {
      throw new InputRangeError(
        `Cannot ${ACTION} as they must be finite where lossMask is 1: advantages[${i}] is ` +
          `${advantages[i]}`,
      );
    }
    count++;
    sum += advantages[i]!;
  }
  const whitened = new Float32Array(numTokens);
  if (count === 0) return whitened;
  if (count <= ddof) {
    throw new InputRangeError(
      `Cannot ${ACTION} as a variance with ddof 1 needs at least 2 tokens in lossMask: ` +
        `current count is ${count}`,
    );
  }

  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < numTokens; i++) {
    if (lossMask[i] !== 0) squares += (advantages[i]! - mean) ** 2;
  }
  const divisor = guardedDivisor(Math.sqrt(squares / (count - ddof)), epsilon, epsilonPlace);
  for (let i = 0; i < numTokens; i++) {
    if (lossMask[i] !== 0) whitened[i] = (advantages[i]! - mean) / divisor;
  }
  return whitened;
}
