/**
 * Says whether phrases stand in sentences with mathematics or code more or less than n-grams of the corpus do, as a
 * log-ratio, nats:
 *
 * `log((inside + 1) / (n p + 1)) - log((n - inside + 1) / (n (1 - p) + 1))`,
 *
 * with n occurrences of a phrase, of which `inside` are in such sentences, and p the share over all
 * phrases. It is 0 for a phrase that follows the corpus, and everywhere in a corpus without mathematics;
 * the added ones keep rare phrases near 0. Execution is written in formulas, so a phrase that guides a
 * solution is mostly below 0.
 *
 * @example Usage
 * ```ts
 * import { mathematicsLogRatio } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const [guiding, executing] = mathematicsLogRatio(Uint32Array.of(100, 100), Uint32Array.of(10, 90));
 * assert.ok(guiding! < -1 && executing! > 1);
 * ```
 *
 * @param occurrences Occurrences of each phrase, `[G]`.
 * @param mathSentences Those in sentences with mathematics or code, `[G]`.
 * @returns The log-ratios, `[G]`.
 */
export function mathematicsLogRatio(
  occurrences: Uint32Array,
  mathSentences: Uint32Array,
): Float64Array {
  const sum = (values: Uint32Array): number => values.reduce((total, value) => total + value, 0);
  const share = sum(mathSentences) / Math.max(1, sum(occurrences));
  return Float64Array.from(occurrences, (count, g) => {
    const inside = mathSentences[g]!;
    const outside = count - inside;
    return Math.log((inside + 1) / (count * share + 1)) -
      Math.log((outside + 1) / (count * (1 - share) + 1));
  });
}
