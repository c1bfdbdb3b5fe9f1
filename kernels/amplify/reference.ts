import { checkAmplify } from "./_check_amplify.ts";

/** Options of `amplifyTokens` and `amplifyTokensGpu`. */
export interface AmplifyOptions {
  /** `[5]`: gain of each kind; the paper's alpha for kinds 1 to 4. `gains[0]` must be 0. */
  readonly gains: Float32Array;
  /** Amplify `A` instead of `|A|`, so that a penalty grows too; false when left out. */
  readonly symmetric?: boolean;
}

/**
 * Amplifies the advantages of planning tokens: `A'[t] = A[t] + gain[kind[t]] * |A[t]|`.
 *
 * This is HICRA (arXiv 2509.03646, section 3) with a gain per kind: a reward grows, a penalty
 * shrinks. With `symmetric` it is the control `A'[t] = A[t] * (1 + gain[kind[t]])`. Computed in f64
 * and rounded once to f32. Where the gain is 0 the output is bit-equal to the input, whatever
 * stands there. No tokens give no tokens.
 *
 * @example Usage
 * ```ts
 * import { amplifyTokens } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const gains = Float32Array.of(0, 0.25, 0.25, 0.25, 0.25);
 * const advantages = Float32Array.of(1, 1, -1);
 * const kinds = Uint8Array.of(0, 1, 1);
 * assert.deepEqual(amplifyTokens(advantages, kinds, { gains }), Float32Array.of(1, 1.25, -0.75));
 * ```
 *
 * @param advantages `[tokens]`, finite on planning tokens.
 * @param kinds `[tokens]`: 0 for an execution token, 1 to 4 for the kind of a planning token.
 * @param options Gains and form.
 * @returns Amplified advantages, `[tokens]`, freshly allocated.
 * @throws {RangeError} If a length, a kind or a gain breaks the contract, or an advantage to be
 * amplified is not finite.
 */
export function amplifyTokens(
  advantages: Float32Array,
  kinds: Uint8Array,
  { gains, symmetric = false }: AmplifyOptions,
): Float32Array {
  checkAmplify(advantages, kinds, gains);
  // A copy, not a loop of assignments: those may change the bits of a NaN.
  const out = advantages.slice();
  for (let t = 0; t < out.length; t++) {
    const gain = gains[kinds[t]!]!;
    if (gain === 0) continue;
    const advantage = advantages[t]!;
    out[t] = advantage + gain * (symmetric ? advantage : Math.abs(advantage));
  }
  return out;
}
