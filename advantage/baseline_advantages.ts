import { broadcastToTokens, type CheckedBatch, Flag, InputTypeError } from "../batch/mod.ts";
import type { BaselinePreset } from "./baseline_presets.ts";
import { groupBaseline } from "./group_baseline.ts";
import { whiten } from "./whiten.ts";

/**
 * Computes the token advantages that a host would make of a batch's rewards.
 *
 * {@linkcode groupBaseline} with `preset.group`, each value repeated over the tokens of its sequence,
 * then {@linkcode whiten} with `preset.whiten` where the preset has it. Rows flagged
 * {@linkcode Flag.padding} enter no statistic and get 0.
 *
 * @example Usage
 * ```ts
 * import { baselineAdvantages, baselinePreset } from "@hicra/hicra/advantage";
 * import { checkBatch } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1),
 *   rewards: Float32Array.of(1, 0),
 *   groupIds: Int32Array.of(0, 0),
 * });
 * const advantages = baselineAdvantages(batch, baselinePreset("paper"));
 * assert.deepEqual(advantages, Float32Array.of(0.5, 0.5, -0.5));
 * ```
 *
 * @param batch A checked batch with `rewards` and `groupIds`.
 * @param preset The convention, such as `baselinePreset("verl")`, or one's own.
 * @returns Advantages, `[tokens]`, freshly allocated.
 * @throws {TypeError} If the batch has no `rewards` or no `groupIds`.
 * @throws {RangeError} If {@linkcode groupBaseline} or {@linkcode whiten} refuses the values.
 */
export function baselineAdvantages(
  batch: CheckedBatch,
  preset: Pick<BaselinePreset, "group" | "whiten">,
): Float32Array {
  const { rewards, groupIds, flags, offsets, lossMask } = batch;
  if (rewards === undefined || groupIds === undefined) {
    throw new InputTypeError(
      `Cannot compute a group baseline as it needs batch.rewards and batch.groupIds: ` +
        `batch.${rewards === undefined ? "rewards" : "groupIds"} is undefined`,
    );
  }
  const include = flags?.map((flag) => (flag & Flag.padding) === 0 ? 1 : 0);
  const perSequence = groupBaseline(rewards, groupIds, {
    ...preset.group,
    ...(include && { include }),
  });
  const advantages = broadcastToTokens(perSequence, offsets);
  if (preset.whiten === undefined) return advantages;

  const mask = lossMask.slice();
  include?.forEach((included, s) => {
    if (included === 0) mask.fill(0, offsets[s]!, offsets[s + 1]!);
  });
  return whiten(advantages, mask, preset.whiten);
}
