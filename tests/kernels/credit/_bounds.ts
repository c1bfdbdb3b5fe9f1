import { groupBaseline } from "../../../advantage/mod.ts";
import { creditOnCpu } from "../../../kernels/credit/_reference.ts";
import type { CreditBatch, CreditOptions } from "../../../kernels/mod.ts";
import { type Credit, resolveCredit } from "../../../kernels/credit/_resolve_credit.ts";

/** Half the distance from 1 to the next f32: the relative error of one rounding. */
const U = 2 ** -24;
/** A device may take subnormals for 0; a few of those, each scaled by a transform. */
const TINY = 2 ** -120;

/**
 * Greatest accepted distance of each token's advantage on the GPU from that of the reference: the
 * formulas of `CreditKernel`, worked out for the values at hand. WGSL allows a division 2.5 units
 * in the last place, 5u, and a square root 4.5 units, 9u.
 */
export function creditBounds(batch: CreditBatch, options: CreditOptions): Float64Array {
  const credit = resolveCredit(options);
  const { offsets, lossMask } = batch;
  const numTokens = lossMask.length;
  const { transform: _, ...given } = options;
  const before = creditOnCpu(batch, given);
  const after = creditOnCpu(batch, options);
  const ofSequence = credit.from === "rewards"
    ? baselineBounds(batch, credit)
    : new Float64Array(offsets.length - 1);
  const errors = new Float64Array(numTokens);
  for (let s = 0; s + 1 < offsets.length; s++) {
    errors.fill(ofSequence[s]!, offsets[s], offsets[s + 1]);
  }
  return transformBounds(batch, credit, { before, after, errors });
}

function baselineBounds(batch: CreditBatch, { baseline }: Credit): Float64Array {
  const { groupIds, include } = batch;
  const { center, scale, ddof, epsilon, epsilonPlace } = baseline;
  const rewards = Array.from(batch.rewards!);
  const advantages = groupBaseline(batch.rewards!, groupIds!, {
    ...baseline,
    ...(include && { include }),
  });
  const isIn = (s: number) => include?.[s] !== 0;
  const additions = Math.ceil(rewards.length / 64) + 6;
  return Float64Array.from(rewards, (reward, s) => {
    if (!isIn(s)) return 0;
    const group = rewards.filter((_, j) => isIn(j) && groupIds![j] === groupIds![s]);
    const others = rewards.filter((_, j) => isIn(j) && groupIds![j] === groupIds![s] && j !== s);
    const spread = scale === "group-std"
      ? group
      : scale === "leave-one-out-std"
      ? others
      : scale === "batch-std"
      ? rewards.filter((_, j) => isIn(j))
      : [];
    const range = Math.max(...group.map((other) => Math.abs(other - reward)));
    const magnitude = Math.abs(advantages[s]!);
    // Each distance is rounded once, then added up; a division follows. Raw rewards are exact.
    const centered = center === "none" ? 0 : (additions + 8) * U * range;
    let relative = 5 * U;
    let divisor = 1;
    if (spread.length > ddof) {
      // Deviations are off by (additions + 8) u times the range, which is at most sqrt(2n)
      // standard deviations. Squares add, half of that counts; root, guard and division take 40u.
      relative = U * ((additions + 8) * Math.sqrt(2 * spread.length) + additions / 2 + 40);
      divisor = standardDeviation(spread, ddof);
    } else if (scale === "mean") {
      const absolute = group.reduce((sum, value) => sum + Math.abs(value), 0);
      const mean = group.reduce((sum, value) => sum + value, 0);
      relative = U * (additions + 12) * absolute / Math.abs(mean);
      divisor = Math.abs(mean) / group.length;
    }
    // Guarding a divisor only makes it larger, but for a spread of exactly 0, which divides nothing.
    if (divisor === 0) divisor = 1;
    else if (epsilonPlace === "floor" && divisor !== 1) divisor = Math.max(divisor, epsilon);
    return centered / divisor + magnitude * (relative + U) + TINY;
  });
}

