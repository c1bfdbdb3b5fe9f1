import { InputRangeError } from "../batch/mod.ts";
import { type ExactSum, exactSum } from "./exact_sum.ts";

/** A mergeable mean: an exact sum and the number of things summed. */
export interface SumCount {
  /** Exact sum; its first part is the float64 value, none is 0. */
  readonly sum: ExactSum;
  /** Number of tokens, sequences or spans, as the name says. */
  readonly count: number;
}

/** How often each key occurred. */
export type Histogram = Readonly<Record<string, number>>;

/** What is known of a group whose rollouts may be spread over several batches. */
export interface OpenGroup {
  /** Rollouts seen. */
  readonly size: number;
  /** Rollouts whose reward is above `correctAbove`. */
  readonly correct: number;
  /** Lowest reward seen. */
  readonly low: number;
  /** Highest reward seen. */
  readonly high: number;
}

/**
 * Names of the (sum, count) pairs, in the order in which they are published. None holds `min`, `max`,
 * `sum` or `total`, as verl reduces metrics by these substrings.
 */
export const PAIR_NAMES = [
  "planning_frac",
  "planning_frac_correct",
  "planning_frac_incorrect",
  "planning_seq_frac",
  "spans_per_seq",
  "spans_per_1k",
  "distinct_grams_per_seq",
  "gram_repeat_frac",
  "surprisal_plan",
  "surprisal_exec",
  "surprisal_missing_frac",
  "entropy_plan_old",
  "entropy_exec_old",
  "entropy_missing_frac",
  "adv_plan",
  "adv_exec",
  "adv_abs_plan",
  "adv_abs_exec",
  "adv_plan_after",
  "adv_exec_after",
  "adv_abs_plan_after",
  "adv_abs_exec_after",
  "adv_shift",
  "adv_shift_plan",
  "adv_shift_exec",
  "length",
  "length_correct",
  "length_incorrect",
  "truncated_frac",
  "reward",
  "reward_missing_frac",
  "accuracy",
] as const;

/** Name of a (sum, count) pair. */
export type PairName = typeof PAIR_NAMES[number];

/**
 * What happened in a step, as plain JSON that merges exactly, in any order: see
 * {@linkcode mergeMetrics}. Made by {@linkcode measure}, read by `metricPairs` and `metricValues`.
 */
export interface MetricSums {
  /** A rollout is correct if its reward is above this; `null` when nothing was measured yet. */
  readonly correctAbove: number | null;
  /** (sum, count) pairs. One that counted nothing is absent. */
  readonly pairs: Readonly<Partial<Record<PairName, SumCount>>>;
  /** Spans by gram index. */
  readonly grams: Histogram;
  /** By n-gram length: spans by `"gram:id,id,..."`, the gram and the n tokens that follow it. */
  readonly followers: Readonly<Record<string, Histogram>>;
  /** Whole groups by `"size/correct/flat"` or `"size/correct/varied"`. */
  readonly groups: Histogram;
  /** Groups that may be spread over batches, by `"scope/name"`, the name being the id by default. */
  readonly openGroups: Readonly<Record<string, OpenGroup>>;
}

/**
 * Returns the metrics of nothing, the neutral element of {@linkcode mergeMetrics}.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, mergeMetrics } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const merged = [emptyMetrics(), emptyMetrics()].reduce(mergeMetrics);
 * assert.deepEqual(merged, emptyMetrics());
 * ```
 *
 * @returns A summary without a single count.
 */
export function emptyMetrics(): MetricSums {
  return { correctAbove: null, pairs: {}, grams: {}, followers: {}, groups: {}, openGroups: {} };
}

/**
 * Merges the metrics of two batches into those of both together.
 *
 * Associative and commutative to the last bit: counts are integers and sums of float32 values are
 * kept exactly ({@linkcode ExactSum}), so ranks, workers and shards merge in any order and equal one
 * measurement of everything. Keys come out sorted, so equal metrics have equal JSON.
 *
 * A group must lie whole in one batch, unless all were measured with the same scope of `groups`: nothing
 * else tells that two groups are parts of one, so without it a cut group counts as two smaller ones,
 * and pass@k and the share of zero-std groups are wrong without a warning. Under a scope, groups are
 * joined by its names or, where there are none, by ids, which must then be global.
 *
 * @example Usage
 * ```ts
 * import { checkBatch } from "@hicra/hicra/batch";
 * import { measure, mergeMetrics, metricPairs } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const rank = (mask: number[]) =>
 *   measure(
 *     checkBatch({ offsets: Int32Array.of(0, mask.length), lossMask: new Uint8Array(mask.length).fill(1) }),
 *     { planningMask: Uint8Array.from(mask) },
 *   );
 * const pairs = metricPairs(mergeMetrics(rank([1, 0]), rank([0, 0, 1])));
 * assert.deepEqual(pairs["hicra/planning_frac"], { sum: 2, count: 5 });
 * ```
 *
 * @param a Metrics of one batch, rank or step; not modified.
 * @param b Metrics of another.
 * @returns Fresh metrics of both.
 * @throws {RangeError} If the two call different rewards correct.
 */
export function mergeMetrics(a: MetricSums, b: MetricSums): MetricSums {
  if (a.correctAbove !== null && b.correctAbove !== null && a.correctAbove !== b.correctAbove) {
    throw new InputRangeError(
      `Cannot merge metrics as correctAbove must be the same in both: ` +
        `current values are ${a.correctAbove} and ${b.correctAbove}`,
    );
  }
  return {
    correctAbove: a.correctAbove ?? b.correctAbove,
    pairs: union(a.pairs as Pairs, b.pairs as Pairs, addPairs),
    grams: addHistograms(a.grams, b.grams),
    followers: union(a.followers, b.followers, addHistograms),
    groups: addHistograms(a.groups, b.groups),
    openGroups: union(a.openGroups, b.openGroups, addOpenGroups),
  };
}

type Pairs = Readonly<Record<string, SumCount>>;

function addPairs(a: SumCount, b: SumCount): SumCount {
  return { sum: exactSum([...a.sum, ...b.sum]), count: a.count + b.count };
}

function addHistograms(a: Histogram, b: Histogram): Histogram {
  return union(a, b, (x, y) => x + y);
}

function addOpenGroups(a: OpenGroup, b: OpenGroup): OpenGroup {
  return {
    size: a.size + b.size,
    correct: a.correct + b.correct,
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
  };
}

function union<V>(
  a: Readonly<Record<string, V>>,
  b: Readonly<Record<string, V>>,
  add: (x: V, y: V) => V,
): Record<string, V> {
  const merged = new Map(Object.entries(a));
  for (const [key, value] of Object.entries(b)) {
    const other = merged.get(key);
    merged.set(key, other === undefined ? value : add(other, value));
  }
  return sortedRecord(merged);
}

/** A record with its keys in code-unit order, so that equal contents have equal JSON. */
export function sortedRecord<V>(entries: ReadonlyMap<string, V>): Record<string, V> {
  const sorted = [...entries].sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(sorted);
}
