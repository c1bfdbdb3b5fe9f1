import type { Comparison } from "../_self_check.ts";
import type { Credit } from "./_resolve_credit.ts";
import type { CreditBatch, CreditOptions } from "./options.ts";
import { creditOnCpu } from "./_reference.ts";

const SEQUENCES = 70;
const sequences = <T>(value: (s: number) => T) =>
  Array.from({ length: SEQUENCES }, (_, s) => value(s));

/**
 * More sequences and tokens than a workgroup takes at once. Rewards are such that f32 holds them; kinds and
 * surprisals are not the same along a sequence, so that a sum over a part of it is another.
 */
function checkedBatch(): Required<Omit<CreditBatch, "include">> {
  const offsets = new Int32Array(SEQUENCES + 1);
  const lengths = sequences((s) => s === 2 ? 1_500 : s % 5);
  lengths.forEach((length, s) => offsets[s + 1] = offsets[s]! + length);
  const numTokens = offsets[SEQUENCES]!;
  const repeated = (values: readonly number[]) =>
    Array.from({ length: numTokens }, (_, t) => values[t % values.length]!);
  return {
    offsets,
    groupIds: Int32Array.from(sequences((s) => 3 * (s % 8))),
    lossMask: Uint8Array.from(repeated([1, 1, 1, 1, 1, 0, 1])),
    kinds: Uint8Array.from({ length: numTokens }, (_, t) => t < numTokens / 3 ? 1 + t % 4 : 0),
    rewards: Float32Array.from(sequences((s) => (Math.floor(s / 8) * 5 + s) % 8 / 8)),
    advantages: Float32Array.from(repeated([1, -0.5, 0, 2, -1])),
    entropies: Float32Array.from(repeated([2, 0.25, 1, 0, 0.5])),
    oldLogprobs: Float32Array.from({ length: numTokens }, (_, t) => -t % 7 - 4 * t / numTokens),
  };
}

/** Credits a few tokens both ways, with sequences left out and without. */
export async function compareCredit(
  compute: (batch: CreditBatch) => Promise<Float32Array>,
  options: CreditOptions,
  { from, formula, parameters }: Credit,
): Promise<Comparison[]> {
  const whole = checkedBatch();
  const advantages = from === "sequences"
    ? Float32Array.from(sequences((s) => [1, -0.5, 0.25, 2, -1][s % 5]!))
    : whole.advantages;
  const batch = { ...whole, advantages };
  const batches = from === "rewards"
    ? [batch, { ...batch, include: Uint8Array.from(sequences((s) => s % 6 === 3 ? 0 : 1)) }]
    : [batch];
  // What the transform multiplies by, at most. On this batch the bounds of every option are below a tenth of it.
  const alpha = Math.max(...parameters, 0);
  const gain = formula === "mass-preserving" ? (1 + alpha) / (1 - alpha) : 1 + alpha;
  const comparisons: Comparison[] = [];
  for (const each of batches) {
    const expected = creditOnCpu(each, options);
    comparisons.push({
      name: "advantages",
      actual: await compute(each),
      expected,
      bound: (t) => 2 ** -12 * gain * (1 + Math.abs(expected[t]!)),
    });
  }
  return comparisons;
}
