import { InputRangeError } from "../batch/mod.ts";
import {
  type ConditionalEntropyEstimate,
  conditionalEntropyOfCounts,
  type EntropyBase,
  type EntropyEstimate,
  entropyOfCounts,
} from "./entropy.ts";
import type { MetricSums } from "./metric_sums.ts";

/** Options of {@linkcode semanticEntropy}. */
export interface SemanticEntropyOptions {
  /**
   * `[grams]`: cluster of each gram of the lexicon, -1 for none. Grams of one cluster share a bin, a
   * gram of none keeps its own. Left out, every gram is a bin.
   */
  readonly clusters?: Int32Array;
  /** Number of grams in the lexicon, for `normalizedByBins`; not needed with `clusters`. */
  readonly lexiconSize?: number;
  /** Unit of the result. @default {"nats"} */
  readonly base?: EntropyBase;
}

/**
 * Estimates semantic entropy: the entropy of the frequency distribution of strategic grams,
 * `SE = -sum_g p(g) ln p(g)`, `p(g)` the share of the spans that are gram `g` (paper section 2.2.2).
 *
 * The paper gives neither base, sample size nor bins, and its plots exceed what its published list
 * allows, so the estimate says all three. The plug-in grows with the number of spans, hence with
 * response length: compare steps at equal `samples`, or use `millerMadow`.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, semanticEntropy } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const sums = { ...emptyMetrics(), grams: { 0: 1, 1: 1, 2: 2 } };
 * assert.equal(semanticEntropy(sums, { base: "bits" }).value, 1.5);
 * // Grams 0 and 1 mean the same.
 * const clusters = Int32Array.of(7, 7, 3);
 * assert.equal(semanticEntropy(sums, { clusters, base: "bits" }).value, 1);
 * ```
 *
 * @param sums Metrics measured with spans.
 * @param options Bins and unit.
 * @returns The estimates; `value` is `null` when there was no span.
 * @throws {RangeError} If a gram has no entry in `clusters`, or `lexiconSize` is below the support.
 */
export function semanticEntropy(
  sums: MetricSums,
  options: SemanticEntropyOptions = {},
): EntropyEstimate {
  const { clusters, base = "nats", lexiconSize } = options;
  const counts = new Map<string, number>();
  for (const [gram, count] of Object.entries(sums.grams)) {
    const bin = binOf(gram, clusters);
    counts.set(bin, (counts.get(bin) ?? 0) + count);
  }
  const bins = clusters === undefined
    ? lexiconSize
    : new Set(Array.from(clusters, (_, gram) => binOf(String(gram), clusters))).size;
  return entropyOfCounts(counts.values(), { base, ...(bins !== undefined && { bins }) });
}

/** Options of {@linkcode followerEntropy}. */
export interface FollowerEntropyOptions {
  /** Length n of the n-gram, as given to `measure`. @default {3} */
  readonly followerLength?: number;
  /** `[grams]`: cluster of each gram, as for {@linkcode semanticEntropy}. */
  readonly clusters?: Int32Array;
  /** Unit of the result. @default {"nats"} */
  readonly base?: EntropyBase;
}

/**
 * Estimates the conditional entropy of the procedural n-gram that follows a strategic gram,
 * `H(Y|X) = sum_g p(g) H(Y|X=g)` (paper section 2.2.2).
 *
 * Y is the n token ids right after the span, when all are execution tokens of the same run; spans
 * without such a follower are left out, so `samples` is below the number of spans. The paper states
 * neither n nor the window. Most n-grams occur once, so the plug-in lies near `ceiling` and depends on
 * the sample size more than on the policy: compare only like with like.
 *
 * @example Usage
 * ```ts
 * import { emptyMetrics, followerEntropy } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const sums = { ...emptyMetrics(), followers: { 1: { "0:5": 1, "0:6": 1, "1:5": 2 } } };
 * assert.equal(followerEntropy(sums, { followerLength: 1, base: "bits" }).value, 0.5);
 * ```
 *
 * @param sums Metrics measured with spans and token ids.
 * @param options Length of the n-gram, bins of the gram and unit.
 * @returns The estimates; `value` is `null` when nothing was counted at this length.
 * @throws {RangeError} If a gram has no entry in `clusters`.
 */
export function followerEntropy(
  sums: MetricSums,
  options: FollowerEntropyOptions = {},
): ConditionalEntropyEstimate {
  const { followerLength = 3, clusters, base = "nats" } = options;
  const table = new Map<string, Map<string, number>>();
  for (const [key, count] of Object.entries(sums.followers[followerLength] ?? {})) {
    const colon = key.indexOf(":");
    const bin = binOf(key.slice(0, colon), clusters);
    const follower = key.slice(colon + 1);
    const row = table.get(bin) ?? new Map<string, number>();
    table.set(bin, row.set(follower, (row.get(follower) ?? 0) + count));
  }
  return conditionalEntropyOfCounts(Array.from(table.values(), (row) => row.values()), { base });
}

function binOf(gram: string, clusters: Int32Array | undefined): string {
  if (clusters === undefined) return gram;
  const cluster = clusters[Number(gram)];
  if (cluster === undefined) {
    throw new InputRangeError(
      `Cannot bin grams by cluster as clusters must hold one value for each gram of the lexicon: ` +
        `current length is ${clusters.length}, gram ${gram} occurred`,
    );
  }
  return cluster < 0 ? gram : `cluster ${cluster}`;
}
