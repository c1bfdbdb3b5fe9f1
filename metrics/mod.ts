/**
 * What happened in a step: planning share, perplexity, entropies, accuracy and advantage mass, as
 * sums that merge exactly over ranks, workers and shards, in any order.
 *
 * {@linkcode measure} a batch, {@linkcode mergeMetrics} what several ranks measured, then read it as
 * pairs ({@linkcode metricPairs}), as numbers ({@linkcode metricValues}) or as entropy estimates with
 * their support ({@linkcode semanticEntropy}, {@linkcode followerEntropy}).
 *
 * @module
 */
export type { Batch, CheckedBatch, PlanningTokens } from "../batch/mod.ts";
export {
  type ConditionalEntropyEstimate,
  conditionalEntropyOfCounts,
  type EntropyBase,
  type EntropyEstimate,
  entropyOfCounts,
  type EntropyOptions,
} from "./entropy.ts";
export {
  type ErrorCounts,
  errorJudgePrompt,
  errorPairs,
  type ErrorType,
  type FailedRollout,
  parseErrorType,
} from "./error_types.ts";
export { type ExactSum, exactSum } from "./exact_sum.ts";
export { groupPassAtK, groupTallies, type GroupTally } from "./groups.ts";
export { type GroupOptions, measure, type MeasureOptions, type MetricsOptions } from "./measure.ts";
export {
  emptyMetrics,
  type Histogram,
  mergeMetrics,
  type MetricSums,
  type OpenGroup,
  PAIR_NAMES,
  type PairName,
  type SumCount,
} from "./metric_sums.ts";
export {
  type MetricPair,
  metricPairs,
  type MetricPairsOptions,
  metricValues,
  type MetricValuesOptions,
} from "./metric_values.ts";
export { passAtK } from "./pass_at_k.ts";
export { mean, perplexity, relative } from "./perplexity.ts";
export {
  followerEntropy,
  type FollowerEntropyOptions,
  semanticEntropy,
  type SemanticEntropyOptions,
} from "./semantic_entropy.ts";
export { type StagePoint, type Stages, stages, type StagesOptions } from "./stages.ts";
