import { compilePipeline } from "../_compile_pipeline.ts";
import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { rowRanges, uploadRanges } from "../_dispatch.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import { selfCheck } from "../_self_check.ts";
import { transfer, wholeVectors } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { DTYPE_BYTES, type LogitDtype, type Logits } from "../logit_dtype.ts";
import {
  badRow,
  checkLogitArrays,
  checkSettings,
  checkTopK,
  type LogitSettings,
} from "./_check_logits.ts";
import { compareLogits } from "./_compare.ts";
import type { LogitStats, LogitStatsOptions } from "./reference.ts";
import { logitStatsShader } from "./shader.ts";

/**
 * Buffers of one run of a {@linkcode LogitStatsKernel}; all need `GPUBufferUsage.STORAGE`, and none may be
 * two of them.
 */
export interface LogitStatsBuffers {
  /**
   * `[tokens x vocabSize]` of the kernel's dtype, padded to a multiple of 16 bytes: read only. What stands
   * in the padding does not matter.
   */
  readonly logits: GPUBuffer;
  /** `[tokens]`, i32: read only. A negative id, such as -100, leaves the token out: its row is not read. */
  readonly tokenIds: GPUBuffer;
  /** `[tokens]`, f32: written. NaN where the id is outside the vocabulary or the token has no distribution. */
  readonly logprobs: GPUBuffer;
  /** `[tokens]`, f32: written. NaN where the token has no distribution. */
  readonly entropies: GPUBuffer;
  /** `[tokens]`, f32: written. NaN where the token has no distribution. */
  readonly logsumexps: GPUBuffer;
  /** `[tokens]`, i32: written. -1 where the token has no distribution. */
  readonly argmaxes: GPUBuffer;
  /** `[tokens]`, f32: written; for kernels compiled with a `topK`. */
  readonly topKMasses?: GPUBuffer | undefined;
}

/** Options of {@linkcode LogitStatsKernel.compile}: what a training run fixes. */
export interface LogitStatsKernelOptions {
  /** Entries of the vocabulary: logits of one token. */
  readonly vocabSize: number;
  /** Element type of the logits; `"f32"` when left out. */
  readonly dtype?: LogitDtype;
  /** What logits are divided by before the softmax; 1 when left out. */
  readonly temperature?: number;
  /** Sum the probabilities of so many most likely entries, 0 to 64; 0 when left out. */
  readonly topK?: number;
}

const ACTION = "compute logit statistics";

