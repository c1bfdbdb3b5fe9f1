import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CreditBatch,
  type CreditBuffers,
  CreditKernel,
  type CreditOptions,
  creditParameters,
  creditTokens,
  creditTokensGpu,
} from "../../../kernels/mod.ts";
import { assertWithin } from "../_assert_within.ts";
import { gpuTest, withLimits } from "../_device.ts";
import { bitsOf, fromBits } from "./_bits.ts";
import { creditBounds } from "./_bounds.ts";
import { BASELINES, given, TRANSFORMS } from "./_options.ts";
import { type BatchShape, type FullBatch, randomBatch, type RewardKind } from "./_random_batch.ts";
import golden from "./golden/credit.json" with { type: "json" };

const REWARD_KINDS: RewardKind[] = ["binary", "real", "nearly equal", "positive"];
const FROM = ["rewards", "sequences", "tokens"] as const;

async function assertAgrees(
  device: GPUDevice,
  batch: CreditBatch,
  options: CreditOptions,
): Promise<Float32Array> {
  const actual = await creditTokensGpu(device, batch, options);
  assertAgreesWith(actual, batch, options);
  return actual;
}

function assertAgreesWith(actual: Float32Array, batch: CreditBatch, options: CreditOptions): void {
  const expected = creditTokens(batch, options);
  const bounds = creditBounds(batch, options);
  assertWithin(actual, expected, (t) => bounds[t]!, JSON.stringify(options));
}

/** MaxRL on rewards of both signs decides by the sign of a mean, which rounding may turn. */
function isStable(rewardKind: RewardKind, { scale }: NonNullable<CreditOptions["baseline"]>) {
  return scale !== "mean" || rewardKind !== "real";
}

for (const rewardKind of REWARD_KINDS) {
  gpuTest(`CreditKernel agrees for every convention on ${rewardKind} rewards`, async (device) => {
    const batch = given(randomBatch(3, { numSequences: 130, maxLength: 3, rewardKind }));
    for (const baseline of BASELINES.filter((baseline) => isStable(rewardKind, baseline))) {
      await assertAgrees(device, batch, { baseline });
    }
  });
}

for (const from of FROM) {
  gpuTest(`CreditKernel agrees for every transform from ${from}`, async (device) => {
    for (const transform of TRANSFORMS) {
      const kernel = await CreditKernel.compile(device, { from, transform });
      for (const numSequences of [1, 63, 65]) {
        const batch = randomBatch(numSequences, { numSequences, maxLength: 300 });
        const actual = await kernel.run(given(batch, from));
        assertAgreesWith(actual, given(batch, from), { from, transform });
      }
      kernel.destroy();
    }
  });
}

gpuTest("creditTokensGpu() agrees on random batches and options", async (device) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 0, max: 70 }),
      fc.constantFrom(...FROM),
      fc.constantFrom(...REWARD_KINDS),
      fc.constantFrom(...BASELINES),
      fc.constantFrom(undefined, ...TRANSFORMS),
      async (seed, numSequences, from, rewardKind, baseline, transform) => {
        fc.pre(isStable(rewardKind, baseline));
        const batch = given(randomBatch(seed, { numSequences, maxLength: 40, rewardKind }), from);
        await assertAgrees(device, batch, { from, baseline, ...(transform && { transform }) });
      },
    ),
    { numRuns: 60 },
  );
});
