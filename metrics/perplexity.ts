import type { SumCount } from "./metric_sums.ts";

/**
 * Returns the mean of a (sum, count) pair, `sum / count`.
 *
 * @example Usage
 * ```ts
 * import { mean } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.equal(mean({ sum: [3], count: 2 }), 1.5);
 * assert.equal(mean(undefined), null);
 * ```
 *
 * @param pair A pair, or nothing when it was not measured.
 * @returns The mean, or `null` when nothing was counted.
 */
export function mean(pair: SumCount | undefined): number | null {
  return pair === undefined || pair.count === 0 ? null : (pair.sum[0] ?? 0) / pair.count;
}

/**
 * Returns the perplexity of tokens, `exp(mean surprisal)`, pooled over tokens: each token weighs the
 * same, whatever the length of its sequence (paper section 2.2.1, which does not say how it pools).
 *
 * @example Usage
 * ```ts
 * import { perplexity } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.equal(perplexity({ sum: [2 * Math.LN2], count: 2 }), 2);
 * ```
 *
 * @param surprisal Sum of `-logprob` in nats and number of tokens, or nothing.
 * @returns The perplexity, or `null` when nothing was counted.
 */
export function perplexity(surprisal: SumCount | undefined): number | null {
  const nats = mean(surprisal);
  return nats === null ? null : Math.exp(nats);
}

/**
 * Returns a figure relative to its baseline, `value / baseline`: the paper's `PPL_c(k) / PPL_c(0)`,
 * and what its Figure 3 plots for the entropies.
 *
 * @example Usage
 * ```ts
 * import { relative } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * assert.equal(relative(1.5, 2), 0.75);
 * assert.equal(relative(1.5, 0), null);
 * ```
 *
 * @param value The figure now.
 * @param baseline The same figure at step 0.
 * @returns The ratio, or `null` when either is `null` or the baseline is 0.
 */
export function relative(value: number | null, baseline: number | null): number | null {
  return value === null || baseline === null || baseline === 0 ? null : value / baseline;
}