function transformBounds(
  { offsets, lossMask, kinds, groupIds, entropies, oldLogprobs }: CreditBatch,
  { formula, form, parameters }: Credit,
  { before, after, errors }: { before: Float32Array; after: Float32Array; errors: Float64Array },
): Float64Array {
  const numSequences = offsets.length - 1;
  const lanes = Math.ceil(
    Math.max(0, ...Array.from({ length: numSequences }, (_, s) => offsets[s + 1]! - offsets[s]!)) /
      256,
  );
  const summing = (lanes + 16) * U;
  const gain = (t: number) => parameters[kinds![t]!]!;
  const sequenceOf = new Int32Array(before.length);
  for (let s = 0; s < numSequences; s++) sequenceOf.fill(s, offsets[s], offsets[s + 1]);
  const trained = (s: number) => {
    const tokens: number[] = [];
    for (let t = offsets[s]!; t < offsets[s + 1]!; t++) if (lossMask[t] === 1) tokens.push(t);
    return tokens;
  };
  const surprisal = (t: number) => Math.max(0, -oldLogprobs![t]!);
  const meanSurprisals = formula === "none" || oldLogprobs === undefined
    ? []
    : Array.from({ length: numSequences }, (_, s) => {
      const tokens = trained(s);
      return tokens.reduce((sum, t) => sum + surprisal(t), 0) / tokens.length;
    });
  const groupCredit = new Map<number, { added: number; count: number; error: number }>();
  if (formula === "baseline-corrected") {
    for (let s = 0; s < numSequences; s++) {
      const total = groupCredit.get(groupIds![s]!) ?? { added: 0, count: 0, error: 0 };
      groupCredit.set(groupIds![s]!, total);
      for (const t of trained(s)) {
        total.added += gain(t) * Math.abs(before[t]!);
        total.count++;
        total.error = Math.max(total.error, gain(t) * errors[t]!);
      }
    }
  }
  return errors.map((error, t) => {
    if (formula === "none" || lossMask[t] !== 1) return error;
    const magnitude = Math.abs(before[t]!);
    const result = Math.abs(after[t]!);
    const s = sequenceOf[t]!;
    switch (formula) {
      case "hicra": {
        if (gain(t) === 0 || (form === "positive-only" && before[t]! + error <= 0)) return error;
        // alpha, product, sum and the reference's own rounding.
        return (1 + gain(t)) * error + U * (3 * gain(t) * magnitude + 2 * result) + TINY;
      }
      case "mass-preserving": {
        const alpha = Math.max(...parameters);
        const amplified = (1 + alpha) / (1 - alpha);
        if (!trained(s).some((i) => gain(i) !== 0)) return error;
        return 2 * amplified * error + result * (summing * (1 + amplified) + 12 * U) + TINY;
      }
      case "baseline-corrected": {
        const { added, count, error: credited } = groupCredit.get(groupIds![s]!)!;
        const mean = added / count;
        const adding = summing + (Math.ceil(numSequences / 64) + 12) * U;
        return (1 + gain(t)) * error + credited + mean * adding +
          U * (4 * gain(t) * magnitude + 3 * mean + 2 * result) + TINY;
      }
      case "high-entropy-advantage": {
        const [alpha, kappa] = parameters as [number, number];
        const bonus = Math.max(3 * alpha * Math.abs(entropies![t]!), 8 * magnitude / kappa);
        return (1 + 1 / kappa) * error + U * (bonus + 2 * result) + TINY;
      }
      default: {
        const beta = formula === "surprisal-weighting" ? parameters[0]! : parameters[1]!;
        const boost = formula === "planning-boost" ? parameters[0]! : 0;
        // The ratio of surprisals, before or after shaping, whichever is larger.
        const mean = meanSurprisals[s]!;
        const ratio = mean > 0 ? Math.max(1, surprisal(t) / mean) + boost : 1;
        const weight = 1 + beta * (ratio + 1);
        return weight * error +
          magnitude * (beta * ratio * 3 * (summing + 8 * U) + 4 * U * weight) +
          U * 2 * result + TINY;
      }
    }
  });
}

function standardDeviation(values: readonly number[], ddof: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - ddof),
  );
}
