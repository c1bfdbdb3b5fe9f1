import { parametersOf } from "./_resolve_credit.ts";
import type { CreditTransform } from "./options.ts";

/**
 * The numbers of a transform as a `CreditKernel` reads them from a buffer, so that a schedule changes
 * them from step to step without a new kernel.
 *
 * `[0, deduction, branching, backtracking, other]` of `hicra` (four times alpha where there is one for
 * all), `[alpha, kappa]` of `high-entropy-advantage`, `[beta]` of `surprisal-weighting`, `[lambda, beta]`
 * of `sepa`, `[gamma, beta]` of `planning-boost`; zeros behind.
 *
 * @example Usage
 * ```ts
 * import { creditParameters } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(
 *   creditParameters({ name: "hicra", alpha: 0.25 }),
 *   Float32Array.of(0, 0.25, 0.25, 0.25, 0.25),
 * );
 * ```
 *
 * @param transform The transform with the values of this step.
 * @returns `[5]`, freshly allocated.
 * @throws {RangeError} If a value is out of range.
 */
export function creditParameters(transform: CreditTransform): Float32Array<ArrayBuffer> {
  return Float32Array.from(parametersOf(transform));
}
