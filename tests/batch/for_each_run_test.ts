import assert from "node:assert/strict";
import fc from "fast-check";
import { forEachRun } from "../../batch/mod.ts";

type Layout = Parameters<typeof forEachRun>[0];

function runsOf(layout: Layout): number[][] {
  const runs: number[][] = [];
  forEachRun(layout, (from, to, sequence) => runs.push([from, to, sequence]));
  return runs;
}

const CASES: { name: string; layout: Layout; expected: number[][] }[] = [
  { name: "no sequences", layout: { offsets: Int32Array.of(0) }, expected: [] },
  { name: "an empty sequence", layout: { offsets: Int32Array.of(0, 0) }, expected: [] },
  {
    name: "no mask: whole sequences",
    layout: { offsets: Int32Array.of(0, 2, 2, 3) },
    expected: [[0, 2, 0], [2, 3, 2]],
  },
  {
    name: "zeros at both ends and inside",
    layout: { offsets: Int32Array.of(0, 6), lossMask: Uint8Array.of(0, 1, 0, 0, 1, 0) },
    expected: [[1, 2, 0], [4, 5, 0]],
  },
  {
    name: "all zeros",
    layout: { offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(0, 0) },
    expected: [],
  },
  {
    name: "a segment that goes on over a sequence end",
    layout: { offsets: Int32Array.of(0, 1, 4), segmentIds: Int32Array.of(5, 5, 5, -1) },
    expected: [[0, 1, 0], [1, 3, 1], [3, 4, 1]],
  },
];

Deno.test("forEachRun() visits the runs of the hand-worked cases", () => {
  for (const { name, layout, expected } of CASES) assert.deepEqual(runsOf(layout), expected, name);
});

Deno.test("forEachRun() puts a boundary exactly where one run ends and another begins", () => {
  const token = fc.record({
    first: fc.boolean(),
    trained: fc.constantFrom(1, 1, 0),
    segment: fc.nat(1),
  });
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
      const lossMask = Uint8Array.from(tokens, ({ trained }) => trained);
      const segmentIds = Int32Array.from(tokens, ({ segment }) => segment);
      const starts = tokens.flatMap(({ first }, t) => first && t > 0 ? [t] : []);
      const expected: number[][] = [];
      tokens.forEach(({ trained, segment, first }, t) => {
        const before = tokens[t - 1];
        if (trained === 0) return;
        if (t === 0 || first || before!.trained === 0 || before!.segment !== segment) {
          expected.push([t, t + 1, starts.filter((start) => start <= t).length]);
        } else expected.at(-1)![1] = t + 1;
      });
      const offsets = Int32Array.of(0, ...starts, tokens.length);
      assert.deepEqual(runsOf({ offsets, lossMask, segmentIds }), expected);
    }),
  );
});
