import {
  applyTransforms,
  baselineAdvantages,
  createTransform,
  type Credit,
} from "../../advantage/mod.ts";
import { broadcastToTokens, checkBatch, Flag } from "../../batch/mod.ts";
import type { CreditBatch, CreditOptions } from "./options.ts";

/** What the kernel computes, by `advantage/`: the baseline, the repetition over tokens, the transform. */
export function creditOnCpu(batch: CreditBatch, options: CreditOptions): Float32Array {
  const { from = "rewards", baseline = {}, transform } = options;
  const { offsets, lossMask, kinds, include } = batch;
  const checked = checkBatch({
    offsets,
    lossMask,
    ...(batch.groupIds && { groupIds: batch.groupIds }),
    ...(from === "rewards" && { rewards: batch.rewards! }),
    ...(batch.entropies && { entropies: batch.entropies }),
    ...(batch.oldLogprobs && { oldLogprobs: batch.oldLogprobs }),
    ...(include && { flags: include.map((value) => value === 0 ? Flag.padding : 0) }),
  });
  const advantages = from === "rewards"
    ? baselineAdvantages(checked, { group: baseline })
    : from === "sequences"
    ? broadcastToTokens(batch.advantages!, offsets)
    : batch.advantages!;
  if (transform === undefined) return advantages;
  const credit: Credit = {
    advantages,
    planningMask: kinds?.map((kind) => kind === 0 ? 0 : 1) ?? new Uint8Array(lossMask.length),
    ...(kinds && { kinds }),
  };
  const context = { batch: checked, step: 0, signals: {} };
  return applyTransforms([createTransform(transform)], credit, context).advantages;
}
