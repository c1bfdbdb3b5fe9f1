import {
  type CheckedBatch,
  Flag,
  InputRangeError,
  InputTypeError,
  type PlanningTokens,
  tokenAdvantages,
} from "../batch/mod.ts";
import { checkOptions } from "../batch/internal.ts";
import { metricsOptionsSchema } from "./_metrics_options.ts";
import { type ClassSums, classSums, TokenClass } from "./_class_sums.ts";
import { spanCounts } from "./_span_counts.ts";
import { isLeftOut, type TokenClasses, tokenClasses } from "./_token_classes.ts";
import { type ExactSum, exactSum } from "./exact_sum.ts";
import { groupKey } from "./groups.ts";
import {
  type Histogram,
  type MetricSums,
  type OpenGroup,
  type PairName,
  sortedRecord,
  type SumCount,
} from "./metric_sums.ts";

/** What to call correct, and which n-grams to count: settings of a run. */
export interface MetricsOptions {
  /** A rollout is correct if its reward is above this. @default {0} */
  readonly correctAbove?: number;
  /** Length n of the n-gram that follows a gram. @default {3} */
  readonly followerLength?: number;
}

/** What makes rollouts one group. */
export interface GroupOptions {
  /**
   * Set where groups may be split over batches: a name of the step, so that rollouts of one group in
   * batches of this scope are counted as one group. Ids that every batch numbers for itself, such as
   * those of a rollout file, then need `names`; without names they must be global. Left out, each batch
   * must hold its groups whole: the parts of a cut group would be counted as groups of their own,
   * unnoticed.
   */
  readonly scope?: string;
  /**
   * `[groups]`: what group `g` is called in every batch, such as its prompt. Rollouts of equal name are
   * one group. Default: the id is the name.
   */
  readonly names?: readonly string[];
}

/** Options of {@linkcode measure}. */
export interface MeasureOptions extends MetricsOptions {
  /** `[tokens]`: advantages after the transforms. Without it nothing is said of the shift. */
  readonly after?: Float32Array;
  /** What makes rollouts one group. Default: their id in this batch. */
  readonly groups?: GroupOptions;
}

/**
 * Measures a batch: planning share, surprisal and entropy per class, spans, advantages before and
 * after, length, accuracy and groups, as sums that {@linkcode mergeMetrics} merges exactly.
 *
 * Counted are trained tokens (`lossMask` 1) of rows not flagged as padding or to be excluded; a row
 * without any has no length and no spans, but still a reward. What the batch does not hold is absent
 * from the result, never guessed: surprisal needs `oldLogprobs`, entropies `entropies`, the shift
 * `advantages` and `after`, accuracy and the correct/incorrect split `rewards`, groups `groupIds` too
 * (-1 is no group), followers `spans` and `tokenIds`, the truncated share `flags`. A token whose logprob
 * (or entropy) is not finite is in no sum and no count of surprisal (of entropy): `surprisal_missing_frac`
 * and `entropy_missing_frac` are the shares of such tokens, 0 where all were measured. A rollout whose
 * reward is not finite is in no metric by reward and in no group: `reward_missing_frac` is the share of
 * such rollouts. An empty batch gives a summary without counts. Sums are exact up to 2^29 tokens a batch.
 *
 * @example Usage
 * ```ts
 * import { checkBatch } from "@hicra/hicra/batch";
 * import { measure, metricValues } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 4),
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 *   tokenIds: Int32Array.of(10, 11, 12, 13),
 *   advantages: Float32Array.of(1),
 * });
 * const sums = measure(
 *   batch,
 *   { planningMask: Uint8Array.of(1, 0, 0, 0), spans: Int32Array.of(0, 1, 42) },
 *   { after: Float32Array.of(1.25, 1, 1, 1) },
 * );
 * assert.deepEqual(sums.grams, { 42: 1 });
 * assert.deepEqual(sums.followers, { 3: { "42:11,12,13": 1 } });
 * assert.equal(metricValues(sums)["hicra/planning_frac"], 0.25);
 * assert.equal(metricValues(sums)["hicra/adv_abs_ratio"], 4.25 / 4);
 * ```
 *
 * @param batch A checked batch; its `advantages` are those before the transforms.
 * @param planning The planning mask and, if known, the spans.
 * @param options Advantages after the transforms, and what to call correct.
 * @returns The metrics, as plain JSON.
 * @throws {TypeError} If the mask, the spans or `after` are not of their type.
 * @throws {RangeError} If a length or a value breaks the contract; the message names it.
 */
