import assert from "node:assert/strict";
import fc from "fast-check";
import { type StagePoint, stages } from "../../metrics/mod.ts";
import { assertClose } from "./_assert_close.ts";

Deno.test("stages() finds both corners of clean curves, whatever the scale and the steps", () => {
  const levels = fc.tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }));
  const property = fc.property(
    levels,
    fc.double({ min: 0.1, max: 10, noNaN: true }),
    ([tau, gap], scale) => {
      const sigma = tau + gap;
      const curve = Array.from({ length: sigma + 4 }, (_, i) => ({
        step: 5 * i + 100,
        executionPerplexity: scale * (2 - Math.min(i, tau) / tau),
        semanticEntropy: 3 + Math.max(i - sigma, 0),
      }));
      const found = stages(curve);
      assert.equal(found.consolidation, "ended");
      assert.equal(found.consolidationEnd, 5 * tau + 100);
      assertClose(found.executionChange, -0.5);
      assert.equal(found.explorationStart, 5 * sigma + 100);
      assertClose(found.entropyChange, 1);
    },
  );
  fc.assert(property);
});

Deno.test("stages() of a flat run finds neither stage", () => {
  assert.deepEqual(stages(run([1, 1, 1, 1], [4, 4, 4, 4])), {
    consolidation: "absent",
    consolidationEnd: null,
    executionChange: 0,
    explorationStart: null,
    entropyChange: 0,
  });
});

Deno.test("stages() of a run that is still falling says so and looks for nothing further", () => {
  const found = stages(run([4, 3, 2, 1], [1, 2, 3, 4]));
  assertClose(found.executionChange, -0.75);
  assert.deepEqual({ ...found, executionChange: 0 }, {
    consolidation: "ongoing",
    consolidationEnd: null,
    executionChange: 0,
    explorationStart: null,
    entropyChange: null,
  });
});

Deno.test("stages() lets exploration start at once where there is nothing to consolidate", () => {
  const found = stages(run([1, 1.01, 0.99, 1], [4, 5, 6, 7]));
  assert.equal(found.consolidation, "absent");
  assert.equal(found.explorationStart, 0);
});

Deno.test("stages() does not take a perplexity that shoots up for a fall", () => {
  const found = stages(run([0.1, 0.1, 0.1, 10, 40], [1, 1, 1, 1, 1]));
  assert.equal(found.consolidation, "absent");
  assert.ok(found.executionChange > 0);
});

Deno.test("stages() counts only changes of the least size asked for", () => {
  const series = run([1, 0.96, 0.92, 0.92, 0.92, 0.92], [1, 1, 1, 1, 1.04, 1.08]);
  assert.equal(stages(series).consolidationEnd, 2);
  assert.equal(stages(series, { leastFall: 0.09 }).consolidation, "absent");
  assert.equal(stages(series).explorationStart, 3);
  assert.equal(stages(series, { leastRise: 0.09 }).explorationStart, null);
});

Deno.test("stages() does not take a falling or a zero entropy for exploration", () => {
  assert.equal(stages(run([2, 1, 1, 1, 1], [4, 4, 4, 3, 2])).explorationStart, null);
  const zero = stages(run([2, 1, 1, 1, 1], [0, 0, 0, 0, 0]));
  assert.deepEqual([zero.explorationStart, zero.entropyChange], [null, null]);
});

Deno.test("stages() throws on a series it cannot fit", () => {
  const cases: [series: StagePoint[], message: string][] = [
    [run([1, 1], [1, 1]), "a change point needs at least 3 steps: current number is 2"],
    [
      run([1, 1, 1], [1, 1, 1]).toReversed(),
      "steps must be finite and ascend: series[1].step is 1",
    ],
    [
      run([1, 0, 1], [1, 1, 1]),
      "a perplexity must be finite and above 0: series[1].executionPerplexity is 0",
    ],
    [
      run([1, NaN, 1], [1, 1, 1]),
      "a perplexity must be finite and above 0: series[1].executionPerplexity is NaN",
    ],
    [
      run([1, 1, 1], [1, 1, -1]),
      "an entropy must be finite and not negative: series[2].semanticEntropy is -1",
    ],
  ];
  for (const [series, message] of cases) {
    assert.throws(() => stages(series), {
      name: "RangeError",
      message: `Cannot find stages as ${message}`,
    });
  }
});

function run(perplexities: number[], entropies: number[]): StagePoint[] {
  return perplexities.map((executionPerplexity, step) => ({
    step,
    executionPerplexity,
    semanticEntropy: entropies[step]!,
  }));
}
