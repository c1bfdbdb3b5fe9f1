import assert from "node:assert/strict";
import type { GramKind } from "../../sg/gram.ts";
import { judgeFunctions } from "../../mining/judge/judge_functions.ts";
import cases from "../testdata/mining/functions.json" with { type: "json" };

for (const [index, golden] of cases.entries()) {
  Deno.test(`judgeFunctions() agrees with numpy in case ${index}`, () => {
    const kinds = Object.fromEntries(
      Object.entries(golden.kinds).map(([kind, numbers]) => [kind, Float32Array.from(numbers!)]),
    ) as Partial<Record<GramKind, Float32Array>>;
    const judged = judgeFunctions(Float32Array.from(golden.vectors), {
      dimensions: golden.dimensions,
      kinds,
      execution: Float32Array.from(golden.execution),
    });
    assert.equal(judged.temperature, golden.temperature);
    assert.deepEqual([...judged.kinds], golden.chosen);
    for (const [g, odds] of golden.logOdds.entries()) {
      // float64 sums of float32 cosines over a temperature of at least 0.02: 1e-6 of the largest, 50.
      assert.ok(Math.abs(judged.logOdds[g]! - odds) < 5e-5, `${judged.logOdds[g]} is not ${odds}`);
      assert.ok(Math.abs(judged.confidences[g]! - golden.confidences[g]!) < 5e-5);
    }
  });
}

const TWO = {
  dimensions: 2,
  kinds: { other: Float32Array.of(1, 0, 1, 0) },
  execution: Float32Array.of(0, 1, 0, 1),
};

Deno.test("judgeFunctions() judges a phrase as far from either side evenly", () => {
  const half = Math.SQRT1_2;
  const { logOdds, kinds, confidences } = judgeFunctions(Float32Array.of(half, half), TWO);
  assert.ok(Math.abs(logOdds[0]!) < 1e-6);
  assert.deepEqual([kinds[0], confidences[0]], [3, 1]);
});

Deno.test("judgeFunctions() takes no phrase", () => {
  assert.equal(judgeFunctions(new Float32Array(0), TWO).logOdds.length, 0);
});

const REFUSED: [string, () => unknown, string, string][] = [
  [
    "half a row",
    () => judgeFunctions(new Float32Array(3), TWO),
    "TypeError",
    "Cannot judge phrases as vectors must hold whole rows of 2 numbers: current length is 3",
  ],
  [
    "prototypes of no kind",
    () => judgeFunctions(new Float32Array(2), { ...TWO, kinds: {} }),
    "TypeError",
    "Cannot judge phrases as prototypes must have at least one kind: it has none",
  ],
  [
    "a single prototype",
    () => judgeFunctions(new Float32Array(2), { ...TWO, execution: Float32Array.of(1, 0) }),
    "TypeError",
    "Cannot judge phrases as execution must have at least two prototypes of 2 numbers: current length is 2",
  ],
  [
    "a temperature of 0",
    () => judgeFunctions(new Float32Array(2), TWO, { temperature: 0 }),
    "RangeError",
    "Cannot judge phrases as temperature must be a number above 0: current value is 0",
  ],
];

for (const [what, run, name, message] of REFUSED) {
  Deno.test(`judgeFunctions() refuses ${what}`, () => {
    assert.throws(run, { name, message });
  });
}
