import { InputRangeError } from "../batch/mod.ts";
import type { MetricSums, OpenGroup } from "./metric_sums.ts";
import { passAtK } from "./pass_at_k.ts";

/** Groups of one size, number of correct rollouts and spread of rewards. */
export interface GroupTally {
  /** Rollouts in each of these groups, n. */
  readonly size: number;
  /** Correct ones among them, c. */
  readonly correct: number;
  /** Whether all rewards of the group are equal, so that it carries no signal. */
  readonly flat: boolean;
  /** How many such groups there are. */
  readonly count: number;
}

/** Key of a whole group in {@linkcode MetricSums.groups}. */
export function groupKey({ size, correct, low, high }: OpenGroup): string {
  return `${size}/${correct}/${low === high ? "flat" : "varied"}`;
}

/**
 * Lists the groups by size, number correct and flatness; open groups are taken as complete.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, groupTallies } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const tallies = groupTallies({ ...emptyMetrics(), groups: { "8/2/varied": 5 } });
 * assert.deepEqual(tallies, [{ size: 8, correct: 2, flat: false, count: 5 }]);
 * ```
 *
 * @param sums Metrics measured with rewards and group ids.
 * @returns The tallies, by ascending size, then number correct.
 */
export function groupTallies(sums: MetricSums): GroupTally[] {
  const counts = new Map(Object.entries(sums.groups));
  for (const group of Object.values(sums.openGroups)) {
    const key = groupKey(group);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const tallies = Array.from(counts, ([key, count]) => {
    const [size, correct, spread] = key.split("/");
    return { size: Number(size), correct: Number(correct), flat: spread === "flat", count };
  });
  return tallies.sort((a, b) =>
    a.size - b.size || a.correct - b.correct || Number(a.flat) - Number(b.flat)
  );
}

/**
 * Averages the unbiased {@linkcode passAtK} over groups; groups of fewer than k rollouts say nothing
 * of it and are left out.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, groupPassAtK } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const sums = { ...emptyMetrics(), groups: { "2/1/varied": 1, "2/0/flat": 1, "1/1/flat": 1 } };
 * assert.deepEqual(groupPassAtK(sums, 2), { sum: 1, count: 2 });
 * ```
 *
 * @param sums Metrics measured with rewards and group ids.
 * @param k Rollouts a user may draw.
 * @returns Sum of the estimates and number of groups.
 * @throws {RangeError} If `k` is not a positive integer.
 */
export function groupPassAtK(sums: MetricSums, k: number): { sum: number; count: number } {
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new InputRangeError(
      `Cannot estimate pass@k as k must be a positive integer: current value is ${k}`,
    );
  }
  const result = { sum: 0, count: 0 };
  for (const { size, correct, count } of groupTallies(sums)) {
    if (size < k) continue;
    result.sum += count * passAtK(size, correct, k);
    result.count += count;
  }
  return result;
}
