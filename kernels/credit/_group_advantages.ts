import { needsGroup } from "./_resolve_credit.ts";
import type { CreditBaseline, CreditBatch } from "./options.ts";

/** The group baseline in f64, rounded once to f32; two passes for every variance. */
export function groupAdvantages(
  { rewards, groupIds, include }: CreditBatch,
  baseline: Required<CreditBaseline>,
): Float32Array {
  const { center, scale, ddof, singleton } = baseline;
  const groups = new Map<number, number[]>();
  for (let s = 0; s < rewards!.length; s++) {
    if (include?.[s] === 0) continue;
    const group = groups.get(groupIds![s]!) ?? [];
    groups.set(groupIds![s]!, group);
    group.push(s);
  }
  const rewardsOf = (group: number[]) => group.map((s) => rewards![s]!);
  const batchStd = scale === "batch-std"
    ? standardDeviation(rewardsOf([...groups.values()].flat()), ddof)
    : 0;

  const advantages = new Float32Array(rewards!.length);
  for (const group of groups.values()) {
    const values = rewardsOf(group);
    const n = values.length;
    if (n === 1 && needsGroup(baseline)) {
      const std = scale === "group-std" || scale === "leave-one-out-std" ? 1 : batchStd;
      if (singleton === "reward") advantages[group[0]!] = values[0]! / divisor(std, baseline);
      continue;
    }
    const mean = meanOf(values);
    if (scale === "mean" && mean <= 0) continue;
    const spread = scale === "group-std"
      ? standardDeviation(values, ddof)
      : scale === "mean"
      ? mean
      : batchStd;
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      const others = values.toSpliced(i, 1);
      const subtracted = center === "mean"
        ? mean
        : center === "leave-one-out"
        ? (mean * n - value) / (n - 1)
        : 0;
      const own = scale === "leave-one-out-std" ? standardDeviation(others, ddof) : spread;
      advantages[group[i]!] = (value - subtracted) / divisor(own, baseline);
    }
  }
  return advantages;
}

/** What to divide by: a spread of exactly 0 divides nothing. */
function divisor(spread: number, { epsilon, epsilonPlace }: Required<CreditBaseline>): number {
  if (spread === 0) return 1;
  if (epsilonPlace === "add") return spread + epsilon;
  if (epsilonPlace === "floor") return Math.max(spread, epsilon);
  return Math.sqrt(spread * spread + epsilon);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function standardDeviation(values: readonly number[], ddof: number): number {
  if (values.length <= ddof) return 0;
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - ddof));
}
