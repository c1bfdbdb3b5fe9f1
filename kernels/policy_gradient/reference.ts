import { InputRangeError } from "../../batch/mod.ts";
import { logitReader, type Logits, logitWriter } from "../logit_dtype.ts";
import { badRow, checkLogitArrays, LOWEST } from "../logits/_check_logits.ts";
import {
  ACTION,
  checkTerms,
  LOG_RATIO_LIMIT,
  type Objective,
  objectiveOf,
  type TokenTerms,
} from "./_objective.ts";
import type { PolicyGradientOptions } from "./options.ts";

/** What {@linkcode policyGradient} takes for each token. */
export interface PolicyGradientInputs extends TokenTerms {
  /** `[tokens x vocabSize]`, row by row. */
  readonly logits: Logits;
  /** `[tokens]`: the sampled entry of each row; below 0 (such as -100) the token is left out. */
  readonly tokenIds: Int32Array;
}

/** The loss and its gradient. */
export interface PolicyGradient {
  /** `[tokens x vocabSize]`, of the logits' type: derivative of the summed loss by each logit. */
  readonly gradients: Logits;
  /** `[tokens]`: weighted loss of each token. */
  readonly losses: Float32Array;
}

/**
 * Computes the gradient of the clipped GRPO objective, with the host's or HICRA's advantages, by the
 * logits, in float64: the definition that `policyGradientGpu` is held against.
 *
 * With `r = exp(logprob - oldLogprob)` (its logarithm cut at ±20, as verl does), the loss of a token is
 * `-w * (min(r*A, clip(r, 1 - clipLow, 1 + clipHigh)*A) + entropyBonus*H) + w * klPenalty * k3` with
 * `k3 = exp(ref - logprob) - (ref - logprob) - 1`, its logarithm cut in the same way; with a `dualClip` c the first term is at least `c*A`
 * where `A < 0`. By the logits, `d logprob / d z_v = (1[v = id] - p_v) / T` and
 * `d H / d z_v = -p_v * (log p_v + H) / T`. Weights hold the loss mask and the normalization: 1 over the
 * number of tokens for a mean over tokens, 1 over the length of the sequence for a mean over sequences.
 *
 * A masked logit (-Infinity) has gradient 0; where it is the sampled one the token is an error. Tokens with
 * weight 0 or a negative id get gradient 0, whatever else stands there.
 *
 * @see {@link https://arxiv.org/abs/2402.03300 | GRPO}, {@link https://arxiv.org/abs/2509.03646 | HICRA},
 * {@link https://arxiv.org/abs/1912.09729 | dual clip}, {@link http://joschu.net/blog/kl-approx.html | k3}.
 *
 * @example Usage
 * ```ts
 * import { policyGradient } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const { gradients, losses } = policyGradient({
 *   logits: Float32Array.of(0, 0), // one token, two equally likely entries
 *   tokenIds: Int32Array.of(1),
 *   oldLogprobs: Float32Array.of(Math.log(1 / 2)),
 *   advantages: Float32Array.of(1.2),
 *   weights: Float32Array.of(1),
 * }, { vocabSize: 2 });
 * assert.ok(Math.abs(losses[0]! + 1.2) < 1e-6);
 * assert.ok(Math.abs(gradients[0]! - 0.6) < 1e-6 && Math.abs(gradients[1]! + 0.6) < 1e-6);
 * ```
 *
 * @param inputs Logits and what each token brings.
 * @param options The objective.
 * @returns Gradients and losses, freshly allocated, rounded once.
 * @throws {TypeError} If the logits' array is not that of the dtype, or refLogprobs are missing.
 * @throws {RangeError} If an option, a length or a value is out of range, or a token that counts has no
 * distribution, probability 0, or a loss that f32 cannot hold.
 */
