import { type Batch, checkMeasured, Flag, InputRangeError } from "../../batch/mod.ts";
import { type Datum, modelInput, type SampledSequence } from "./protocol.ts";

/** The fields of a batch that sampled sequences fill. */
export type SampledBatch =
  & Pick<Batch, "offsets" | "lossMask">
  & Required<Pick<Batch, "tokenIds" | "oldLogprobs" | "groupIds" | "flags">>;

/**
 * Packs samples into a ragged batch, one sequence per sample; add `rewards`, or `advantages`, and it is
 * ready for a hook. Every token counts as trained on, and a sample cut at its length as truncated.
 *
 * @example Usage
 * ```ts
 * import { batchFromSamples } from "@hicra/hicra/tinker";
 * import assert from "node:assert/strict";
 *
 * const tokens = Int32Array.of(7, 8);
 * const logprobs = Float32Array.of(-0.5, -0.25);
 * const sample = { tokens, logprobs, stopReason: "stop" };
 * const { offsets, groupIds } = batchFromSamples([[sample, sample], [sample, sample]]);
 * assert.deepEqual(offsets, Int32Array.of(0, 2, 4, 6, 8));
 * assert.deepEqual(groupIds, Int32Array.of(0, 0, 1, 1));
 * ```
 *
 * @param groups The samples of each prompt.
 * @returns The batch, sequences in order.
 */
export function batchFromSamples(groups: readonly (readonly SampledSequence[])[]): SampledBatch {
  const samples = groups.flat();
  const offsets = new Int32Array(samples.length + 1);
  samples.forEach(({ tokens }, s) => offsets[s + 1] = offsets[s]! + tokens.length);
  const numTokens = offsets[samples.length]!;
  const tokenIds = new Int32Array(numTokens);
  const oldLogprobs = new Float32Array(numTokens);
  samples.forEach(({ tokens, logprobs }, s) => {
    tokenIds.set(tokens, offsets[s]);
    oldLogprobs.set(logprobs, offsets[s]);
  });
  return {
    offsets,
    tokenIds,
    oldLogprobs,
    lossMask: new Uint8Array(numTokens).fill(1),
    groupIds: Int32Array.from(groups.flatMap((group, g) => group.map(() => g))),
    flags: Uint8Array.from(
      samples,
      ({ stopReason }) => stopReason === "length" ? Flag.truncated : 0,
    ),
  };
}

/**
 * Turns a batch and its token advantages into datums, one per sequence, in order.
 *
 * A batch holds a value at the token it belongs to, a datum at the position that predicts that token,
 * one to the left: `advantages[k]` credits `targetTokens[k]`. Positions that predict prompt tokens, and
 * tokens whose `lossMask` is 0, get an advantage, a log-probability and a weight of 0.
 *
 * @example Usage
 * ```ts
 * import { datumsFromBatch } from "@hicra/hicra/tinker";
 * import assert from "node:assert/strict";
 *
 * const [datum] = datumsFromBatch(
 *   {
 *     offsets: Int32Array.of(0, 2),
 *     tokenIds: Int32Array.of(7, 8),
 *     lossMask: Uint8Array.of(1, 1),
 *     oldLogprobs: Float32Array.of(-0.5, -0.25),
 *   },
 *   Float32Array.of(1.5, 1), // token 7 is a planning token
 *   [[3, 4]],
 * );
 * assert.deepEqual(Array.from(datum!.modelInput.chunks[0]!.tokens), [3, 4, 7]);
 * assert.deepEqual(datum!.lossFnInputs.targetTokens, Int32Array.of(4, 7, 8));
 * assert.deepEqual(datum!.lossFnInputs.advantages, Float32Array.of(0, 1.5, 1));
 * ```
 *
 * @param batch The sequences.
 * @param advantages `[tokens]`: what a hook returned for it.
 * @param prompts By sequence, the tokens before its first.
 * @returns The datums.
 * @throws {RangeError} If `advantages` or `prompts` are too few or too many, a prompt is empty (nothing
 * predicts the first token of a text), or a log-probability is not finite where `lossMask` is 1, as the
 * server's loss reads it.
 */
export function datumsFromBatch(
  batch:
    & Pick<Batch, "offsets" | "lossMask">
    & Required<Pick<Batch, "tokenIds" | "oldLogprobs">>,
  advantages: Float32Array,
  prompts: readonly ArrayLike<number>[],
): Datum[] {
  const { offsets, tokenIds, lossMask, oldLogprobs } = batch;
  const numSequences = offsets.length - 1;
  if (prompts.length !== numSequences) {
    throw new InputRangeError(
      `Cannot make datums as prompts must be one per sequence: ${prompts.length} for ` +
        `${numSequences} sequences, repeat the prompt of a group`,
    );
  }
  if (advantages.length !== tokenIds.length) {
    throw new InputRangeError(
      `Cannot make datums as advantages must be one per token: ${advantages.length} for ` +
        `${tokenIds.length} tokens, pass those that the hook returned`,
    );
  }
  checkMeasured("make datums", "oldLogprobs", batch);
  return prompts.map((prompt, s) => {
    if (prompt.length === 0) {
      throw new InputRangeError(
        `Cannot make datums as a prompt must hold at least one token: prompts[${s}] is empty, start ` +
          "it with the token that begins a text",
      );
    }
    const start = offsets[s]!;
    const response = tokenIds.subarray(start, offsets[s + 1]);
    const length = prompt.length + response.length - 1;
    const sequence = new Int32Array(length + 1);
    sequence.set(prompt);
    sequence.set(response, prompt.length);
    const predicted = (values: ArrayLike<number>) => {
      const row = new Float32Array(length);
      for (let t = 0; t < response.length; t++) {
        if (lossMask[start + t] === 1) row[prompt.length - 1 + t] = values[start + t]!;
      }
      return row;
    };
    return {
      modelInput: modelInput(sequence.subarray(0, length)),
      lossFnInputs: {
        targetTokens: sequence.subarray(1),
        weights: predicted(lossMask),
        advantages: predicted(advantages),
        logprobs: predicted(oldLogprobs),
      },
    };
  });
}
