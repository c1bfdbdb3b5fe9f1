import type { Credit } from "./_resolve_credit.ts";
import type { CreditBatch } from "./options.ts";

/** The transform of token advantages in f64, rounded once to f32; tokens that are not trained pass. */
export function transformTokens(
  advantages: Float32Array,
  batch: CreditBatch,
  credit: Credit,
): Float32Array {
  switch (credit.formula) {
    case "none":
      return advantages;
    case "hicra":
      return eachTrained(advantages, batch, (advantage, t) => {
        const added = addedCredit(advantage, t, batch, credit);
        // An untouched token keeps its bits: -0 + 0 would be 0.
        return added === 0 ? undefined : advantage + added;
      });
    case "mass-preserving":
      return preserveMass(advantages, batch, credit);
    case "baseline-corrected":
      return correctBaseline(advantages, batch, credit);
    case "high-entropy-advantage": {
      const [alpha, kappa] = credit.parameters;
      return eachTrained(
        advantages,
        batch,
        (advantage, t) =>
          advantage === 0
            ? undefined
            : advantage + Math.min(alpha! * batch.entropies![t]!, Math.abs(advantage) / kappa!),
      );
    }
    default:
      return weighSurprisals(advantages, batch, credit);
  }
}

/** What a planning token gains; 0 for an execution token. */
function addedCredit(
  advantage: number,
  t: number,
  { kinds }: CreditBatch,
  { form, parameters }: Credit,
): number {
  const gain = parameters[kinds![t]!]!;
  if (form === "symmetric") return gain * advantage;
  return gain * (form === "paper" ? Math.abs(advantage) : Math.max(advantage, 0));
}

function preserveMass(advantages: Float32Array, batch: CreditBatch, credit: Credit): Float32Array {
  const scales = eachSequence(batch, (tokens) => {
    let before = 0;
    let after = 0;
    let isTouched = false;
    for (const t of tokens) {
      const advantage = advantages[t]!;
      const added = addedCredit(advantage, t, batch, credit);
      before += Math.abs(advantage);
      after += Math.abs(advantage + added);
      isTouched ||= added !== 0;
    }
    return isTouched ? before / after : undefined;
  });
  return eachTrained(advantages, batch, (advantage, t, s) => {
    const scale = scales[s];
    if (scale === undefined || advantage === 0) return undefined;
    return (advantage + addedCredit(advantage, t, batch, credit)) * scale;
  });
}

function correctBaseline(
  advantages: Float32Array,
  batch: CreditBatch,
  credit: Credit,
): Float32Array {
  const totals = new Map<number, { sum: number; count: number }>();
  eachSequence(batch, (tokens, s) => {
    const total = totals.get(batch.groupIds![s]!) ?? { sum: 0, count: 0 };
    totals.set(batch.groupIds![s]!, total);
    for (const t of tokens) {
      total.sum += addedCredit(advantages[t]!, t, batch, credit);
      total.count++;
    }
  });
  return eachTrained(advantages, batch, (advantage, t, s) => {
    const { sum, count } = totals.get(batch.groupIds![s]!)!;
    if (sum === 0) return undefined;
    return advantage + (addedCredit(advantage, t, batch, credit) - sum / count);
  });
}

function weighSurprisals(
  advantages: Float32Array,
  batch: CreditBatch,
  { formula, parameters }: Credit,
): Float32Array {
  const [first, second] = parameters as [number, number];
  const beta = formula === "surprisal-weighting" ? first : second;
  // A logprob that rounding left just above 0 is a surprisal of 0.
  const surprisals = batch.oldLogprobs!.map((logprob) => Math.max(0, -logprob));
  const shaped = surprisals.slice();
  const means = eachSequence(batch, (tokens) => {
    if (formula === "sepa") {
      const execution = tokens.filter((t) => batch.kinds![t] === 0);
      const mean = meanOver(surprisals, execution);
      for (const t of execution) shaped[t] = first * mean + (1 - first) * surprisals[t]!;
    } else if (formula === "planning-boost") {
      const mean = meanOver(surprisals, tokens);
      for (const t of tokens) {
        if (batch.kinds![t] !== 0) shaped[t] = surprisals[t]! + first * mean;
      }
    }
    return meanOver(shaped, tokens);
  });
  return eachTrained(advantages, batch, (advantage, t, s) => {
    const mean = means[s]!;
    if (!(mean > 0)) return undefined;
    return advantage * Math.max(0, 1 + beta * (shaped[t]! / mean - 1));
  });
}

function meanOver(values: Float32Array, tokens: readonly number[]): number {
  return tokens.reduce((sum, t) => sum + values[t]!, 0) / tokens.length;
}

/** Calls `make` with the trained tokens of every sequence. */
function eachSequence<Value>(
  { offsets, lossMask }: CreditBatch,
  make: (tokens: number[], s: number) => Value,
): Value[] {
  return Array.from({ length: offsets.length - 1 }, (_, s) => {
    const tokens: number[] = [];
    for (let t = offsets[s]!; t < offsets[s + 1]!; t++) if (lossMask[t] === 1) tokens.push(t);
    return make(tokens, s);
  });
}

/** Replaces the advantage of trained tokens where `change` returns one. */
function eachTrained(
  advantages: Float32Array,
  batch: CreditBatch,
  change: (advantage: number, t: number, s: number) => number | undefined,
): Float32Array {
  // A copy, not a loop of assignments: those may change the bits of a NaN.
  const out = advantages.slice();
  eachSequence(batch, (tokens, s) => {
    for (const t of tokens) {
      const changed = change(advantages[t]!, t, s);
      if (changed !== undefined) out[t] = changed;
    }
  });
  return out;
}
