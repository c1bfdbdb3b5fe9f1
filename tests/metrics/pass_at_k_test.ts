import assert from "node:assert/strict";
import { emptyMetrics, groupPassAtK, groupTallies, passAtK } from "../../metrics/mod.ts";
import { assertClose } from "./_assert_close.ts";
import golden from "./golden/golden.json" with { type: "json" };

Deno.test("passAtK() equals the estimator of Chen et al.", () => {
  for (const { n, c, k, value } of golden.passAtK) assertClose(passAtK(n, c, k), value);
});

Deno.test("passAtK() equals the share of draws that hold a correct rollout", () => {
  for (let n = 1; n <= 6; n++) {
    for (let c = 0; c <= n; c++) {
      for (let k = 1; k <= n; k++) {
        let draws = 0;
        let passed = 0;
        for (let subset = 0; subset < 2 ** n; subset++) {
          if (bits(subset) !== k) continue;
          draws++;
          if (bits(subset & (2 ** c - 1)) > 0) passed++;
        }
        assertClose(passAtK(n, c, k), passed / draws);
      }
    }
  }
});

Deno.test("passAtK() throws on numbers out of range", () => {
  const cases: [n: number, c: number, k: number, message: string][] = [
    [0, 0, 1, "n must be a positive integer: current value is 0"],
    [1.5, 0, 1, "n must be a positive integer: current value is 1.5"],
    [4, 5, 1, "c must be an integer from 0 to n = 4: current value is 5"],
    [4, -1, 1, "c must be an integer from 0 to n = 4: current value is -1"],
    [4, 1, 5, "k must be an integer from 1 to n = 4: current value is 5"],
    [4, 1, 0, "k must be an integer from 1 to n = 4: current value is 0"],
  ];
  for (const [n, c, k, message] of cases) {
    assert.throws(() => passAtK(n, c, k), {
      name: "RangeError",
      message: `Cannot estimate pass@k as ${message}`,
    });
  }
});

Deno.test("groupPassAtK() leaves out groups of fewer than k", () => {
  const sums = { ...emptyMetrics(), groups: { "4/1/varied": 2, "2/2/flat": 1, "1/0/flat": 1 } };
  assert.deepEqual(groupPassAtK(sums, 1), { sum: 2 * 0.25 + 1 + 0, count: 4 });
  assert.deepEqual(groupPassAtK(sums, 2), { sum: 2 * 0.5 + 1, count: 3 });
  assert.deepEqual(groupPassAtK(sums, 4), { sum: 2, count: 2 });
  assert.deepEqual(groupPassAtK(sums, 8), { sum: 0, count: 0 });
});

Deno.test("groupPassAtK() throws when k is not a positive integer", () => {
  for (const k of [0, 1.5, NaN]) {
    assert.throws(() => groupPassAtK(emptyMetrics(), k), {
      name: "RangeError",
      message: `Cannot estimate pass@k as k must be a positive integer: current value is ${k}`,
    });
  }
});

Deno.test("groupTallies() counts open groups with the whole ones", () => {
  const tallies = groupTallies({
    ...emptyMetrics(),
    groups: { "10/1/varied": 1, "2/1/varied": 1 },
    openGroups: {
      "step 1/0": { size: 2, correct: 1, low: 0, high: 1 },
      "step 1/1": { size: 2, correct: 0, low: 0, high: 0 },
    },
  });
  assert.deepEqual(tallies, [
    { size: 2, correct: 0, flat: true, count: 1 },
    { size: 2, correct: 1, flat: false, count: 2 },
    { size: 10, correct: 1, flat: false, count: 1 },
  ]);
});

function bits(subset: number): number {
  let count = 0;
  for (; subset > 0; subset &= subset - 1) count++;
  return count;
}
