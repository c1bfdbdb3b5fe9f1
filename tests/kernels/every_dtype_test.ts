/**
 * The kernels that read logits, in every dtype, for adapters that compile slowly: `compile` compares a kernel with its
 * reference by itself, so that it returns is the test.
 */
import { LogitStatsKernel, PolicyGradientKernel } from "../../kernels/mod.ts";
import { gpuTest } from "./_device.ts";

for (const dtype of ["f32", "f16", "bf16"] as const) {
  const model = { vocabSize: 3_000, dtype };
  // What an option adds is the same code in every dtype, and half of the time of a compilation.
  const [topK, extra] = dtype === "f32"
    ? [5, { klPenalty: 0.1, entropyBonus: 0.05 }] as const
    : [0, {}] as const;
  gpuTest(
    `LogitStatsKernel of ${dtype} computes what its reference computes, on this adapter`,
    async (device) => {
      (await LogitStatsKernel.compile(device, { ...model, topK })).destroy();
    },
  );
  gpuTest(
    `PolicyGradientKernel of ${dtype} computes what its reference computes, on this adapter`,
    async (device) => {
      (await PolicyGradientKernel.compile(device, { ...model, ...extra })).destroy();
    },
  );
}