export function measure(
  batch: CheckedBatch,
  planning: PlanningTokens,
  options: MeasureOptions = {},
): MetricSums {
  const { after, correctAbove = 0, followerLength = 3, groups: { scope, names } = {} } = options;
  checkMeasured(batch, planning, options);
  const tokens = tokenClasses(batch, planning.planningMask);
  const pairs = new Map<PairName, SumCount>();
  const put: PutPair = (name, sum, count) => {
    if (count > 0) pairs.set(name, { sum: typeof sum === "number" ? exactSum([sum]) : sum, count });
  };
  const { trainedRows, numTrained, numPlanning } = measureRows(batch, tokens, put);
  const counts = [numTrained - numPlanning, numPlanning] as const;

  if (batch.oldLogprobs !== undefined) {
    const [exec, plan] = classSums(batch.oldLogprobs, tokens.classes);
    put("surprisal_plan", negated(plan.sum), counts[1] - plan.missing);
    put("surprisal_exec", negated(exec.sum), counts[0] - exec.missing);
    put("surprisal_missing_frac", exec.missing + plan.missing, numTrained);
  }
  if (batch.entropies !== undefined) {
    const [exec, plan] = classSums(batch.entropies, tokens.classes);
    put("entropy_plan_old", plan.sum, counts[1] - plan.missing);
    put("entropy_exec_old", exec.sum, counts[0] - exec.missing);
    put("entropy_missing_frac", exec.missing + plan.missing, numTrained);
  }
  if (batch.advantages !== undefined) {
    measureAdvantages(tokenAdvantages(batch), after, tokens.classes, counts, put);
  }

  let grams: Histogram = {};
  let followers: MetricSums["followers"] = {};
  if (planning.spans !== undefined) {
    const found = spanCounts(batch, planning.spans, tokens.classes, followerLength);
    put("spans_per_seq", found.spans, trainedRows);
    put("spans_per_1k", 1000 * found.spans, numTrained);
    put("distinct_grams_per_seq", found.distinct, trainedRows);
    put("gram_repeat_frac", found.spans - found.distinct, found.spans);
    grams = sortedRecord(found.grams);
    if (found.followers.size > 0) followers = { [followerLength]: sortedRecord(found.followers) };
  }
  // Rewards are float32: 0.1 is not above 0.1, though its float32 is above the float64.
  const above = Math.fround(correctAbove);
  if (batch.rewards !== undefined) measureRewards(batch, batch.rewards, tokens, above, put);
  const found = findGroups(batch, above, names);
  const groups = scope === undefined ? histogramOf(found.values(), groupKey) : {};
  const openGroups = scope === undefined ? {} : sortedRecord(
    new Map(Array.from(found, ([name, group]) => [`${scope}/${name}`, group])),
  );
  return { correctAbove, pairs: sortedRecord(pairs), grams, followers, groups, openGroups };
}

type PutPair = (name: PairName, sum: ExactSum | number, count: number) => void;

/** Metrics that need no value per token: shares, lengths, truncation. */
function measureRows(
  batch: CheckedBatch,
  { trained, planning }: TokenClasses,
  put: PutPair,
): { trainedRows: number; numTrained: number; numPlanning: number } {
  let rows = 0;
  let truncated = 0;
  let trainedRows = 0;
  let planningRows = 0;
  let numTrained = 0;
  let numPlanning = 0;
  for (let s = 0; s < batch.numSequences; s++) {
    if (isLeftOut(batch, s)) continue;
    rows++;
    if (batch.flags !== undefined && (batch.flags[s]! & Flag.truncated) !== 0) truncated++;
    if (trained[s] === 0) continue;
    trainedRows++;
    if (planning[s]! > 0) planningRows++;
    numTrained += trained[s]!;
    numPlanning += planning[s]!;
  }
  put("planning_frac", numPlanning, numTrained);
  put("planning_seq_frac", planningRows, trainedRows);
  put("length", numTrained, trainedRows);
  if (batch.flags !== undefined) put("truncated_frac", truncated, rows);
  return { trainedRows, numTrained, numPlanning };
}

/** Reward, accuracy, and what is split by correctness. */
function measureRewards(
  batch: CheckedBatch,
  rewards: Float32Array,
  { trained, planning }: TokenClasses,
  correctAbove: number,
  put: PutPair,
): void {
  const measured: number[] = [];
  let rows = 0;
  let correctRows = 0;
  const split = [0, 1].map(() => ({ rows: 0, trained: 0, planning: 0 }));
  for (let s = 0; s < batch.numSequences; s++) {
    if (isLeftOut(batch, s)) continue;
    rows++;
    if (!Number.isFinite(rewards[s])) continue;
    const correct = Number(rewards[s]! > correctAbove);
    measured.push(rewards[s]!);
    correctRows += correct;
    if (trained[s] === 0) continue;
    const side = split[correct]!;
    side.rows++;
    side.trained += trained[s]!;
    side.planning += planning[s]!;
  }
  put("reward", exactSum(measured), measured.length);
  put("reward_missing_frac", rows - measured.length, rows);
  put("accuracy", correctRows, measured.length);
  for (const [index, suffix] of (["incorrect", "correct"] as const).entries()) {
    const side = split[index]!;
    put(`planning_frac_${suffix}`, side.planning, side.trained);
    put(`length_${suffix}`, side.trained, side.rows);
  }
}

