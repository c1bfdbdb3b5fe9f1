/**
 * One case a kernel and dtype, for adapters that compile slowly: `compile` compares a kernel with its reference
 * by itself, so that it returns is the test.
 */
import {
  CreditKernel,
  LogitStatsKernel,
  MatchKernel,
  NeighboursKernel,
  PolicyGradientKernel,
  SegmentSumsKernel,
} from "../../kernels/mod.ts";
import { checkedTables } from "../../kernels/match/_compare.ts";
import { gpuTest } from "./_device.ts";

const COMPILE: Record<string, (device: GPUDevice) => Promise<{ destroy(): void }>> = {
  MatchKernel: (device) => MatchKernel.compile(device, checkedTables()),
  SegmentSumsKernel: (device) => SegmentSumsKernel.compile(device, { numClasses: 2 }),
  NeighboursKernel: (device) => NeighboursKernel.compile(device, { dimensions: 7, epsilon: 0.2 }),
  CreditKernel: (device) =>
    CreditKernel.compile(device, {
      baseline: { scale: "group-std" },
      transform: { name: "hicra", mode: "baseline-corrected" },
    }),
};
for (const dtype of ["f32", "f16", "bf16"] as const) {
  const model = { vocabSize: 3_000, dtype };
  // Half of the time of a compilation, and the same code in every dtype.
  const all = dtype === "f32";
  COMPILE[`LogitStatsKernel of ${dtype}`] = (device) =>
    LogitStatsKernel.compile(device, { ...model, topK: all ? 5 : 0 });
  COMPILE[`PolicyGradientKernel of ${dtype}`] = (device) =>
    PolicyGradientKernel.compile(
      device,
      all ? { ...model, klPenalty: 0.1, entropyBonus: 0.05 } : model,
    );
}

for (const [name, compile] of Object.entries(COMPILE)) {
  gpuTest(`${name} computes what its reference computes, on this adapter`, async (device) => {
    (await compile(device)).destroy();
  });
}
