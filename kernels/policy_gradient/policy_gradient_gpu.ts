import { uploadRanges } from "../_dispatch.ts";
import { transfer } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { DTYPE_BYTES } from "../logit_dtype.ts";
import { checkLogitArrays } from "../logits/_check_logits.ts";
import { LogitStatsKernel } from "../logits/gpu.ts";
import { ACTION, checkTerms, objectiveOf } from "./_objective.ts";
import { PolicyGradientKernel } from "./gpu.ts";
import type { PolicyGradientOptions } from "./options.ts";
import { badToken, type PolicyGradient, type PolicyGradientInputs } from "./reference.ts";

/**
 * Computes the policy gradient on a GPU: the twin of `policyGradient`, with the same inputs, outputs and
 * errors.
 *
 * The arithmetic is f32. A probability is off by a relative `2^-23 * (16 + |logsumexp| + d)`, with `d` the
 * distance of its logit from the logsumexp; a gradient by that, times `w/T * (|slope| + entropyBonus *
 * (d + H))`, and one rounding to the dtype. Runs on one device give equal bits.
 *
 * This compiles, uploads and reads back gradients of the logits' size. A loop whose logits live on the GPU
 * uses `PolicyGradientKernel`.
 *
 * @example Usage
 * ```ts
 * import { GpuUnavailableError, policyGradientGpu, requestDevice } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const device = await requestDevice().catch((error) => {
 *   if (error instanceof GpuUnavailableError) return null;
 *   throw error;
 * });
 * if (device !== null) {
 *   const { gradients } = await policyGradientGpu(device, {
 *     logits: Float32Array.of(0, 0),
 *     tokenIds: Int32Array.of(1),
 *     oldLogprobs: Float32Array.of(Math.log(1 / 2)),
 *     advantages: Float32Array.of(1.2),
 *     weights: Float32Array.of(1),
 *   }, { vocabSize: 2 });
 *   assert.ok(Math.abs(gradients[0]! - 0.6) < 1e-6);
 *   device.destroy();
 * }
 * ```
 *
 * @param device Where to run, from `requestDevice`; stays the caller's.
 * @param inputs Logits and what each token brings.
 * @param options The objective.
 * @returns Gradients and losses, freshly allocated.
 * @throws {TypeError} If the logits' array is not that of the dtype, or refLogprobs are missing.
 * @throws {RangeError} If an option, a length or a value is out of range, a token that counts has no
 * distribution or probability 0, or a row does not fit the device's buffers.
 * @throws {ShaderError} If the device's compiler refuses a shader.
 * @throws {GpuWrongResultError} If the device computes something else than `policyGradient`.
 */
export async function policyGradientGpu(
  device: GPUDevice,
  inputs: PolicyGradientInputs,
  options: PolicyGradientOptions,
): Promise<PolicyGradient> {
  const objective = objectiveOf(options);
  const { vocabSize, dtype, temperature, klPenalty } = objective;
  const { logits, weights } = inputs;
  checkLogitArrays(ACTION, { ...inputs, lossMask: undefined }, objective);
  const numTokens = inputs.tokenIds.length;
  checkTerms(inputs, objective);
  const tokenIds = inputs.tokenIds.map((id, t) => weights[t] === 0 ? -1 : id);
  const forward = await LogitStatsKernel.compile(device, { vocabSize, dtype, temperature });
  const backward = await PolicyGradientKernel.compile(device, { ...options, inPlace: true });
  const pool = new BufferPool(device);
  const rowBytes = vocabSize * DTYPE_BYTES[dtype];
  const gradients = dtype === "f32"
    ? new Float32Array(logits.length)
    : new Uint16Array(logits.length);
  const losses = new Float32Array(numTokens);
  try {
    for (const [start, end] of uploadRanges(numTokens, rowBytes, device.limits)) {
      const tokens = end - start;
      const result = await transfer(pool, "hicra policy gradient", (transfers, encoder) => {
        const upload = (name: "oldLogprobs" | "advantages" | "weights" | "refLogprobs") =>
          transfers.upload(name, inputs[name]!.subarray(start, end));
        const output = (name: string) => transfers.output(name, 4 * tokens);
        const rows = transfers.uploadInPlace(
          "logits",
          logits.subarray(start * vocabSize, end * vocabSize),
        );
        const buffers = {
          logits: rows,
          tokenIds: transfers.upload("tokenIds", tokenIds.subarray(start, end)),
          logprobs: output("logprobs"),
          entropies: output("entropies"),
          logsumexps: output("logsumexps"),
          argmaxes: output("argmaxes"),
          oldLogprobs: upload("oldLogprobs"),
          advantages: upload("advantages"),
          weights: upload("weights"),
          refLogprobs: klPenalty === 0 ? undefined : upload("refLogprobs"),
          losses: output("losses"),
          gradients: rows,
        };
        forward.encode(encoder, buffers, tokens);
        backward.encode(encoder, buffers, tokens);
        return {
          gradients: { buffer: rows, bytes: tokens * rowBytes },
          losses: { buffer: buffers.losses, bytes: 4 * tokens },
        };
      });
      const piece = dtype === "f32"
        ? new Float32Array(result.gradients)
        : new Uint16Array(result.gradients);
      gradients.set(piece, start * vocabSize);
      losses.set(new Float32Array(result.losses), start);
    }
  } finally {
    pool.destroy();
    backward.destroy();
    forward.destroy();
  }
  const bad = losses.findIndex(Number.isNaN);
  if (bad !== -1) throw badToken(inputs, bad, objective);
  return { gradients, losses };
}
