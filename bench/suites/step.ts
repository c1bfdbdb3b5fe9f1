import { baselineAdvantages, baselinePreset } from "../../advantage/mod.ts";
import { batchFromSafetensors, batchToSafetensors } from "../../files/mod.ts";
import { createHook } from "../../hooks/mod.ts";
import { measure } from "../../metrics/mod.ts";
import { credited, creditedBatches, hicraOf, type Sample } from "../sample.ts";
import type { Contestant, Suite } from "../suite.ts";

/** One call of the hook in every batch, and its parts. */
export function stepSuite(sample: Sample): Suite {
  const { matcher, baseline } = sample;
  const preset = baselinePreset(baseline);
  const transforms = hicraOf(sample);
  const hook = createHook({ matcher, transforms });
  const batches = creditedBatches(sample);
  const marks = batches.map((batch) => matcher.match(batch));
  const rewarded = batches.filter(({ rewards }) => rewards !== undefined);
  const files = batches.map((batch) => batchToSafetensors(batch));
  const credit = (b: number): Float32Array =>
    credited(batches[b]!, marks[b]!, transforms).advantages;
  const after = batches.map((_, b) => credit(b));
  const each = (
    name: string,
    what: string,
    run: (batch: typeof batches[number], index: number) => number,
    of = batches,
  ): Contestant => ({
    name,
    what,
    run: () => of.reduce((sum, batch, b) => sum + run(batch, b), 0),
  });
  return {
    name: "A step of training",
    note: "One core, each file a batch. The hook does all of match, transform and metrics.",
    tokens: batches.reduce((sum, { numTokens }) => sum + numTokens, 0),
    contestants: [
      each("hook", "check, match, transform, metrics", (batch) => hook(batch).planningMask.length),
      each("match", "ids to mask, kinds, spans", (batch) => matcher.match(batch).spans.length),
      each("transform", "HICRA, checks included", (_, b) => credit(b).length),
      each(
        "metrics",
        "all metrics of a step",
        (batch, b) => Object.keys(measure(batch, marks[b]!, { after: after[b]! }).pairs).length,
      ),
      each(
        "baseline",
        "rewards to token advantages",
        (batch) => baselineAdvantages(batch, preset).length,
        rewarded,
      ),
      each("to safetensors", "batch to bytes", (batch) => batchToSafetensors(batch).length),
      each(
        "from safetensors",
        "bytes to checked batch",
        (_, b) => batchFromSafetensors(files[b]!).batch.numTokens,
      ),
    ],
    check() {
      for (const [b, batch] of batches.entries()) {
        const { advantages } = hook(batch);
        if (!advantages.every((value, t) => value === after[b]![t])) {
          throw new Error("Cannot time the hook as it must return what its parts do");
        }
      }
      return "The hook returns what its parts do, bit by bit";
    },
  };
}
