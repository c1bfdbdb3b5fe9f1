import { type LogitDtype, logitReader, type Logits } from "../logit_dtype.ts";
import {
  badRow,
  checkLogitArrays,
  checkSettings,
  checkTopK,
  type LogitSettings,
  LOWEST,
} from "./_check_logits.ts";

/** Options of `logitStats` and its twins. */
export interface LogitStatsOptions {
  /** Entries of the vocabulary: logits of one token. */
  readonly vocabSize: number;
  /** Element type of the logits; `"f32"` when left out. */
  readonly dtype?: LogitDtype;
  /** What logits are divided by before the softmax; 1 when left out. */
  readonly temperature?: number;
  /** Sum the probabilities of so many most likely entries, 0 to 64; 0 (no sum) when left out. */
  readonly topK?: number;
  /**
   * `[tokens]`, 0 or 1: tokens with 0 are left out, as are those with a negative id: they are not read and
   * get 0 everywhere, -1 in `argmaxes`. All count when left out.
   */
  readonly lossMask?: Uint8Array | undefined;
}

/** What the logits of each token say; natural logarithms, so entropies are in nats. */
export interface LogitStats {
  /** `[tokens]`: log-probability of the token's id; -Infinity where its logit is. */
  readonly logprobs: Float32Array;
  /** `[tokens]`: entropy of the distribution over the whole vocabulary, at least 0. */
  readonly entropies: Float32Array;
  /** `[tokens]`: `log(sum(exp(logits / temperature)))`, which the backward pass takes up. */
  readonly logsumexps: Float32Array;
  /** `[tokens]`: the most likely entry, the first of equal ones. */
  readonly argmaxes: Int32Array;
  /** `[tokens]`: sum of the `topK` largest probabilities; all 0 for `topK` 0. */
  readonly topKMasses: Float32Array;
}

const ACTION = "compute logit statistics";

/**
 * Turns logits into the log-probability of each sampled token and the entropy of its distribution, in
 * float64: the definition that `LogitStatsKernel` and the onnxruntime path are held against.
 *
 * With `p = softmax(logits / temperature)`: `logprob = log p[id]`, `entropy = -sum p log p`. A logit of
 * -Infinity, as a masked vocabulary has, is probability 0 and adds nothing. The largest logit is
 * subtracted first, so no logit is too large. NaN, +Infinity, and a token without any logit above the
 * lowest f32 are errors that name the place. No tokens give no values.
 *
 * @example Usage
 * ```ts
 * import { logitStats } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const logits = Float32Array.of(0, 0, -Infinity, 0, 1, -1); // two tokens, three entries
 * const { logprobs, entropies, argmaxes } = logitStats(logits, Int32Array.of(1, 1), {
 *   vocabSize: 3,
 * });
 * assert.ok(Math.abs(logprobs[0]! - Math.log(1 / 2)) < 1e-7);
 * assert.ok(Math.abs(entropies[0]! - Math.log(2)) < 1e-7);
 * assert.deepEqual(argmaxes, Int32Array.of(0, 1));
 * ```
 *
 * @param logits `[tokens x vocabSize]`, row by row.
 * @param tokenIds `[tokens]`: the sampled entry of each row; below 0 (such as -100) the token is left out.
 * @param options Vocabulary, element type, temperature, what else to compute.
 * @returns Statistics of each token, freshly allocated, rounded once to f32.
 * @throws {TypeError} If the logits' array is not that of the dtype.
 * @throws {RangeError} If an option, a length or an id is out of range, or a token has no distribution.
 */
export function logitStats(
  logits: Logits,
  tokenIds: Int32Array,
  options: LogitStatsOptions,
): LogitStats {
  const { vocabSize, dtype = "f32", temperature = 1, topK = 0, lossMask } = options;
  const settings: LogitSettings = { vocabSize, dtype, temperature };
  checkSettings(ACTION, settings);
  checkTopK(topK);
  checkLogitArrays(ACTION, { logits, tokenIds, lossMask }, settings);
  const numTokens = tokenIds.length;
  const logprobs = new Float32Array(numTokens);
  const entropies = new Float32Array(numTokens);
  const logsumexps = new Float32Array(numTokens);
  const argmaxes = new Int32Array(numTokens).fill(-1);
  const topKMasses = new Float32Array(numTokens);
  const read = logitReader(logits, dtype);
  const row = new Float64Array(vocabSize);
  for (let t = 0; t < numTokens; t++) {
    if (lossMask?.[t] === 0 || tokenIds[t]! < 0) continue;
    let argmax = 0;
    let unusual = false;
    for (let v = 0; v < vocabSize; v++) {
      const logit = read(t * vocabSize + v);
      unusual ||= Number.isNaN(logit) || logit === Infinity;
      row[v] = logit;
      if (logit > row[argmax]!) argmax = v;
    }
    const largest = row[argmax]!;
    if (unusual || largest <= LOWEST) throw badRow(ACTION, logits, t, settings);
    let sum = 0;
    let weighted = 0;
    for (let v = 0; v < vocabSize; v++) {
      row[v] = (row[v]! - largest) / temperature;
      const weight = Math.exp(row[v]!);
      sum += weight;
      if (weight > 0) weighted += weight * row[v]!;
    }
    logprobs[t] = row[tokenIds[t]!]! - Math.log(sum);
    entropies[t] = Math.max(0, Math.log(sum) - weighted / sum);
    logsumexps[t] = largest / temperature + Math.log(sum);
    argmaxes[t] = argmax;
    if (topK > 0) {
      const most = row.toSorted().subarray(Math.max(0, vocabSize - topK));
      topKMasses[t] = most.reduce((mass, value) => mass + Math.exp(value), 0) / sum;
    }
  }
  return { logprobs, entropies, logsumexps, argmaxes, topKMasses };
}
