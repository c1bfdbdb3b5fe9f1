import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { baselineAdvantages, baselinePresets, groupBaseline } from "../../advantage/baselines.ts";
import { checkBatch } from "../../batch/mod.ts";
import { assertAllClose } from "./_assert_close.ts";

interface GoldenCase {
  name: string;
  rewards: number[];
  groupIds: number[];
  lengths: number[];
  perSequence: Record<string, number[] | null>;
  perToken: Record<string, number[] | null>;
}

const golden: { cases: GoldenCase[] } = JSON.parse(
  readFileSync(new URL("./golden/baselines.json", import.meta.url), "utf8"),
);

for (const { name, rewards, groupIds, lengths, perSequence, perToken } of golden.cases) {
  Deno.test(`baselinePresets equal the numpy formulas on ${name}`, async (t) => {
    const offsets = Int32Array.of(0, ...lengths);
    for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
    const batch = checkBatch({
      offsets,
      lossMask: new Uint8Array(offsets.at(-1)!).fill(1),
      rewards: Float32Array.from(rewards),
      groupIds: Int32Array.from(groupIds),
    });
    for (const [preset, convention] of Object.entries(baselinePresets)) {
      await t.step(preset, () => {
        const compute = () =>
          convention.whiten === undefined
            ? groupBaseline(batch.rewards!, batch.groupIds!, convention.group)
            : baselineAdvantages(batch, convention);
        const expected = (convention.whiten === undefined ? perSequence : perToken)[preset];
        assert.notEqual(expected, undefined, "preset without a numpy formula");
        if (expected === null) {
          assert.throws(compute, /needs at least 2 rewards in a group/);
        } else {
          // One rounding to f32, relative 6e-8; nothing else may differ between two f64 formulas.
          assertAllClose(compute(), expected!, { rtol: 1e-6, atol: 1e-7 });
        }
      });
    }
  });
}
