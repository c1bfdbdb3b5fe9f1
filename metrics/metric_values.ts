import { groupPassAtK, groupTallies } from "./groups.ts";
import { type MetricSums, PAIR_NAMES, type PairName } from "./metric_sums.ts";
import { perplexity, relative } from "./perplexity.ts";
import { followerEntropy, semanticEntropy } from "./semantic_entropy.ts";

/** A (sum, count) pair as loggers take it: reduce both by adding, then divide. */
export interface MetricPair {
  /** Sum, correctly rounded to float64. */
  readonly sum: number;
  /** Number of things it is a mean over; 0 when nothing was measured. */
  readonly count: number;
}

/** Options of {@linkcode metricPairs}. */
export interface MetricPairsOptions {
  /** Put before every name. @default {"hicra/"} */
  readonly prefix?: string;
  /** The k of the `pass_at_k` metrics. @default {[1, 8]} */
  readonly passAt?: readonly number[];
}

/** Options of {@linkcode metricValues}. */
export interface MetricValuesOptions extends MetricPairsOptions {
  /** Metrics of step 0: adds the `_rel` figures. */
  readonly baseline?: MetricSums;
  /** `[grams]`: cluster of each gram, -1 for none; grams of one cluster share a bin. */
  readonly clusters?: Int32Array;
  /** Number of grams in the lexicon, for `phrase_entropy_norm_lexicon`. */
  readonly lexiconSize?: number;
  /** Length of the n-grams that follow a gram, as given to `measure`. @default {3} */
  readonly followerLength?: number;
}

/**
 * Returns every metric that is a mean as a flat (sum, count) pair, for hosts that reduce over ranks.
 *
 * The names are those of {@linkcode PairName}, then
 *
 * | name | pair |
 * |---|---|
 * | `adv_abs_ratio` | `sum abs(A')` over `sum abs(A)`: a mass for a count |
 * | `zero_std_group_frac` | groups of equal rewards (groups of one too) over groups |
 * | `pass_at_k` | unbiased estimates over groups of k or more |
 *
 * The same names in the same order come out whatever was measured, as collectives need it; what was
 * not has sum 0 and count 0. `adv_abs_ratio` is so too where only some of the merged batches had
 * advantages after the transform.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, metricPairs } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const sums = { ...emptyMetrics(), pairs: { planning_frac: { sum: [3], count: 100 } } };
 * const pairs = metricPairs(sums, { prefix: "rollout/" });
 * assert.deepEqual(pairs["rollout/planning_frac"], { sum: 3, count: 100 });
 * assert.deepEqual(pairs["rollout/accuracy"], { sum: 0, count: 0 });
 * ```
 *
 * @param sums Metrics of a step.
 * @param options Prefix and the k of pass@k.
 * @returns Pairs by name.
 * @throws {RangeError} If a k is not a positive integer.
 */
export function metricPairs(
  sums: MetricSums,
  options: MetricPairsOptions = {},
): Record<string, MetricPair> {
  const { prefix = "hicra/", passAt = [1, 8] } = options;
  const pairs: Record<string, MetricPair> = {};
  for (const name of PAIR_NAMES) pairs[prefix + name] = pairOf(sums, name);
  pairs[`${prefix}adv_abs_ratio`] = massRatio(sums);
  const tallies = groupTallies(sums);
  pairs[`${prefix}zero_std_group_frac`] = {
    sum: tallies.reduce((sum, { flat, count }) => flat ? sum + count : sum, 0),
    count: tallies.reduce((sum, { count }) => sum + count, 0),
  };
  for (const k of passAt) pairs[`${prefix}pass_at_${k}`] = groupPassAtK(sums, k);
  return pairs;
}

