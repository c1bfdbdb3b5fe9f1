import assert from "node:assert/strict";

/**
 * Both sides compute in float64 and differ only in the order of a few hundred additions and in the
 * last place of a logarithm; 1e-12 is a thousand times that and far below any real difference.
 */
const TOLERANCE = 1e-12;

/** Asserts that two numbers agree to {@linkcode TOLERANCE}, absolute and relative. */
export function assertClose(actual: number | null | undefined, expected: number): void {
  assert.equal(typeof actual, "number");
  const difference = Math.abs(actual! - expected);
  assert.ok(
    difference <= TOLERANCE * (1 + Math.abs(expected)),
    `${actual} is not ${expected}, difference ${difference}`,
  );
}