/**
 * Logits to log-probabilities, entropies and more, on buffers that live on the GPU: compiled once for a
 * model, encoded as often as needed, nothing read back. The logits are read once, as they are bound by
 * memory: one workgroup reads the row of one token.
 *
 * The reference is `logitStats`. Inputs are exact in every dtype, the arithmetic is f32: `logprobs` and
 * `logsumexps` are within `2^-23 * (16 + 2 * d + vocabSize / 1,024)`, with `d` the larger of the result and of
 * the largest logit over the temperature, entropies within
 * `2^-23 * (40 + log(vocabSize) * (4 + vocabSize / 1,024))`. `argmaxes` are exact, and runs on one device
 * give equal bits. What stands in the buffers is not checked: a token whose row holds NaN or +Infinity, or
 * no logit above the lowest f32, gets NaN in every output.
 *
 * @example Usage
 * ```ts
 * import { LogitStatsKernel, type LogitStatsBuffers } from "@hicra/hicra/kernels";
 *
 * async function statsStep(
 *   device: GPUDevice,
 *   buffers: LogitStatsBuffers,
 *   numTokens: number,
 * ): Promise<void> {
 *   const kernel = await LogitStatsKernel.compile(device, { vocabSize: 151_936, dtype: "bf16" });
 *   const encoder = device.createCommandEncoder({ label: "step" });
 *   kernel.encode(encoder, buffers, numTokens);
 *   device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export class LogitStatsKernel {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #pool: BufferPool;
  readonly #settings: LogitSettings;
  readonly #topK: number;

  private constructor(
    device: GPUDevice,
    pipeline: GPUComputePipeline,
    settings: LogitSettings,
    topK: number,
  ) {
    this.#device = device;
    this.#pipeline = pipeline;
    this.#pool = new BufferPool(device);
    this.#settings = settings;
    this.#topK = topK;
  }

  /**
   * Compiles the kernel for a device and a model, and compares a few rows with `logitStats`, once for a device
   * and options.
   *
   * @param device Device of the buffers.
   * @param options Vocabulary, element type, temperature, what to compute.
   * @returns The kernel. It holds buffers only between calls of `run`.
   * @throws {RangeError} If an option is out of range, or a row of logits does not fit the device's buffers.
   * @throws {ShaderError} If the device's compiler refuses the shader.
   * @throws {GpuWrongResultError} If the device computes something else than `logitStats`.
   */
  static async compile(
    device: GPUDevice,
    { vocabSize, dtype = "f32", temperature = 1, topK = 0 }: LogitStatsKernelOptions,
  ): Promise<LogitStatsKernel> {
    const settings: LogitSettings = { vocabSize, dtype, temperature };
    checkSettings(ACTION, settings);
    checkTopK(topK);
    const pipeline = await compilePipeline(device, {
      label: "hicra logits",
      code: logitStatsShader({ dtype, topK }),
      constants: { vocab_size: vocabSize, temperature },
    });
    const kernel = new LogitStatsKernel(device, pipeline, settings, topK);
    const checked = { ...settings, topK };
    await selfCheck(
      device,
      { kernel: "LogitStatsKernel", reference: "logitStats", settings: checked },
      () => compareLogits((logits, tokenIds) => kernel.#compute(logits, tokenIds), checked),
    );
    kernel.destroy();
    return kernel;
  }

  /**
   * Appends one compute pass to `encoder`; the caller submits. Logits above `maxStorageBufferBindingSize`
   * are bound piece by piece. No tokens, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and outputs.
   * @param numTokens Number of tokens, from the start of the buffers.
   * @throws {TypeError} If a buffer is missing.
   * @throws {RangeError} If a buffer is too small or twice among them, or one row of logits does not fit a
   * binding.
   */
  encode(encoder: GPUCommandEncoder, buffers: LogitStatsBuffers, numTokens: number): void {
    const { vocabSize, dtype } = this.#settings;
    const rowBytes = vocabSize * DTYPE_BYTES[dtype];
    const { logits, tokenIds, logprobs, entropies, logsumexps, argmaxes, topKMasses } = buffers;
    checkSize("numTokens", numTokens);
    const written = (buffer: GPUBuffer | undefined) => ({
      buffer,
      bytes: 4 * numTokens,
      written: true,
    });
    const outputs = {
      logprobs: written(logprobs),
      entropies: written(entropies),
      logsumexps: written(logsumexps),
      argmaxes: written(argmaxes),
      ...this.#topK > 0 ? { topKMasses: written(topKMasses) } : {},
    };
    checkBuffers({
      logits: { buffer: logits, bytes: wholeVectors(numTokens * rowBytes) },
      tokenIds: { buffer: tokenIds, bytes: 4 * numTokens },
      ...outputs,
    });
    if (numTokens === 0) return;
    const { limits } = this.#device;
    const perToken = [tokenIds, ...Object.values(outputs).map(({ buffer }) => buffer!)];
    const pass = encoder.beginComputePass({ label: "hicra logits" });
    for (const [start, end] of rowRanges(numTokens, rowBytes, limits)) {
      const tokens = end - start;
      dispatchOn(this.#device, pass, this.#pipeline, tokens, [
        { buffer: logits, offset: start * rowBytes, size: wholeVectors(tokens * rowBytes) },
        ...perToken.map((buffer) => ({ buffer, offset: 4 * start, size: 4 * tokens })),
      ]);
    }
    pass.end();
  }

  /**
   * Runs on typed arrays: uploads logits piece by piece, so that any number of tokens fits, and keeps its
   * buffers for the next call.
   *
   * @param logits `[tokens x vocabSize]`, row by row.
   * @param tokenIds `[tokens]`: the sampled entry of each row.
   * @param options `lossMask`, as for `logitStats`.
   * @returns Statistics of each token, freshly allocated.
   * @throws {TypeError} If the logits' array is not that of the dtype.
   * @throws {RangeError} If a length or an id is out of range, or a token has no distribution.
   */
  async run(
    logits: Logits,
    tokenIds: Int32Array,
    { lossMask }: Pick<LogitStatsOptions, "lossMask"> = {},
  ): Promise<LogitStats> {
    checkLogitArrays(ACTION, { logits, tokenIds, lossMask }, this.#settings);
    const ids = lossMask ? tokenIds.map((id, t) => lossMask[t] === 0 ? -1 : id) : tokenIds;
    const stats = await this.#compute(logits, ids);
    const bad = stats.entropies.findIndex(Number.isNaN);
    if (bad !== -1) throw badRow(ACTION, logits, bad, this.#settings);
    return stats;
  }

  /** Frees the buffers that `run` keeps. The kernel can be used again. */
  destroy(): void {
    this.#pool.destroy();
  }

  async #compute(logits: Logits, ids: Int32Array): Promise<LogitStats> {
    const { vocabSize, dtype } = this.#settings;
    const numTokens = ids.length;
    const stats: LogitStats = {
      logprobs: new Float32Array(numTokens),
      entropies: new Float32Array(numTokens),
      logsumexps: new Float32Array(numTokens),
      argmaxes: new Int32Array(numTokens),
      topKMasses: new Float32Array(numTokens),
    };
    const rowBytes = vocabSize * DTYPE_BYTES[dtype];
    const { limits } = this.#device;
    for (const [start, end] of uploadRanges(numTokens, rowBytes, limits)) {
      const tokens = end - start;
      const bytes = 4 * tokens;
      const results = await transfer(this.#pool, "hicra logits", (transfers, encoder) => {
        const outputs = {
          logprobs: transfers.output("logprobs", bytes),
          entropies: transfers.output("entropies", bytes),
          logsumexps: transfers.output("logsumexps", bytes),
          argmaxes: transfers.output("argmaxes", bytes),
          ...this.#topK > 0 ? { topKMasses: transfers.output("topKMasses", bytes) } : {},
        };
        this.encode(encoder, {
          logits: transfers.upload("logits", logits.subarray(start * vocabSize, end * vocabSize)),
          tokenIds: transfers.upload("tokenIds", ids.subarray(start, end)),
          ...outputs,
        }, tokens);
        const read = (buffer: GPUBuffer) => ({ buffer, bytes });
        return {
          logprobs: read(outputs.logprobs),
          entropies: read(outputs.entropies),
          logsumexps: read(outputs.logsumexps),
          argmaxes: read(outputs.argmaxes),
          topKMasses: outputs.topKMasses
            ? read(outputs.topKMasses)
            : { ...read(outputs.logprobs), bytes: 0 },
        };
      });
      stats.logprobs.set(new Float32Array(results.logprobs), start);
      stats.entropies.set(new Float32Array(results.entropies), start);
      stats.logsumexps.set(new Float32Array(results.logsumexps), start);
      stats.argmaxes.set(new Int32Array(results.argmaxes), start);
      stats.topKMasses.set(new Float32Array(results.topKMasses), start);
    }
    return stats;
  }
}
