import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  applyTransforms,
  type BuiltinTransformConfig,
  createTransform,
} from "../../advantage/mod.ts";
import { checkBatch } from "../../batch/mod.ts";
import { assertAllClose } from "./_assert_close.ts";

interface GoldenCase {
  name: string;
  groupIds: number[];
  advantages: number[][];
  lossMask: number[][];
  planningMask: number[][];
  kinds: number[][];
  entropies: number[][];
  oldLogprobs: number[][];
  expected: { config: BuiltinTransformConfig; advantages: number[] }[];
}

const golden: { cases: GoldenCase[] } = JSON.parse(
  readFileSync(new URL("./golden/transforms.json", import.meta.url), "utf8"),
);

for (const rows of golden.cases) {
  Deno.test(`transforms equal the numpy formulas on ${rows.name}`, async (t) => {
    const offsets = Int32Array.of(0, ...rows.advantages.map((row) => row.length));
    for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
    const batch = checkBatch({
      offsets,
      groupIds: Int32Array.from(rows.groupIds),
      lossMask: Uint8Array.from(rows.lossMask.flat()),
      entropies: Float32Array.from(rows.entropies.flat()),
      oldLogprobs: Float32Array.from(rows.oldLogprobs.flat()),
    });
    const credit = {
      advantages: Float32Array.from(rows.advantages.flat()),
      planningMask: Uint8Array.from(rows.planningMask.flat()),
      kinds: Uint8Array.from(rows.kinds.flat()),
    };
    for (const { config, advantages } of rows.expected) {
      await t.step(JSON.stringify(config), () => {
        const actual = applyTransforms([createTransform(config)], credit, {
          batch,
          step: 0,
          signals: {},
        });
        // One rounding to f32, relative 6e-8, and for pooled surprisals a second one before it.
        assertAllClose(actual.advantages, advantages, { rtol: 3e-7, atol: 1e-9 });
        if (
          config.name === "hicra" &&
          config.mode !== "mass-preserving" && config.mode !== "baseline-corrected"
        ) {
          assert.deepEqual(actual.advantages, Float32Array.from(advantages), "not bit-equal");
        }
      });
    }
  });
}
