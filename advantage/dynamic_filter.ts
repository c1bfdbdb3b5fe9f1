import { checkGroups, groupMembers } from "./_groups.ts";

/** Options of {@linkcode dynamicFilter}. */
export interface DynamicFilterOptions {
  /** `[sequences]`, 0 or 1: sequences with 0 are dropped and do not speak for their group. */
  readonly include?: Uint8Array;
}

/**
 * Finds the groups that carry a learning signal: those whose rewards are not all equal.
 *
 * `keep_i = 1` where `min(r) < max(r)` over the group of `i`. With rewards 0 and 1 this is the
 * constraint of DAPO's dynamic sampling, `0 < number correct < G` (https://arxiv.org/abs/2503.14476,
 * equation 11). With other rewards pass what counts as accuracy, so that a length penalty does not
 * keep a group that is all right or all wrong.
 *
 * A group of one has equal rewards and is dropped; verl keeps it. Set `lossMask` to 0 in dropped
 * sequences, or leave them out of the batch and sample more, as DAPO does.
 *
 * @example Usage
 * ```ts
 * import { dynamicFilter } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const rewards = Float32Array.of(1, 0, 1, 1);
 * const groupIds = Int32Array.of(0, 0, 1, 1);
 * assert.deepEqual(dynamicFilter(rewards, groupIds), Uint8Array.of(1, 1, 0, 0));
 * ```
 *
 * @param rewards `[sequences]`.
 * @param groupIds `[sequences]`; equal ids are rollouts of one prompt.
 * @param options Which sequences to include.
 * @returns `[sequences]`: 1 to keep, 0 to drop.
 * @throws {RangeError} If lengths differ, a reward is not finite, or a group is -1 (unknown).
 */
export function dynamicFilter(
  rewards: Float32Array,
  groupIds: Int32Array,
  { include }: DynamicFilterOptions = {},
): Uint8Array {
  checkGroups("filter groups", rewards, groupIds, include);
  const keep = new Uint8Array(rewards.length);
  for (const group of groupMembers(groupIds, include)) {
    const first = rewards[group[0]!];
    const hasSignal = group.some((s) => rewards[s] !== first);
    if (hasSignal) { for (const s of group) keep[s] = 1; }
  }
  return keep;
}