/** Advantages of both classes before the transforms and, where known, after them. */
function measureAdvantages(
  before: Float32Array,
  after: Float32Array | undefined,
  classes: Uint8Array,
  counts: readonly [execution: number, planning: number],
  put: PutPair,
): void {
  const putSums = (
    [exec, plan]: readonly [ClassSums, ClassSums],
    suffix: "" | "_after",
  ): void => {
    put(`adv_plan${suffix}`, plan.sum, counts[1]);
    put(`adv_exec${suffix}`, exec.sum, counts[0]);
    put(`adv_abs_plan${suffix}`, plan.abs, counts[1]);
    put(`adv_abs_exec${suffix}`, exec.abs, counts[0]);
  };
  const then = finiteSums("advantages", before, classes);
  putSums(then, "");
  if (after === undefined) return;
  const now = finiteSums("after", after, classes);
  putSums(now, "_after");
  const exec = exactSum([...now[0].sum, ...negated(then[0].sum)]);
  const plan = exactSum([...now[1].sum, ...negated(then[1].sum)]);
  put("adv_shift", exactSum([...exec, ...plan]), counts[0] + counts[1]);
  put("adv_shift_plan", plan, counts[1]);
  put("adv_shift_exec", exec, counts[0]);
}

/** Advantages are never missing: what is not finite there is an error. */
function finiteSums(
  field: string,
  values: Float32Array,
  classes: Uint8Array,
): ReturnType<typeof classSums> {
  const sums = classSums(values, classes);
  if (sums.every(({ missing }) => missing === 0)) return sums;
  const index = values.findIndex((value, i) =>
    !Number.isFinite(value) && classes[i] !== TokenClass.leftOut
  );
  throw new InputRangeError(
    `Cannot measure ${field} as it must be finite where lossMask is 1: ` +
      `${field}[${index}] is ${values[index]}`,
  );
}

function findGroups(
  batch: CheckedBatch,
  correctAbove: number,
  names: readonly string[] | undefined,
): ReadonlyMap<string | number, OpenGroup> {
  const { rewards, groupIds } = batch;
  const groups = new Map<
    string | number,
    { size: number; correct: number; low: number; high: number }
  >();
  if (rewards === undefined || groupIds === undefined) return groups;
  for (let s = 0; s < batch.numSequences; s++) {
    const id = groupIds[s]!;
    if (id === -1 || isLeftOut(batch, s) || !Number.isFinite(rewards[s])) continue;
    const name = names === undefined ? id : names[id];
    if (name === undefined) {
      throw new InputRangeError(
        `Cannot measure as groups.names must name every group: groupIds[${s}] is ${id}, the number of ` +
          `names is ${names!.length}`,
      );
    }
    const reward = rewards[s]! + 0; // JSON has no -0
    let group = groups.get(name);
    if (group === undefined) {
      groups.set(name, group = { size: 0, correct: 0, low: reward, high: reward });
    }
    group.size++;
    group.correct += Number(reward > correctAbove);
    group.low = Math.min(group.low, reward);
    group.high = Math.max(group.high, reward);
  }
  return groups;
}

function histogramOf<V>(values: Iterable<V>, keyOf: (value: V) => string): Histogram {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(keyOf(value), (counts.get(keyOf(value)) ?? 0) + 1);
  return sortedRecord(counts);
}

function negated(sum: ExactSum): ExactSum {
  return sum.map((part) => -part);
}

function checkMeasured(
  batch: CheckedBatch,
  { spans }: PlanningTokens,
  { after, groups: _, ...metrics }: MeasureOptions,
): void {
  if (spans !== undefined && !(spans instanceof Int32Array)) {
    throw new InputTypeError(
      `Cannot measure as spans must be an Int32Array: current value is ${spans}`,
    );
  }
  if (after !== undefined && !((after as unknown) instanceof Float32Array)) {
    throw new InputTypeError(
      `Cannot measure as after must be a Float32Array: current value is ${after}`,
    );
  }
  if (after !== undefined && batch.advantages === undefined) {
    throw new InputTypeError(
      "Cannot measure after as batch.advantages must hold what it is compared with: " +
        "current value is undefined",
    );
  }
  if (after !== undefined && after.length !== batch.numTokens) {
    throw new InputRangeError(
      `Cannot measure as after must hold one value per token, ${batch.numTokens}: ` +
        `current length is ${after.length}`,
    );
  }
  checkOptions("measure", metricsOptionsSchema, metrics);
}
