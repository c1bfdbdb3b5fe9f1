/**
 * One case a kernel, for adapters that compile slowly: `compile` compares a kernel with its reference
 * by itself, so that it returns is the test.
 */
import { CreditKernel, MatchKernel } from "../../kernels/mod.ts";
import { checkedMatcher } from "../../kernels/match/_compare.ts";
import { gpuTest } from "./_device.ts";

const COMPILE: Record<string, (device: GPUDevice) => Promise<{ destroy(): void }>> = {
  MatchKernel: (device) => MatchKernel.compile(device, checkedMatcher()),
  CreditKernel: (device) =>
    CreditKernel.compile(device, {
      baseline: { scale: "group-std" },
      transform: { name: "hicra", mode: "baseline-corrected" },
    }),
};
for (const [name, compile] of Object.entries(COMPILE)) {
  gpuTest(`${name} computes what its reference computes, on this adapter`, async (device) => {
    (await compile(device)).destroy();
  });
}
