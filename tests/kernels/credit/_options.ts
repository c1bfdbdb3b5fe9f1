import type { BaselineConvention } from "../../../advantage/mod.ts";
import type { CreditBatch, CreditOptions } from "../../../kernels/mod.ts";
import type { FullBatch } from "./_random_batch.ts";

export type Transform = NonNullable<CreditOptions["transform"]>;

const PER_KIND = { deduction: 0.2, branching: 0, backtracking: 0.9, other: 0.05 };

/** Every transform, HICRA in all its modes. */
export const TRANSFORMS: readonly Transform[] = [
  ...(["paper", "symmetric", "positive-only", "mass-preserving", "baseline-corrected"] as const)
    .flatMap((mode): Transform[] => [
      { name: "hicra", mode },
      { name: "hicra", mode, alpha: PER_KIND },
    ]),
  { name: "hicra", alpha: 1.5, allowSignChange: true },
  { name: "high-entropy-advantage" },
  { name: "high-entropy-advantage", alpha: 1, kappa: 1.25 },
  { name: "surprisal-weighting" },
  { name: "surprisal-weighting", beta: 3 },
  { name: "sepa" },
  { name: "sepa", lambda: 0.3, beta: 1 },
  { name: "planning-boost" },
  { name: "planning-boost", gamma: 1, beta: 2 },
];

/** Every convention of the group baseline that the CPU can compute without refusing it. */
export const BASELINES: readonly BaselineConvention[] = (["mean", "leave-one-out", "none"] as const)
  .flatMap((center) =>
    (["none", "group-std", "leave-one-out-std", "batch-std", "mean"] as const).flatMap((scale) =>
      ([0, 1] as const).flatMap((ddof) =>
        (["add", "floor", "variance"] as const).flatMap((epsilonPlace) =>
          (["zero", "reward"] as const).map((singleton): BaselineConvention => ({
            center,
            scale,
            ddof,
            epsilonPlace,
            singleton,
            epsilon: epsilonPlace === "floor" ? 0.5 : 1e-6,
          }))
        )
      )
    )
  );

/** The batch as it is given with an option `from`. */
export function given(batch: FullBatch, from: CreditOptions["from"] = "rewards"): CreditBatch {
  const { sequenceAdvantages, advantages, rewards, include, ...shared } = batch;
  if (from === "rewards") return { ...shared, rewards, include };
  return { ...shared, advantages: from === "tokens" ? advantages : sequenceAdvantages };
}
