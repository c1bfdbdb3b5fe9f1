import { InputRangeError } from "../batch/mod.ts";

/**
 * Estimates pass@k without bias: the probability that at least one of k rollouts is correct, from n
 * rollouts of which c are: `1 - C(n - c, k) / C(n, k)` (Chen et al. 2021,
 * https://arxiv.org/abs/2107.03374, section 2.1), computed as a product that cannot overflow.
 *
 * @example Usage
 * ```ts
 * import { passAtK } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.equal(passAtK(8, 2, 1), 0.25);
 * assert.equal(passAtK(8, 5, 4), 1); // any 4 of 8 hold one of the 5
 * ```
 *
 * @param n Rollouts of the prompt.
 * @param c How many of them are correct, 0 to n.
 * @param k Rollouts a user may draw, 1 to n.
 * @returns The estimate, 0 to 1.
 * @throws {RangeError} If a number is not an integer in its range.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!Number.isSafeInteger(n) || !(n >= 1)) {
    throw new InputRangeError(
      `Cannot estimate pass@k as n must be a positive integer: current value is ${n}`,
    );
  }
  checkWithin("c", c, 0, n);
  checkWithin("k", k, 1, n);
  let noneCorrect = 1;
  for (let i = n - c + 1; i <= n; i++) noneCorrect *= Math.max(1 - k / i, 0);
  return 1 - noneCorrect;
}

function checkWithin(name: string, value: number, low: number, high: number): void {
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    throw new InputRangeError(
      `Cannot estimate pass@k as ${name} must be an integer from ${low} to n = ${high}: ` +
        `current value is ${value}`,
    );
  }
}
