import assert from "node:assert/strict";
import { GPU_CASES, runCases } from "../../../bench/gpu/run_cases.ts";
import { requestDevice } from "../../../kernels/mod.ts";
import { gpuTest } from "../../kernels/_device.ts";

gpuTest("runCases() checks and times every kernel", async () => {
  const device = await requestDevice({ features: ["timestamp-query"] });
  const [kernels] = await runCases(device, { quick: true, progress: () => {} });
  device.destroy();
  assert.deepEqual(kernels!.rows.map(([name]) => name), GPU_CASES.map(({ name }) => name));
  assert.doesNotMatch(JSON.stringify(kernels), /NaN|undefined/);
});
