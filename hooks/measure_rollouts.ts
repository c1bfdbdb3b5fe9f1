import { warnOnConsole } from "../batch/internal.ts";
import { measure, type MeasureOptions, type MetricSums } from "../metrics/mod.ts";
import { missingWarnings } from "./_missing_warnings.ts";
import { type MarkRolloutsOptions, packRollouts } from "./mark_rollouts.ts";
import type { Rollout } from "../files/mod.ts";

/** Options of {@linkcode measureRollouts}. */
export interface MeasureRolloutsOptions extends MarkRolloutsOptions {
  /** What to measure. Under a `groupScope` the groups of several files are joined by `prompt_id`. */
  readonly metrics?: Omit<MeasureOptions, "after" | "groupNames">;
}

/**
 * Measures the rollouts of a file as they are, without any transform. `warn` is told of logprobs and
 * entropies that are missing.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import { measureRollouts } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["wait"], { name: "mine" }), tokens);
 * const { pairs } = measureRollouts([{ prompt_id: "p", token_ids: [0, 1] }], { matcher });
 * assert.deepEqual(pairs.planning_frac, { sum: [1], count: 2 });
 * ```
 *
 * @param rollouts As `readRollouts` yields them; groups are whole, or `metrics.groupScope` is set.
 * @param options Matcher and what to measure.
 * @returns Mergeable metrics.
 * @throws {RangeError | TypeError} If a rollout cannot be packed, or a trained token is not in the
 * vocabulary; the message says which rollout.
 */
export function measureRollouts(
  rollouts: readonly Rollout[],
  options: MeasureRolloutsOptions,
): MetricSums {
  const { warn = warnOnConsole } = options;
  const { batch, promptIds } = packRollouts(rollouts, options);
  const sums = measure(batch, options.matcher.match(batch), {
    ...options.metrics,
    groupNames: promptIds,
  });
  missingWarnings(sums).forEach((warning) => warn(warning));
  return sums;
}
