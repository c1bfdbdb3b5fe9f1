import { InputRangeError } from "../batch/mod.ts";

/**
 * The exact value of a sum of numbers, as the shortest list of float64 values that add up to it:
 * the first is the sum correctly rounded, the next what that rounding left out, and so on. A zero sum
 * is the empty list. Equal sums have equal lists, so results do not depend on the order of adding.
 */
export type ExactSum = readonly number[];

/**
 * Adds numbers without rounding, so that no order of adding or merging changes the result.
 *
 * Shewchuk's expansions (Adaptive Precision Floating-Point Arithmetic, 1997), as in Python's
 * `math.fsum`, brought into a unique form. Nothing gives `[]`. Sums of float32 values cannot overflow.
 *
 * @example Usage
 * ```ts
 * import { exactSum } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(exactSum([1, 2 ** -60]), [1, 2 ** -60]);
 * assert.deepEqual(exactSum([2 ** 60, 1, -(2 ** 60)]), [1]);
 * ```
 *
 * @param values Finite numbers, for example the parts of other exact sums.
 * @returns Their exact sum.
 * @throws {RangeError} If a value is not finite, or adding them overflows.
 */
export function exactSum(values: Iterable<number>): ExactSum {
  const partials: number[] = [];
  for (const value of values) add(partials, value);
  const parts: number[] = [];
  while (partials.length > 0) {
    const part = round(partials);
    if (!Number.isFinite(part)) {
      throw new InputRangeError(
        `Cannot add exactly as the values and their sum must be finite: current sum is ${part}`,
      );
    }
    parts.push(part);
    add(partials, -part);
  }
  return parts;
}

/** Adds `x` to non-overlapping partials of increasing magnitude, in place and without error. */
function add(partials: number[], x: number): void {
  let kept = 0;
  for (let i = 0; i < partials.length; i++) {
    let y = partials[i]!;
    if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
    const high = x + y;
    const low = y - (high - x);
    if (low !== 0) partials[kept++] = low;
    x = high;
  }
  partials.length = kept;
  if (x !== 0) partials.push(x);
}

/** The sum of non-overlapping partials, correctly rounded to nearest, ties to even. */
function round(partials: number[]): number {
  let i = partials.length - 1;
  let high = partials[i]!;
  let low = 0;
  while (i > 0 && low === 0) {
    const x = high;
    const y = partials[--i]!;
    high = x + y;
    low = y - (high - x);
  }
  // When `low` is exactly half a unit in the last place of `high`, what lies below breaks the tie.
  if (i > 0 && low !== 0 && Math.sign(low) === Math.sign(partials[i - 1]!)) {
    const x = high + 2 * low;
    if (2 * low === x - high) high = x;
  }
  return high;
}
