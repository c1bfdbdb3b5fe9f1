import { InputRangeError } from "../../batch/mod.ts";
import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { compilePipeline } from "../_compile_pipeline.ts";
import { rowRanges } from "../_dispatch.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import { selfCheck } from "../_self_check.ts";
import { lanesOf } from "../_logit_wgsl.ts";
import { transfer, wholeVectors } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { DTYPE_BYTES } from "../logit_dtype.ts";
import type { LogitStats } from "../logits/reference.ts";
import { compareGradients } from "./_compare.ts";
import { type Objective, objectiveOf } from "./_objective.ts";
import type { PolicyGradientBuffers } from "./buffers.ts";
import type { PolicyGradient, PolicyGradientInputs } from "./reference.ts";
import type { PolicyGradientOptions } from "./options.ts";
import { gradientsShader, KL_SHADER, slopesShader, WORKGROUP_SIZE } from "./shader.ts";

/** Options of {@linkcode PolicyGradientKernel.compile}. */
export interface PolicyGradientKernelOptions extends PolicyGradientOptions {
  /** Write the gradients over the logits, which halves the memory; false when left out. */
  readonly inPlace?: boolean;
}

/** The dispatches of a run; that of the KL penalty where there is one. */
interface Pipelines {
  readonly kl: GPUComputePipeline | null;
  readonly slopes: GPUComputePipeline;
  readonly gradients: GPUComputePipeline;
}

