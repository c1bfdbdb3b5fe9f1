import type { MetricSums, PairName } from "./metric_sums.ts";

const MISSING: readonly (readonly [PairName, string])[] = [
  ["surprisal_missing_frac", "the logprob of some trained tokens"],
  ["entropy_missing_frac", "the entropy of some trained tokens"],
  ["reward_missing_frac", "the reward of some rollouts"],
];

/** What to say of values that a metric needed and that were not measured; equal text for every batch. */
export function missingWarnings({ pairs }: MetricSums): string[] {
  return MISSING.filter(([name]) => (pairs[name]?.sum[0] ?? 0) > 0).map(([name, what]) =>
    `hicra: ${what} is not finite: they are left out of its metrics and counted in hicra/${name}`
  );
}