export function policyGradient(
  inputs: PolicyGradientInputs,
  options: PolicyGradientOptions,
): PolicyGradient {
  const objective = objectiveOf(options);
  const { vocabSize, dtype, temperature } = objective;
  const { logits, tokenIds, weights } = inputs;
  checkLogitArrays(ACTION, { logits, tokenIds, lossMask: undefined }, objective);
  const numTokens = tokenIds.length;
  checkTerms(inputs, objective);
  const gradients = dtype === "f32"
    ? new Float32Array(logits.length)
    : new Uint16Array(logits.length);
  const losses = new Float32Array(numTokens);
  const read = logitReader(logits, dtype);
  const write = logitWriter(gradients, dtype);
  const logProbabilities = new Float64Array(vocabSize);
  for (let t = 0; t < numTokens; t++) {
    const weight = weights[t]!;
    const id = tokenIds[t]!;
    if (weight === 0 || id < 0) continue;
    const begin = t * vocabSize;
    let largest = -Infinity;
    for (let v = 0; v < vocabSize; v++) {
      const logit = read(begin + v);
      if (Number.isNaN(logit) || logit === Infinity) throw badRow(ACTION, logits, t, objective);
      largest = Math.max(largest, logit);
    }
    if (largest <= LOWEST) throw badRow(ACTION, logits, t, objective);
    let sum = 0;
    for (let v = 0; v < vocabSize; v++) {
      logProbabilities[v] = (read(begin + v) - largest) / temperature;
      sum += Math.exp(logProbabilities[v]!);
    }
    let entropy = 0;
    for (let v = 0; v < vocabSize; v++) {
      logProbabilities[v]! -= Math.log(sum);
      const p = Math.exp(logProbabilities[v]!);
      if (p > 0) entropy -= p * logProbabilities[v]!;
    }
    const logprob = logProbabilities[id]!;
    if (logprob === -Infinity) throw badToken(inputs, t, objective);
    const { loss, slope } = tokenLoss(logprob, t, inputs, objective);
    losses[t] = weight * (loss - objective.entropyBonus * entropy);
    const overflows = !Number.isFinite(losses[t]!) || !Number.isFinite(Math.fround(weight * slope));
    if (overflows) throw badToken(inputs, t, objective);
    for (let v = 0; v < vocabSize; v++) {
      const logp = logProbabilities[v]!;
      const p = Math.exp(logp);
      const byEntropy = p > 0 ? objective.entropyBonus * p * (logp + entropy) : 0;
      write(begin + v, weight * (slope * (Number(v === id) - p) + byEntropy) / temperature);
    }
  }
  return { gradients, losses };
}

/** The loss of a token without weight and entropy, and its derivative by the logprob. */
function tokenLoss(
  logprob: number,
  token: number,
  { oldLogprobs, advantages, refLogprobs }: TokenTerms,
  { clipLow, clipHigh, dualClip, klPenalty }: Objective,
): { loss: number; slope: number } {
  const advantage = advantages[token]!;
  const logRatio = logprob - oldLogprobs[token]!;
  const isCut = Math.abs(logRatio) > LOG_RATIO_LIMIT;
  const ratio = Math.exp(Math.max(-LOG_RATIO_LIMIT, Math.min(logRatio, LOG_RATIO_LIMIT)));
  const low = advantage < 0 ? 1 - clipLow : 0;
  const high = advantage < 0 ? dualClip : 1 + clipHigh;
  const clipped = Math.max(low, Math.min(ratio, high));
  let loss = -clipped * advantage;
  let slope = clipped === ratio && !isCut ? -ratio * advantage : 0;
  if (klPenalty !== 0) {
    const distance = refLogprobs![token]! - logprob;
    const cut = Math.max(-LOG_RATIO_LIMIT, Math.min(distance, LOG_RATIO_LIMIT));
    loss += klPenalty * (Math.expm1(cut) - cut);
    if (cut === distance) slope -= klPenalty * Math.expm1(distance);
  }
  return { loss, slope };
}

/** The error of a token whose gradient cannot be computed. */
export function badToken(
  { logits, tokenIds, advantages, weights }: PolicyGradientInputs,
  token: number,
  objective: Objective,
): InputRangeError {
  const id = tokenIds[token]!;
  const begin = token * objective.vocabSize;
  const row = Array.from({ length: objective.vocabSize }, (_, v) => begin + v)
    .map(logitReader(logits, objective.dtype));
  const hasDistribution = row.every((logit) => logit < Infinity) &&
    row.some((logit) => logit > LOWEST);
  if (!hasDistribution) return badRow(ACTION, logits, token, objective);
  if (row[id]! > -Infinity) {
    return new InputRangeError(
      `Cannot ${ACTION} as the loss of token ${token} and its derivative must fit f32: its advantage is ` +
        `${advantages[token]}, its weight ${weights[token]}`,
    );
  }
  return new InputRangeError(
    `Cannot ${ACTION} as a sampled token must have a probability above 0: entry ${id} of token ` +
      `${token} has logit ${row[id]}, set weights[${token}] to 0 to leave the token out`,
  );
}
