import {
  type ConditionalEntropyEstimate,
  type EntropyEstimate,
  followerEntropy,
  type MetricPair,
  metricPairs,
  type MetricSums,
  metricValues,
  semanticEntropy,
} from "../metrics/mod.ts";
import type { Lexicon } from "../sg/mod.ts";

/** Options of {@linkcode metricsReport}. */
export interface MetricsReportOptions {
  /** The lexicon that the spans come from. */
  readonly lexicon: Lexicon;
  /** Metrics of step 0: adds the `_rel` figures. */
  readonly reference?: MetricSums;
  /** Length of the n-grams that follow a gram, as given to `measure`. @default {3} */
  readonly followerLength?: number;
}

/** The metrics of a step as one JSON object. */
export interface MetricsReport {
  /** (sum, count) by name: add both over ranks, then divide. */
  readonly pairs: Readonly<Record<string, MetricPair>>;
  /** Numbers by name; `null` where nothing was measured. */
  readonly values: Readonly<Record<string, number | null>>;
  /** The entropy estimates with their support, base and sample count. */
  readonly entropies: {
    /** Of the grams, or of their clusters where the lexicon has them. */
    readonly semantic: EntropyEstimate;
    /** Of the n-gram that follows a gram. */
    readonly follower: ConditionalEntropyEstimate;
  };
  /** What `mergeMetrics` merges exactly. */
  readonly sums: MetricSums;
}

/**
 * Puts the metrics of a step together: pairs, values, entropies with their support, and the mergeable
 * sums.
 *
 * @param sums Metrics of the step.
 * @param options The lexicon, and the step to compare with.
 * @returns Plain JSON.
 * @throws {RangeError} If the sums are of another lexicon: a gram index is not in it.
 */
export function metricsReport(sums: MetricSums, options: MetricsReportOptions): MetricsReport {
  const { lexicon: { grams }, reference, followerLength } = options;
  const isClustered = grams.some(({ cluster }) => cluster !== undefined);
  const bins = {
    lexiconSize: grams.length,
    ...(isClustered && { clusters: Int32Array.from(grams, ({ cluster = -1 }) => cluster) }),
    ...(followerLength !== undefined && { followerLength }),
  };
  return {
    pairs: metricPairs(sums),
    values: metricValues(sums, { ...bins, ...(reference && { baseline: reference }) }),
    entropies: { semantic: semanticEntropy(sums, bins), follower: followerEntropy(sums, bins) },
    sums,
  };
}