/**
 * The gradient of the clipped GRPO objective by the logits, on buffers that live on the GPU: the backward
 * pass of `LogitStatsKernel`, compiled once, nothing read back. Logits are read once and gradients written
 * once, over the logits where the kernel is compiled `inPlace`.
 *
 * Same formula and bounds as `policyGradientGpu`. What stands in the buffers is not checked.
 *
 * @example Usage
 * ```ts
 * import { LogitStatsKernel, PolicyGradientKernel, type PolicyGradientBuffers } from "@hicra/hicra/kernels";
 *
 * async function backwardStep(
 *   device: GPUDevice,
 *   buffers: PolicyGradientBuffers & { argmaxes: GPUBuffer },
 *   numTokens: number,
 * ): Promise<void> {
 *   const model = { vocabSize: 151_936, dtype: "bf16" } as const;
 *   const forward = await LogitStatsKernel.compile(device, model);
 *   const backward = await PolicyGradientKernel.compile(device, { ...model, clipHigh: 0.28 });
 *   const encoder = device.createCommandEncoder({ label: "step" });
 *   forward.encode(encoder, buffers, numTokens);
 *   backward.encode(encoder, buffers, numTokens);
 *   device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export class PolicyGradientKernel {
  readonly #device: GPUDevice;
  readonly #kl: GPUComputePipeline | null;
  readonly #slopes: GPUComputePipeline;
  readonly #gradients: GPUComputePipeline;
  readonly #objective: Objective;
  readonly #inPlace: boolean;
  /** Slopes of the tokens between the two dispatches; outgrown ones may still be in an encoder. */
  readonly #scratch: GPUBuffer[] = [];

  private constructor(
    device: GPUDevice,
    { kl, slopes, gradients }: Pipelines,
    { objective, inPlace }: { readonly objective: Objective; readonly inPlace: boolean },
  ) {
    this.#device = device;
    this.#kl = kl;
    this.#slopes = slopes;
    this.#gradients = gradients;
    this.#objective = objective;
    this.#inPlace = inPlace;
  }

  /**
   * Compiles the kernel for a device, a model and an objective, and compares a few rows with `policyGradient`, once
   * for a device and options.
   *
   * @param device Device of the buffers.
   * @param options The objective, and whether to work in place.
   * @returns The kernel; its `destroy` frees at most 32 bytes for each token of the largest run.
   * @throws {RangeError} If an option is out of range, or a row of logits does not fit the device's buffers.
   * @throws {ShaderError} If the device's compiler refuses the shader.
   * @throws {GpuWrongResultError} If the device computes something else than `policyGradient`.
   */
  static async compile(
    device: GPUDevice,
    options: PolicyGradientKernelOptions,
  ): Promise<PolicyGradientKernel> {
    const { inPlace = false, ...rest } = options;
    const objective = objectiveOf(rest);
    const { vocabSize, dtype, temperature, dualClip, klPenalty } = objective;
    const withReference = klPenalty !== 0;
    const slopes = await compilePipeline(device, {
      label: "hicra policy gradient slopes",
      code: slopesShader({ withReference }),
      constants: {
        vocab_size: vocabSize,
        clip_low: objective.clipLow,
        clip_high: objective.clipHigh,
        dual_clip: Number.isFinite(dualClip) ? dualClip : 0,
        entropy_bonus: objective.entropyBonus,
      },
    });
    const gradients = await compilePipeline(device, {
      label: "hicra policy gradient",
      code: gradientsShader({ dtype, inPlace }),
      constants: { vocab_size: vocabSize, temperature },
    });
    const kl = !withReference ? null : await compilePipeline(device, {
      label: "hicra policy gradient kl",
      code: KL_SHADER,
      constants: { kl_penalty: klPenalty },
    });
    const settings = { objective, inPlace };
    const kernel = new PolicyGradientKernel(device, { kl, slopes, gradients }, settings);
    await selfCheck(
      device,
      { kernel: "PolicyGradientKernel", reference: "policyGradient", settings },
      () => compareGradients((...inputs) => kernel.#compute(...inputs), objective),
    );
    kernel.destroy();
    return kernel;
  }

  /**
   * Appends one compute pass to `encoder`; the caller submits. Logits and gradients above
   * `maxStorageBufferBindingSize` are bound piece by piece. No tokens, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and outputs.
   * @param numTokens Number of tokens, from the start of the buffers.
   * @throws {TypeError} If a buffer is missing.
   * @throws {RangeError} If a buffer is too small, `gradients` is the logits' buffer where it must not be, or
   * the reverse, or a row does not fit a binding.
   */
  encode(encoder: GPUCommandEncoder, buffers: PolicyGradientBuffers, numTokens: number): void {
    const { vocabSize, dtype } = this.#objective;
    const rowBytes = vocabSize * DTYPE_BYTES[dtype];
    this.#check(buffers, numTokens, rowBytes);
    if (numTokens === 0) return;
    const slopes = this.#slopesBuffer(8 * numTokens);
    const pass = encoder.beginComputePass({ label: "hicra policy gradient" });
    const words = (buffer: GPUBuffer) => ({ buffer, size: 4 * numTokens });
    if (this.#kl !== null) {
      this.#dispatch(pass, this.#kl, numTokens, [
        words(buffers.logprobs),
        words(buffers.refLogprobs!),
        words(buffers.weights),
        words(buffers.losses),
        { buffer: slopes, size: 8 * numTokens },
      ]);
    }
    this.#dispatch(pass, this.#slopes, numTokens, [
      words(buffers.tokenIds),
      words(buffers.logprobs),
      words(buffers.entropies),
      words(buffers.oldLogprobs),
      words(buffers.advantages),
      words(buffers.weights),
      words(buffers.losses),
      { buffer: slopes, size: 8 * numTokens },
    ]);
    for (const [start, end] of rowRanges(numTokens, rowBytes, this.#device.limits)) {
      const tokens = end - start;
      const elements = tokens * vocabSize;
      const words = { offset: 4 * start, size: 4 * tokens };
      const rows = { offset: start * rowBytes, size: wholeVectors(tokens * rowBytes) };
      this.#dispatch(pass, this.#gradients, Math.ceil(elements / lanesOf(dtype)), [
        { buffer: buffers.tokenIds, ...words },
        { buffer: slopes, offset: 8 * start, size: 8 * tokens },
        { buffer: buffers.entropies, ...words },
        { buffer: buffers.logsumexps, ...words },
        { buffer: buffers.gradients, ...rows },
        ...this.#inPlace ? [] : [{ buffer: buffers.logits, ...rows }],
      ]);
    }
    pass.end();
  }

  /** Frees what the kernel holds. It can be used again. */
  destroy(): void {
    for (const buffer of this.#scratch) buffer.destroy();
    this.#scratch.length = 0;
  }

  /** A run on typed arrays, with what the forward pass has found. */
  async #compute(
    { logits, tokenIds, oldLogprobs, refLogprobs, advantages, weights }: PolicyGradientInputs,
    { logprobs, entropies, logsumexps }: LogitStats,
  ): Promise<PolicyGradient> {
    const numTokens = tokenIds.length;
    const pool = new BufferPool(this.#device);
    try {
      const result = await transfer(pool, "hicra policy gradient", (transfers, encoder) => {
        const given = { tokenIds, oldLogprobs, refLogprobs, advantages, weights };
        const found = { logprobs, entropies, logsumexps };
        const uploaded = Object.fromEntries(
          Object.entries({ ...given, ...found }).flatMap(([name, values]) =>
            values === undefined ? [] : [[name, transfers.upload(name, values)]]
          ),
        ) as Record<keyof typeof given | keyof typeof found, GPUBuffer>;
        const rows = transfers.uploadInPlace("logits", logits);
        const gradients = this.#inPlace ? rows : transfers.output("gradients", logits.byteLength);
        const losses = transfers.output("losses", 4 * numTokens);
        this.encode(encoder, { ...uploaded, logits: rows, gradients, losses }, numTokens);
        return {
          gradients: { buffer: gradients, bytes: logits.byteLength },
          losses: { buffer: losses, bytes: 4 * numTokens },
        };
      });
      return {
        gradients: this.#objective.dtype === "f32"
          ? new Float32Array(result.gradients)
          : new Uint16Array(result.gradients),
        losses: new Float32Array(result.losses),
      };
    } finally {
      pool.destroy();
    }
  }

  #check(buffers: PolicyGradientBuffers, numTokens: number, rowBytes: number): void {
    checkSize("numTokens", numTokens);
    const { logits, losses, gradients, refLogprobs, ...perToken } = buffers;
    if ((gradients === logits) !== this.#inPlace) {
      throw new InputRangeError(
        `Cannot encode as buffers.gradients must ${
          this.#inPlace ? "" : "not "
        }be buffers.logits: ` +
          `the kernel was compiled with inPlace ${this.#inPlace}`,
      );
    }
    const { tokenIds, logprobs, entropies, logsumexps, oldLogprobs, advantages, weights } =
      perToken;
    const words = (buffer: GPUBuffer | undefined) => ({ buffer, bytes: 4 * numTokens });
    const rows = (buffer: GPUBuffer) => ({ buffer, bytes: wholeVectors(numTokens * rowBytes) });
    checkBuffers({
      ...this.#inPlace ? {} : { logits: rows(logits) },
      tokenIds: words(tokenIds),
      logprobs: words(logprobs),
      entropies: words(entropies),
      logsumexps: words(logsumexps),
      oldLogprobs: words(oldLogprobs),
      advantages: words(advantages),
      weights: words(weights),
      ...this.#objective.klPenalty !== 0 ? { refLogprobs: words(refLogprobs) } : {},
      losses: { ...words(losses), written: true },
      gradients: { ...rows(gradients), written: true },
    });
    const { maxStorageBufferBindingSize } = this.#device.limits;
    if (8 * numTokens > maxStorageBufferBindingSize) {
      throw new InputRangeError(
        `Cannot encode ${numTokens} tokens as 8 bytes for each must fit a binding: ` +
          `maxStorageBufferBindingSize is ${maxStorageBufferBindingSize}, pass fewer tokens at a time`,
      );
    }
  }

  #slopesBuffer(size: number): GPUBuffer {
    const last = this.#scratch.at(-1);
    if (last !== undefined && last.size >= size) return last;
    const label = "hicra policy gradient slopes";
    // Doubled, so that batches which grow slowly leave little behind.
    const { maxStorageBufferBindingSize } = this.#device.limits;
    const room = Math.max(size, Math.min(2 * (last?.size ?? 0), maxStorageBufferBindingSize));
    const buffer = this.#device.createBuffer({
      label,
      size: room,
      usage: GPUBufferUsage.STORAGE,
    });
    this.#scratch.push(buffer);
    return buffer;
  }

  #dispatch(
    pass: GPUComputePassEncoder,
    pipeline: GPUComputePipeline,
    invocations: number,
    resources: GPUBufferBinding[],
  ): void {
    dispatchOn(this.#device, pass, pipeline, Math.ceil(invocations / WORKGROUP_SIZE), resources);
  }
}
