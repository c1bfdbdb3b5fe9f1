import assert from "node:assert/strict";

/** Fails unless `|actual - expected| <= atol + rtol * |expected|` everywhere. */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-5, atol = 1e-6 }: { rtol?: number; atol?: number } = {},
): void {
  assert.equal(actual.length, expected.length, "lengths differ");
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    // Negated, so that NaN fails.
    if (!(error <= atol + rtol * Math.abs(expected[i]!))) {
      assert.fail(`element ${i} is ${actual[i]}, expected ${expected[i]}: off by ${error}`);
    }
  }
}
