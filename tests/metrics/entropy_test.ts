import assert from "node:assert/strict";
import fc from "fast-check";
import { conditionalEntropyOfCounts, entropyOfCounts } from "../../metrics/mod.ts";
import { assertClose } from "./_assert_close.ts";
import golden from "./golden/golden.json" with { type: "json" };

Deno.test("entropyOfCounts() equals scipy.stats.entropy and its Miller-Madow correction", () => {
  for (const { counts, bins, ...expected } of golden.entropy) {
    const actual = entropyOfCounts(counts, { bins });
    assertClose(actual.value, expected.nats);
    assertClose(actual.millerMadow, expected.millerMadow);
    assertClose(actual.normalizedByBins, expected.normalizedByBins);
    assertClose(entropyOfCounts(counts, { base: "bits" }).value, expected.bits);
    assert.equal(actual.support, counts.filter((count) => count > 0).length);
    assert.equal(actual.samples, counts.reduce((sum, count) => sum + count, 0));
  }
});

Deno.test("entropyOfCounts() is defined for no sample, one bin and an even spread", () => {
  const nothing = {
    value: null,
    millerMadow: null,
    normalizedBySupport: null,
    normalizedByBins: null,
    support: 0,
    samples: 0,
    base: "nats",
  };
  assert.deepEqual(entropyOfCounts([]), nothing);
  assert.deepEqual(entropyOfCounts([0, 0], { bins: 2 }), nothing);
  assert.deepEqual(entropyOfCounts([4], { bins: 2 }), {
    ...nothing,
    value: 0,
    millerMadow: 0,
    normalizedByBins: 0,
    support: 1,
    samples: 4,
  });
  assertClose(entropyOfCounts([3, 3, 3]).normalizedBySupport, 1);
  assert.equal(entropyOfCounts([1], { bins: 1 }).normalizedByBins, null);
});

Deno.test("entropyOfCounts() gives the same bits in any order of the counts", () => {
  fc.assert(fc.property(fc.array(fc.nat(1000)), (counts) => {
    assert.deepEqual(entropyOfCounts(counts.toReversed()), entropyOfCounts(counts));
  }));
});

Deno.test("entropyOfCounts() stays within 0 and the logarithm of the support", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (counts) => {
    const { value } = entropyOfCounts(counts);
    assert.ok(value! >= 0 && value! <= Math.log(counts.length) + 1e-12);
  }));
});

Deno.test("entropyOfCounts() throws on a count that is not a non-negative integer", () => {
  for (const count of [-1, 0.5, NaN, Infinity]) {
    assert.throws(() => entropyOfCounts([1, count]), {
      name: "RangeError",
      message: "Cannot estimate an entropy as counts must be non-negative integers: " +
        `counts[1] is ${count}`,
    });
  }
});

Deno.test("entropyOfCounts() throws when there are fewer bins than occurred", () => {
  for (const bins of [1, NaN]) {
    assert.throws(() => entropyOfCounts([1, 2], { bins }), {
      name: "RangeError",
      message: "Cannot normalize an entropy as bins must be at least the number of bins that " +
        `occurred, 2: current value is ${bins}`,
    });
  }
});

Deno.test("conditionalEntropyOfCounts() equals H(X, Y) - H(X) by scipy", () => {
  for (const { table, nats, millerMadow } of golden.conditional) {
    const actual = conditionalEntropyOfCounts(table);
    assertClose(actual.value, nats);
    assertClose(actual.millerMadow, millerMadow);
    assert.equal(actual.support, table.flat().filter((count) => count > 0).length);
    assert.equal(actual.contexts, table.filter((row) => row.some((count) => count > 0)).length);
  }
});

Deno.test("conditionalEntropyOfCounts() is null without samples and 0 when y follows from x", () => {
  assert.deepEqual(conditionalEntropyOfCounts([[], [0]]), {
    value: null,
    millerMadow: null,
    ceiling: null,
    support: 0,
    contexts: 0,
    samples: 0,
    base: "nats",
  });
  const { value, millerMadow } = conditionalEntropyOfCounts([[5], [3]]);
  assert.deepEqual([value, millerMadow], [0, 0]);
});

Deno.test("conditionalEntropyOfCounts() reaches its ceiling when every y is seen once", () => {
  const { value, ceiling } = conditionalEntropyOfCounts([[1, 1, 1], [1]], { base: "bits" });
  assertClose(value, 0.75 * Math.log2(3));
  assertClose(ceiling, value!);
});
