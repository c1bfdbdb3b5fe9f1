import type { Comparison } from "../_self_check.ts";
import { logitReader, type Logits } from "../logit_dtype.ts";
import { checkedLogits } from "../logits/_compare.ts";
import { type LogitStats, logitStats } from "../logits/reference.ts";
import type { Objective } from "./_objective.ts";
import { type PolicyGradient, policyGradient, type PolicyGradientInputs } from "./reference.ts";

/** Computes the gradients of a few rows both ways. */
export async function compareGradients(
  compute: (inputs: PolicyGradientInputs, stats: LogitStats) => Promise<PolicyGradient>,
  objective: Objective,
): Promise<Comparison[]> {
  const { vocabSize, dtype, temperature, clipHigh, dualClip, entropyBonus, klPenalty } = objective;
  const { logits, tokenIds } = checkedLogits(objective);
  const stats = logitStats(logits, tokenIds, { vocabSize, dtype, temperature });
  // A success within the clip, one above it and a failure within, none near an edge; the last is left out.
  const ratios = [0.5, 2 * (1 + clipHigh), 1 + (Math.min(dualClip, 2) - 1) / 2, 1];
  const advantages = [1, 1, -1, 1];
  const weight = Math.min(temperature, 1);
  const inputs: PolicyGradientInputs = {
    logits,
    tokenIds,
    oldLogprobs: stats.logprobs.map((logprob, t) => logprob - Math.log(ratios[t % 4]!)),
    refLogprobs: stats.logprobs.map((logprob) => logprob + 0.25),
    advantages: Float32Array.from(tokenIds, (_, t) => advantages[t % 4]!),
    weights: new Float32Array(tokenIds.length).fill(weight),
  };
  const expected = policyGradient(inputs, objective);
  const actual = await compute(inputs, stats);
  // The terms of a loss and their slopes. A probability's error of the documented 2^-23 * (16 + |logsumexp| + d)
  // is below 2^-16 at these logits.
  const entropy = Math.abs(entropyBonus) * (12 + Math.log(vocabSize));
  const size = 2 * (1 + clipHigh) + Math.abs(klPenalty) + entropy;
  const numbers = (values: Logits) =>
    Array.from({ length: values.length }, (_, i) => i).map(logitReader(values, dtype));
  const gradients = numbers(expected.gradients);
  return [
    {
      name: "losses",
      actual: actual.losses,
      expected: expected.losses,
      bound: () => 2 ** -14 * weight * size,
    },
    {
      name: "gradients",
      actual: numbers(actual.gradients),
      expected: gradients,
      bound: (i) => 2 ** -14 * weight / temperature * size + unit(dtype, gradients[i]!),
    },
  ];
}

/** One unit in the last place: the two may round to neighbors. */
function unit(dtype: Objective["dtype"], value: number): number {
  const { relative, least } = {
    f32: { relative: 2 ** -23, least: 2 ** -126 },
    f16: { relative: 2 ** -10, least: 2 ** -24 },
    bf16: { relative: 2 ** -7, least: 2 ** -126 },
  }[dtype];
  return Math.max(relative * Math.abs(value), least);
}