/**
 * Returns every metric as one flat number, for loggers that take scalars: the mean of each pair of
 * {@linkcode metricPairs}, then figures that are no means and must not be averaged over ranks.
 *
 * | name | figure |
 * |---|---|
 * | `perplexity_plan`, `perplexity_exec` | `exp(mean surprisal)` of the class |
 * | `phrase_entropy` | semantic entropy, plug-in, nats |
 * | `phrase_entropy_mm` | the same, Miller-Madow |
 * | `phrase_entropy_norm` | `H / ln support`; `phrase_entropy_norm_lexicon`: `H / ln lexicon size` |
 * | `phrase_entropy_support`, `_samples` | bins that occurred, spans |
 * | `follower_entropy`, `_mm`, `_ceiling` | entropy of the n-gram after a gram, and what bounds it, nats |
 * | `follower_entropy_support`, `_contexts`, `_samples` | distinct (gram, n-gram), grams, spans followed |
 * | `top_gram_frac` | share of the most frequent gram among the spans |
 * | `perplexity_*_rel`, `entropy_*_old_rel`, `phrase_entropy_rel`, `follower_entropy_rel` | divided by the baseline's |
 *
 * `null` stands for what was not measured or is not defined; nothing is ever NaN or infinite.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, metricValues } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const step = (nats: number) => ({
 *   ...emptyMetrics(),
 *   pairs: { surprisal_plan: { sum: [nats], count: 1 } },
 * });
 * const values = metricValues(step(0), { baseline: step(Math.LN2) });
 * assert.equal(values["hicra/perplexity_plan"], 1);
 * assert.equal(values["hicra/perplexity_plan_rel"], 0.5);
 * assert.equal(values["hicra/phrase_entropy"], null);
 * ```
 *
 * @param sums Metrics of a step.
 * @param options Prefix, baseline, bins and n-gram length.
 * @returns Numbers by name.
 * @throws {RangeError} If a k is not a positive integer, a gram has no cluster entry, or
 * `lexiconSize` is below the number of grams that occurred.
 */
export function metricValues(
  sums: MetricSums,
  options: MetricValuesOptions = {},
): Record<string, number | null> {
  const { baseline, ...own } = options;
  const { prefix = "hicra/" } = own;
  const values: Record<string, number | null> = {};
  for (const [name, { sum, count }] of Object.entries(metricPairs(sums, own))) {
    values[name] = count === 0 ? null : sum / count;
  }
  for (const [name, value] of Object.entries(figures(sums, own))) {
    values[prefix + name] = value !== null && Number.isFinite(value) ? value : null;
  }
  if (baseline !== undefined) {
    const then = metricValues(baseline, own);
    for (const name of RELATIVE_NAMES.map((name) => prefix + name)) {
      values[`${name}_rel`] = relative(values[name]!, then[name]!);
    }
  }
  return values;
}

const RELATIVE_NAMES = [
  "perplexity_plan",
  "perplexity_exec",
  "entropy_plan_old",
  "entropy_exec_old",
  "phrase_entropy",
  "follower_entropy",
];

function figures(
  sums: MetricSums,
  options: MetricValuesOptions,
): Record<string, number | null> {
  const phrase = semanticEntropy(sums, options);
  const follower = followerEntropy(sums, options);
  return {
    perplexity_plan: perplexity(sums.pairs.surprisal_plan),
    perplexity_exec: perplexity(sums.pairs.surprisal_exec),
    phrase_entropy: phrase.value,
    phrase_entropy_mm: phrase.millerMadow,
    phrase_entropy_norm: phrase.normalizedBySupport,
    phrase_entropy_norm_lexicon: phrase.normalizedByBins,
    phrase_entropy_support: phrase.support,
    phrase_entropy_samples: phrase.samples,
    follower_entropy: follower.value,
    follower_entropy_mm: follower.millerMadow,
    follower_entropy_ceiling: follower.ceiling,
    follower_entropy_support: follower.support,
    follower_entropy_contexts: follower.contexts,
    follower_entropy_samples: follower.samples,
    top_gram_frac: topGramShare(sums),
  };
}

function topGramShare(sums: MetricSums): number | null {
  const counts = Object.values(sums.grams);
  const spans = counts.reduce((sum, count) => sum + count, 0);
  return spans === 0 ? null : counts.reduce((top, count) => Math.max(top, count)) / spans;
}

function pairOf(sums: MetricSums, name: PairName): MetricPair {
  const pair = sums.pairs[name];
  return { sum: pair?.sum[0] ?? 0, count: pair?.count ?? 0 };
}

/** Empty unless both sides were measured on the same tokens, as far as their numbers can tell. */
function massRatio(sums: MetricSums): MetricPair {
  const plan = pairOf(sums, "adv_abs_plan");
  const exec = pairOf(sums, "adv_abs_exec");
  const planAfter = pairOf(sums, "adv_abs_plan_after");
  const execAfter = pairOf(sums, "adv_abs_exec_after");
  if (plan.count !== planAfter.count || exec.count !== execAfter.count) return { sum: 0, count: 0 };
  return { sum: planAfter.sum + execAfter.sum, count: plan.sum + exec.sum };
}
