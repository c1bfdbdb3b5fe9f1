import assert from "node:assert/strict";
import fc from "fast-check";
import { exactSum } from "../../metrics/mod.ts";

Deno.test("exactSum() gives the rounded sum and what rounding left out", () => {
  const cases: [values: number[], parts: number[]][] = [
    [[], []],
    [[0], []],
    [[-0], []],
    [[1], [1]],
    [[1, -1], []],
    [[0.5, 0.25], [0.75]],
    [[1, 2 ** -60], [1, 2 ** -60]],
    [[2 ** 60, 1, -(2 ** 60)], [1]],
    // 1 + 2^-53 is a tie: to even alone, upwards once anything lies below it.
    [[1, 2 ** -53], [1, 2 ** -53]],
    [[1, 2 ** -53, 2 ** -120], [1 + 2 ** -52, -(2 ** -53), 2 ** -120]],
    [[2 ** 127, 2 ** -149], [2 ** 127, 2 ** -149]],
  ];
  for (const [values, parts] of cases) assert.deepEqual(exactSum(values), parts);
});

Deno.test("exactSum() equals the sum in integers for any float32, in any order and split", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  const property = fc.property(
    fc.array(float, { maxLength: 40 }),
    fc.nat(40),
    (values, at) => {
      const parts = exactSum(values);
      assert.equal(inUnits(parts), inUnits(values));
      assert.equal(parts[0] ?? 0, nearest(inUnits(values)));
      assert.deepEqual(exactSum(values.toReversed()), parts);
      const [a, b] = [exactSum(values.slice(0, at)), exactSum(values.slice(at))];
      assert.deepEqual(exactSum([...b, ...a]), parts);
      assert.deepEqual(JSON.parse(JSON.stringify(parts)), parts);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

Deno.test("exactSum() throws on what is not finite, or overflows", () => {
  const cases: [values: number[], sum: string][] = [
    [[1, NaN], "NaN"],
    [[Infinity], "Infinity"],
    [[-Infinity, 1], "-Infinity|NaN"],
    [[Infinity, -Infinity], "NaN"],
    [[2 ** 1023, 2 ** 1023], "Infinity|NaN"],
  ];
  for (const [values, sum] of cases) {
    assert.throws(() => exactSum(values), {
      name: "RangeError",
      message: new RegExp(
        `^Cannot add exactly as the values and their sum must be finite: current sum is (${sum})$`,
      ),
    });
  }
});

/** The sum in units of the smallest float32, 2^-149. */
function inUnits(values: readonly number[]): bigint {
  return values.reduce((sum, x) => {
    return sum + BigInt(x * 2 ** 149);
  }, 0n);
}

/** `Number` of a big integer rounds to nearest, ties to even. */
function nearest(units: bigint): number {
  return Number(units) * 2 ** -149;
}
