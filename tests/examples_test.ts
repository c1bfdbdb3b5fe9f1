import assert from "node:assert/strict";
import { train } from "../examples/in_process_loop.ts";
import { createHook, hicra } from "../mod.ts";

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
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean(rewards.slice(0, 10)) < 0.2);
  assert.ok(mean(rewards.slice(-10)) > 0.7, `${rewards.slice(-10)}`);
  assert.equal(lines.length, 100);
});
