import { InputRangeError } from "../batch/mod.ts";

/** Unit of an entropy: natural logarithm or logarithm to the base 2. */
export type EntropyBase = "nats" | "bits";

/** An entropy with everything needed to judge it. A figure that is not defined is `null`. */
export interface EntropyEstimate {
  /** Plug-in estimate `-sum p ln p`; `null` without samples. Biased low, by about `(K - 1) / 2N`. */
  readonly value: number | null;
  /** Miller-Madow estimate: the plug-in plus `(K - 1) / 2N`. */
  readonly millerMadow: number | null;
  /** `value / ln K`, the evenness over the bins that occurred; `null` when fewer than two did. */
  readonly normalizedBySupport: number | null;
  /** `value / ln bins`, over all bins there are; `null` when `bins` was not given or is below two. */
  readonly normalizedByBins: number | null;
  /** K, the number of bins that occurred. */
  readonly support: number;
  /** N, the number of samples. */
  readonly samples: number;
  /** Unit of `value` and `millerMadow`. */
  readonly base: EntropyBase;
}

/** A conditional entropy H(Y|X) with everything needed to judge it. */
export interface ConditionalEntropyEstimate {
  /** Plug-in estimate `sum_x p(x) H(Y|x)`; `null` without samples. */
  readonly value: number | null;
  /** Miller-Madow estimate: the plug-in plus `(K_xy - K_x) / 2N`. */
  readonly millerMadow: number | null;
  /**
   * `sum_x p(x) ln N_x`, which the plug-in cannot exceed at this sample size. Near it nearly every
   * sample is seen once, and the estimate speaks of the number of samples, not of the policy.
   */
  readonly ceiling: number | null;
  /** K_xy, the number of distinct pairs (x, y). */
  readonly support: number;
  /** K_x, the number of distinct x. */
  readonly contexts: number;
  /** N, the number of samples. */
  readonly samples: number;
  /** Unit of `value`, `millerMadow` and `ceiling`. */
  readonly base: EntropyBase;
}

/** Options of {@linkcode entropyOfCounts}. */
export interface EntropyOptions {
  /** Unit of the result. @default {"nats"} */
  readonly base?: EntropyBase;
  /** Number of bins there are, seen or not, for `normalizedByBins`. */
  readonly bins?: number;
}

/**
 * Estimates the Shannon entropy of the distribution that counts were drawn from:
 * `H = -sum_k (c_k / N) ln(c_k / N)`, and with the bias correction of Miller (1955),
 * `H + (K - 1) / 2N`.
 *
 * Zero counts are not part of the support. Without samples the estimates are `null`, with one bin
 * they are 0. The order of the counts does not change a bit of the result.
 *
 * @example Usage
 * ```ts
 * import { entropyOfCounts } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const { value, millerMadow, support, samples } = entropyOfCounts([2, 2], { base: "bits" });
 * assert.equal(value, 1);
 * assert.equal(millerMadow, 1 + 1 / 8 / Math.LN2);
 * assert.deepEqual([support, samples], [2, 4]);
 * ```
 *
 * @param counts How often each bin occurred: integers, 0 or more.
 * @param options Unit, and the number of bins there are.
 * @returns The estimates with support, sample count and base.
 * @throws {RangeError} If a count is not a non-negative integer, or `bins` is below the support.
 */
export function entropyOfCounts(
  counts: Iterable<number>,
  options: EntropyOptions = {},
): EntropyEstimate {
  const { base = "nats", bins } = options;
  const seen = nonZero(counts);
  const support = seen.length;
  if (bins !== undefined && !(bins >= support)) {
    throw new InputRangeError(
      `Cannot normalize an entropy as bins must be at least the number of bins that occurred, ` +
        `${support}: current value is ${bins}`,
    );
  }
  const samples = seen.reduce((sum, count) => sum + count, 0);
  let nats = 0;
  for (const count of seen) nats += (count / samples) * Math.log(samples / count);
  const some = samples > 0;
  return {
    value: some ? inBase(nats, base) : null,
    millerMadow: some ? inBase(nats + (support - 1) / (2 * samples), base) : null,
    normalizedBySupport: support > 1 ? nats / Math.log(support) : null,
    normalizedByBins: some && bins !== undefined && bins > 1 ? nats / Math.log(bins) : null,
    support,
    samples,
    base,
  };
}

/**
 * Estimates the conditional entropy `H(Y|X) = sum_x p(x) H(Y|X=x)` from counts of pairs.
 *
 * The plug-in is biased low by about `(K_xy - K_x) / 2N`, and badly so when most pairs are seen once:
 * compare it with `ceiling` before reading a trend into it.
 *
 * @example Usage
 * ```ts
 * import { conditionalEntropyOfCounts } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * // After the first context two outcomes are equally likely, after the second only one occurs.
 * const { value, contexts } = conditionalEntropyOfCounts([[1, 1], [2]], { base: "bits" });
 * assert.equal(value, 0.5);
 * assert.equal(contexts, 2);
 * ```
 *
 * @param table For each x, how often each y occurred with it: integers, 0 or more.
 * @param options Unit of the result.
 * @returns The estimates with support, sample count and base.
 * @throws {RangeError} If a count is not a non-negative integer.
 */
export function conditionalEntropyOfCounts(
  table: Iterable<Iterable<number>>,
  options: { readonly base?: EntropyBase } = {},
): ConditionalEntropyEstimate {
  const { base = "nats" } = options;
  const rows = [...table].map((counts) => entropyOfCounts(counts))
    .filter((row) => row.samples > 0);
  // Sorted, so that the order of the contexts does not change a bit of the result.
  rows.sort((a, b) => a.samples - b.samples || a.value! - b.value!);
  const samples = rows.reduce((sum, row) => sum + row.samples, 0);
  const support = rows.reduce((sum, row) => sum + row.support, 0);
  let nats = 0;
  let ceiling = 0;
  for (const row of rows) {
    nats += (row.samples / samples) * row.value!;
    ceiling += (row.samples / samples) * Math.log(row.samples);
  }
  const some = samples > 0;
  return {
    value: some ? inBase(nats, base) : null,
    millerMadow: some ? inBase(nats + (support - rows.length) / (2 * samples), base) : null,
    ceiling: some ? inBase(ceiling, base) : null,
    support,
    contexts: rows.length,
    samples,
    base,
  };
}

function nonZero(counts: Iterable<number>): number[] {
  const seen: number[] = [];
  let index = 0;
  for (const count of counts) {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new InputRangeError(
        `Cannot estimate an entropy as counts must be non-negative integers: ` +
          `counts[${index}] is ${count}`,
      );
    }
    if (count > 0) seen.push(count);
    index++;
  }
  return seen.sort((a, b) => a - b);
}

function inBase(nats: number, base: EntropyBase): number {
  return base === "bits" ? nats / Math.LN2 : nats;
}
