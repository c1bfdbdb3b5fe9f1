import { z } from "zod";
import { InputRangeError } from "../batch/mod.ts";
import { checkGroups, groupMembers } from "./_groups.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { EPSILON_PLACES, type EpsilonPlace, guardedDivisor, meanOf, stdOf } from "./_spread.ts";

/**
 * A way to turn the rewards of a group into advantages. Plain data: the
 * {@linkcode baselinePresets} are written in it.
 */
export interface BaselineConvention {
  /**
   * What is subtracted: the mean of the group (the default), the mean of the others in the group, or
   * nothing.
   */
  readonly center?: "mean" | "leave-one-out" | "none";
  /**
   * What the centered reward is divided by: nothing (the default), the standard deviation of the
   * group, of the others in the group, or of all rewards of the batch; or the mean of the group
   * (MaxRL), where a mean that is not positive carries no signal and gives 0.
   */
  readonly scale?: "none" | "group-std" | "leave-one-out-std" | "batch-std" | "mean";
  /** Standard deviations divide the sum of squares by `n - ddof`; 1 by default. */
  readonly ddof?: 0 | 1;
  /** Guard against small divisors; 1e-6 by default. */
  readonly epsilon?: number;
  /** Where `epsilon` enters; "add" by default. */
  readonly epsilonPlace?: EpsilonPlace;
  /**
   * A group of one has no baseline: its advantage is 0 (the default), or its reward, as if the
   * baseline were 0 and the standard deviation 1, or it is refused.
   */
  readonly singleton?: "zero" | "reward" | "error";
}

/** Options of {@linkcode groupBaseline}. */
export interface GroupBaselineOptions extends BaselineConvention {
  /**
   * `[sequences]`, 0 or 1: sequences with 0 enter no statistic and get advantage 0, whatever their
   * reward and group. For rows that a host added as padding, and for rewards nobody could compute.
   * All 1 by default.
   */
  readonly include?: Uint8Array;
}

const ACTION = "compute a group baseline";

const schema = strictOptions({
  center: z.enum(["mean", "leave-one-out", "none"]).default("mean"),
  scale: z.enum(["none", "group-std", "leave-one-out-std", "batch-std", "mean"]).default("none"),
  ddof: z.union([z.literal(0), z.literal(1)], { error: "must be 0 or 1" }).default(1),
  epsilon: z.number().min(0).default(1e-6),
  epsilonPlace: z.enum(EPSILON_PLACES).default("add"),
  singleton: z.enum(["zero", "reward", "error"]).default("zero"),
});

/**
 * Computes group-relative advantages from scalar rewards.
 *
 * `A_i = (r_i - b_i) / d_i`. By default `b_i` is the mean of the group and `d_i = 1`: the advantage
 * of the HICRA paper (https://arxiv.org/abs/2509.03646, section 3) and of Dr. GRPO
 * (https://arxiv.org/abs/2503.20783). GRPO (https://arxiv.org/abs/2402.03300) divides by the standard
 * deviation of the group, RLOO (https://arxiv.org/abs/2402.14740) takes the mean of the others.
 * Every training framework does this a little differently: {@linkcode baselinePresets} has their
 * conventions.
 *
 * Edge cases: a divisor of exactly 0 divides nothing, so a group whose rewards are all equal gets
 * exactly 0 around its mean. A standard deviation of no more than `ddof` rewards is 0. Groups need
 * not be contiguous nor of one size. An empty batch gives an empty result.
 *
 * @example Usage
 * ```ts
 * import { groupBaseline } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const rewards = Float32Array.of(1, 0, 0, 1);
 * const groupIds = Int32Array.of(7, 7, 7, 7);
 * assert.deepEqual(groupBaseline(rewards, groupIds), Float32Array.of(0.5, -0.5, -0.5, 0.5));
 * assert.deepEqual(
 *   groupBaseline(rewards, groupIds, { scale: "group-std", ddof: 0, epsilon: 0 }),
 *   Float32Array.of(1, -1, -1, 1),
 * );
 * ```
 *
 * @param rewards `[sequences]`, one scalar reward for each rollout.
 * @param groupIds `[sequences]`; equal ids are rollouts of one prompt.
 * @param options The convention, and which sequences to include.
 * @returns Advantages, `[sequences]`, freshly allocated.
 * @throws {TypeError} If an option is not known or has the wrong type.
 * @throws {RangeError} If an option, a length or a value breaks its rule, if an included sequence
 * has group -1 (unknown), or if a group of one meets `singleton: "error"`.
 */
export function groupBaseline(
  rewards: Float32Array,
  groupIds: Int32Array,
  options: GroupBaselineOptions = {},
): Float32Array {
  const { include, ...given } = options;
  const convention = resolveConvention(given);
  const { center, scale, ddof, epsilon, epsilonPlace, singleton } = convention;
  checkGroups(ACTION, rewards, groupIds, include);

  const groups = groupMembers(groupIds, include);
  const batchStd = scale === "batch-std" ? stdOf(rewardsOf(groups.flat(), rewards), ddof) : 0;
  const guard = (spread: number) => guardedDivisor(spread, epsilon, epsilonPlace);

  const advantages = new Float32Array(rewards.length);
  for (const group of groups) {
    const values = rewardsOf(group, rewards);
    const numRewards = values.length;
    if (numRewards === 1 && needsGroup(convention)) {
      const s = group[0]!;
      if (singleton === "error") {
        throw new InputRangeError(
          `Cannot ${ACTION} as this convention needs at least 2 rewards in a group: group ` +
            `${groupIds[s]} holds only sequence ${s}, choose singleton "zero" or "reward"`,
        );
      }
      if (singleton === "reward") {
        const hasStdOne = scale === "group-std" || scale === "leave-one-out-std";
        advantages[s] = values[0]! / guard(hasStdOne ? 1 : batchStd);
      }
      continue;
    }
    const mean = meanOf(values);
    // A group without positive reward carries no signal for MaxRL (prime-rl max_rl.py).
    if (scale === "mean" && mean <= 0) continue;
    const spread = scale === "group-std" ? stdOf(values, ddof) : scale === "mean" ? mean : batchStd;
    for (let i = 0; i < numRewards; i++) {
      const value = values[i]!;
      const baseline = center === "mean"
        ? mean
        : center === "leave-one-out"
        ? (mean * numRewards - value) / (numRewards - 1)
        : 0;
      const divisor = guard(
        scale === "leave-one-out-std" ? stdOf(values.toSpliced(i, 1), ddof) : spread,
      );
      advantages[group[i]!] = (value - baseline) / divisor;
    }
  }
  return advantages;
}

/** A convention with its defaults. */
export function resolveConvention(given: BaselineConvention): Required<BaselineConvention> {
  return checkOptions(ACTION, schema, given);
}

/** Whether a group of one has no baseline. */
export function needsGroup({ center, scale }: Required<BaselineConvention>): boolean {
  return center !== "none" || (scale !== "none" && scale !== "batch-std");
}

function rewardsOf(group: readonly number[], rewards: Float32Array): number[] {
  return group.map((s) => rewards[s]!);
}
