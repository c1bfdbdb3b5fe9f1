import assert from "node:assert/strict";
import { train } from "../examples/in_process_loop.ts";
import { trainOnGpu } from "../examples/gpu_loop.ts";
import { trainOnTinker } from "../examples/tinker_loop.ts";
import { TinkerClient } from "../hooks/tinker/mod.ts";
import { createHook, hicra, tokenBytes } from "../mod.ts";
import { gpuTest } from "./kernels/_device.ts";

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("in_process_loop.ts learns the toy task with per-token advantages", () => {
  // "Okay" and " but" count as planning here: the example's own matcher is not needed to test the loop.
  const hook = createHook({ transforms: [hicra({ alpha: 0.2 })] });
  const lines: string[] = [];
  const rewards = train(
    (batch, step) =>
      hook(
        { ...batch, planningMask: Uint8Array.from(batch.tokenIds!, (id) => Number(id < 2)) },
        step,
      ),
    100,
    (line) => lines.push(line),
  );
  assert.ok(mean(rewards.slice(0, 10)) < 0.2);
  assert.ok(mean(rewards.slice(-10)) > 0.7, `${rewards.slice(-10)}`);
  assert.equal(lines.length, 100);
});

gpuTest("gpu_loop.ts learns the toy task with everything on the GPU", async (device) => {
  const reports = await trainOnGpu(device, 60, () => {});
  const rewards = reports.map(({ reward }) => reward);
  assert.ok(mean(rewards.slice(0, 5)) < 0.2, `${rewards}`);
  assert.ok(mean(rewards.slice(-5)) > 0.5, `${rewards}`);
  // Twelve equally likely tokens at first, and phrases among them.
  assert.ok(Math.abs(reports[0]!.entropy - Math.log(12)) < 1e-5);
  assert.ok(reports[0]!.planningShare > 0 && reports[0]!.planningShare < 0.2);
});

// That it learns is tested against a real server, tests/tinker.
Deno.test("tinker_loop.ts refuses a loss per sequence before it asks the server for anything", async () => {
  const client = new TinkerClient({ baseUrl: "http://127.0.0.1:9" }); // nothing listens there
  const options = {
    baseModel: "none",
    tokenizer: {
      tokens: tokenBytes({ model: { type: "WordPiece", vocab: { a: 0 } } }),
      encode: () => Int32Array.of(0),
    },
    hook: createHook({ baseline: "trl", transforms: [] }),
    questions: [],
    lossFn: "gspo",
    steps: 1,
    groupSize: 2,
    maxTokens: 1,
    end: "a",
    rank: 1,
    learningRate: 1,
    log: () => {},
  };
  await assert.rejects(trainOnTinker(client, options), /"gspo", its ratio per sequence/);
});
