import { warnOnConsole } from "../batch/internal.ts";
import { measure, type MeasureOptions, type MetricSums } from "../metrics/mod.ts";
import { missingWarnings } from "../metrics/internal.ts";
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
