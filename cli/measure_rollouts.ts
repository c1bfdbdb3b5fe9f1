import { warnOnConsole } from "../batch/internal.ts";
import { measure, type MetricSums } from "../metrics/mod.ts";
import { missingWarnings } from "../metrics/internal.ts";
import { type MarkRolloutsOptions, packRollouts, warnOfOwnMask } from "./mark_rollouts.ts";
import type { Rollout } from "../files/mod.ts";
import type { RunMetrics } from "./run_config.ts";

/** Options of {@linkcode measureRollouts}. */
export interface MeasureRolloutsOptions extends MarkRolloutsOptions {
  /** What to measure. Under a `groupScope` the groups of several files are joined by `prompt_id`. */
  readonly metrics?: RunMetrics;
}

/**
 * Measures the rollouts of a file as they are, without any transform. `warn` is told of logprobs and
 * entropies that are missing.
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
  warnOfOwnMask(rollouts, options);
  const { batch, promptIds } = packRollouts(rollouts, options);
  const { groupScope, ...metrics } = options.metrics ?? {};
  const sums = measure(batch, options.matcher.match(batch), {
    ...metrics,
    groups: { names: promptIds, ...(groupScope !== undefined && { scope: groupScope }) },
  });
  missingWarnings(sums).forEach((warning) => warn(warning));
  return sums;
}
