import assert from "node:assert/strict";

/**
 * Asserts that every value is within its bound of the expected one; equal infinities and NaNs agree. A
 * failure prints the worst and the first ten.
 *
 * @param bound The greatest accepted distance of value `index`, a formula with a reason beside the call.
 */
export function assertWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (index: number) => number,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  const faults: { index: number; excess: number }[] = [];
  for (let index = 0; index < expected.length; index++) {
    if (Object.is(actual[index], expected[index])) continue;
    const distance = Math.abs(actual[index]! - expected[index]!);
    if (distance <= bound(index)) continue;
    faults.push({ index, excess: distance / bound(index) });
  }
  if (faults.length === 0) return;
  const worst = faults.reduce((a, b) => b.excess > a.excess ? b : a);
  const lines = [worst, ...faults.slice(0, 10)].map(({ index }) =>
    `[${index}] actual ${actual[index]}, expected ${expected[index]}, bound ${bound(index)}`
  );
  assert.fail(
    `${what}: ${faults.length} of ${expected.length} values are off; the worst, then the first:\n` +
      lines.join("\n"),
  );
}
