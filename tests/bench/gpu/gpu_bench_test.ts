import assert from "node:assert/strict";
import { GPU_CASES } from "../../../bench/gpu/cases.ts";
import type { GpuCase } from "../../../bench/gpu/gpu_case.ts";
import { parseOptions } from "../../../bench/gpu/options.ts";
import { runCases } from "../../../bench/gpu/run_cases.ts";
import { gpuTables, machineLine } from "../../../bench/gpu/tables.ts";
import { torchTimings } from "../../../bench/gpu/torch_peers.ts";
import { requestDevice } from "../../../kernels/mod.ts";
import { gpuTest } from "../../kernels/_device.ts";

gpuTest(
  "runCases() checks and times every kernel, and says when the adapter is no GPU",
  async () => {
    const device = await requestDevice({ features: ["timestamp-query"] });
    const names: string[] = [];
    const figures = await runCases(device, GPU_CASES, {
      quick: true,
      progress: (name) => names.push(name),
    });
    device.destroy();
    assert.deepEqual(names, ["roofs", ...GPU_CASES.map(({ name }) => name), "torch"]);
    for (const { name, wrong, checked, milliseconds, bytes, operations } of figures.cases) {
      assert.equal(wrong, null, name);
      assert.match(checked, /\d/, name);
      assert.ok(milliseconds.median > 0 && bytes > 0 && operations >= 0, name);
    }
    assert.ok(figures.roofs.bytesPerSecond > 0 && figures.roofs.operationsPerSecond > 0);
    if (figures.software) assert.match(machineLine(figures), /A SOFTWARE ADAPTER/);
    const [kernels] = gpuTables(figures);
    assert.equal(kernels!.rows.length, GPU_CASES.length);
  },
);

gpuTest("runCases() reports a kernel that computes something else", async () => {
  const device = await requestDevice({ features: ["timestamp-query"] });
  const liar: GpuCase = {
    name: "liar",
    prepare: () =>
      Promise.resolve({
        size: "1",
        bytes: 4,
        operations: 0,
        encode: () => {},
        check: () => Promise.reject(new Error("off by 1")),
        destroy: () => {},
      }),
  };
  const figures = await runCases(device, [liar], { quick: true, progress: () => {} });
  device.destroy();
  assert.equal(figures.cases[0]!.wrong, "off by 1");
  assert.match(gpuTables(figures)[0]!.rows[0]!.at(-1)!, /WRONG: off by 1/);
});

Deno.test("parseOptions() refuses figures of a quick run for the README", () => {
  assert.equal(parseOptions(["--help"]), null);
  assert.throws(() => parseOptions(["--quick", "--readme"]), {
    message:
      "Cannot write figures into bench/README.md as they must be of a full run: --quick is given",
  });
});

Deno.test("torchTimings() runs the cases in torch, or says in one line why not", () => {
  const timings = torchTimings({ tokens: [5, 5, 5], vocabSize: 1_003, rounds: 1, device: "cpu" });
  if (typeof timings === "string") {
    assert.match(timings, /^torch is left out: bash bench\/peers\/setup\.sh/);
    return;
  }
  const eager = timings.filter(({ peer }) => peer.startsWith("torch eager"));
  assert.equal(eager.length, 9);
  for (const { leftOut, median } of eager) assert.ok(leftOut === undefined && median! > 0);
  // Triton needs CUDA; it is reported, not hidden.
  assert.ok(timings.some(({ peer, leftOut }) => peer.startsWith("Triton") && leftOut));
});
