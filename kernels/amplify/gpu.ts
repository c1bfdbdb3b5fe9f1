import { compilePipeline } from "../_compile_pipeline.ts";
import { bindingRanges, workgroupGrid } from "../_dispatch.ts";
import { transfer, wholeWords } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { checkAmplify, NUM_KINDS } from "./_check_amplify.ts";
import type { AmplifyOptions } from "./reference.ts";
import { AMPLIFY_SHADER, WORKGROUP_SIZE } from "./shader.ts";

/** Buffers of one run of an {@linkcode AmplifyKernel}; all need `GPUBufferUsage.STORAGE`. */
export interface AmplifyBuffers {
  /** `[tokens]`, f32: read only. */
  readonly advantages: GPUBuffer;
  /** `[tokens]`, u8, padded to a multiple of 4 bytes: read only. Above 4 counts as 0. */
  readonly kinds: GPUBuffer;
  /** `[5]`, f32: read only. Kind 0 passes unchanged whatever `gains[0]` is. */
  readonly gains: GPUBuffer;
  /** `[tokens]`, f32: written. Must not be one of the others. */
  readonly amplified: GPUBuffer;
}

/** Options of {@linkcode AmplifyKernel.compile}. */
export interface AmplifyKernelOptions {
  /** Amplify `A` instead of `|A|`, so that a penalty grows too; false when left out. */
  readonly symmetric?: boolean;
}

/**
 * The token amplification on buffers that live on the GPU, for loops that keep their tensors there:
 * compiled once, encoded as often as needed, nothing read back.
 *
 * Same formula and bounds as {@linkcode amplifyTokensGpu}. What stands in the buffers is not
 * checked.
 *
 * @example Usage
 * ```ts
 * import { AmplifyKernel } from "@hicra/hicra/kernels";
 * import type { AmplifyBuffers } from "@hicra/hicra/kernels";
 *
 * async function amplifyStep(
 *   device: GPUDevice,
 *   buffers: AmplifyBuffers,
 *   numTokens: number,
 * ): Promise<void> {
 *   const kernel = await AmplifyKernel.compile(device);
 *   const encoder = device.createCommandEncoder({ label: "step" });
 *   kernel.encode(encoder, buffers, numTokens);
 *   device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export class AmplifyKernel {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;

  private constructor(device: GPUDevice, pipeline: GPUComputePipeline) {
    this.#device = device;
    this.#pipeline = pipeline;
  }

  /**
   * Compiles the kernel for a device.
   *
   * @param device Device of the buffers.
   * @param options Form of the amplification.
   * @returns The kernel. It holds no buffers; the device frees it.
   * @throws {ShaderError} If the device's compiler refuses the shader.
   */
  static async compile(
    device: GPUDevice,
    { symmetric = false }: AmplifyKernelOptions = {},
  ): Promise<AmplifyKernel> {
    const pipeline = await compilePipeline(device, {
      label: "hicra amplify",
      code: AMPLIFY_SHADER,
      constants: { symmetric: symmetric ? 1 : 0 },
    });
    return new AmplifyKernel(device, pipeline);
  }

  /**
   * Appends one compute pass to `encoder`; the caller submits. Arrays above
   * `maxStorageBufferBindingSize` are bound piece by piece, dispatches above
   * `maxComputeWorkgroupsPerDimension` use a second dimension. No tokens, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and output.
   * @param numTokens Number of tokens to process, from the start of the buffers.
   * @throws {RangeError} If a buffer is too small, or the output is also an input.
   */
  encode(encoder: GPUCommandEncoder, buffers: AmplifyBuffers, numTokens: number): void {
    checkBuffers(buffers, numTokens);
    if (numTokens === 0) return;
    const { limits } = this.#device;
    const layout = this.#pipeline.getBindGroupLayout(0);
    const pass = encoder.beginComputePass({ label: "hicra amplify" });
    pass.setPipeline(this.#pipeline);
    for (const [start, end] of bindingRanges(numTokens, 4, limits)) {
      const tokens = end - start;
      const values = { offset: 4 * start, size: 4 * tokens };
      const bindGroup = this.#device.createBindGroup({
        label: "hicra amplify",
        layout,
        entries: [
          { binding: 0, resource: { buffer: buffers.advantages, ...values } },
          {
            binding: 1,
            resource: { buffer: buffers.kinds, offset: start, size: wholeWords(tokens) },
          },
          { binding: 2, resource: { buffer: buffers.gains, size: 4 * NUM_KINDS } },
          { binding: 3, resource: { buffer: buffers.amplified, ...values } },
        ],
      });
      const workgroups = Math.ceil(tokens / WORKGROUP_SIZE);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(
        ...workgroupGrid(workgroups, limits.maxComputeWorkgroupsPerDimension),
      );
    }
    pass.end();
  }
}

/**
 * Amplifies the advantages of planning tokens on a GPU: the twin of `amplifyTokens`, with the same
 * inputs, outputs and errors.
 *
 * Where the gain is 0 the output is bit-equal to the input. Elsewhere, for gains in `[-1, 1]`, it
 * differs from `amplifyTokens` by at most one unit in the last place of the larger of `|A|` and
 * `|A'|`: the device may round the product to f32 before the sum, or fuse the two. It may also lose
 * subnormal values, an error of at most `2^-125`, and the sign of a zero.
 *
 * This compiles, uploads and reads back, which costs milliseconds before any work. A loop whose
 * tensors live on the GPU uses {@linkcode AmplifyKernel}.
 *
 * @example Usage
 * ```ts
 * import { amplifyTokensGpu, GpuUnavailableError, requestDevice } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const device = await requestDevice().catch((error) => {
 *   if (error instanceof GpuUnavailableError) return null;
 *   throw error;
 * });
 * if (device !== null) {
 *   const gains = Float32Array.of(0, 0.25, 0.25, 0.25, 0.25);
 *   const advantages = Float32Array.of(1, 1, -1);
 *   const kinds = Uint8Array.of(0, 1, 1);
 *   assert.deepEqual(
 *     await amplifyTokensGpu(device, advantages, kinds, { gains }),
 *     Float32Array.of(1, 1.25, -0.75),
 *   );
 *   device.destroy();
 * }
 * ```
 *
 * @param device Where to run, from `requestDevice`; stays the caller's.
 * @param advantages `[tokens]`, finite on planning tokens.
 * @param kinds `[tokens]`: 0 for an execution token, 1 to 4 for the kind of a planning token.
 * @param options Gains and form.
 * @returns Amplified advantages, `[tokens]`, freshly allocated.
 * @throws {RangeError} If a length, a kind or a gain breaks the contract, an advantage to be
 * amplified is not finite, or the tokens do not fit the device's buffers or memory.
 * @throws {ShaderError} If the device's compiler refuses the shader.
 */
export async function amplifyTokensGpu(
  device: GPUDevice,
  advantages: Float32Array,
  kinds: Uint8Array,
  { gains, symmetric = false }: AmplifyOptions,
): Promise<Float32Array> {
  checkAmplify(advantages, kinds, gains);
  const numTokens = advantages.length;
  if (numTokens === 0) return new Float32Array(0);
  const kernel = await AmplifyKernel.compile(device, { symmetric });
  const pool = new BufferPool(device);
  try {
    const { amplified } = await transfer(pool, "hicra amplify", (transfers, encoder) => {
      const buffers: AmplifyBuffers = {
        advantages: transfers.upload("advantages", advantages),
        kinds: transfers.upload("kinds", kinds),
        gains: transfers.upload("gains", gains),
        amplified: transfers.output("amplified", 4 * numTokens),
      };
      kernel.encode(encoder, buffers, numTokens);
      return { amplified: { buffer: buffers.amplified, bytes: 4 * numTokens } };
    });
    return new Float32Array(amplified);
  } finally {
    pool.destroy();
  }
}

function checkBuffers(buffers: AmplifyBuffers, numTokens: number): void {
  if (!Number.isInteger(numTokens) || numTokens < 0) {
    throw new RangeError(
      `Cannot encode as numTokens must be a non-negative integer: current value is ${numTokens}`,
    );
  }
  const needed: Record<keyof AmplifyBuffers, number> = {
    advantages: 4 * numTokens,
    kinds: wholeWords(numTokens),
    gains: 4 * NUM_KINDS,
    amplified: 4 * numTokens,
  };
  for (const name of ["advantages", "kinds", "gains", "amplified"] as const) {
    const { size } = buffers[name];
    if (size < needed[name]) {
      throw new RangeError(
        `Cannot encode ${numTokens} tokens as buffers.${name} must hold ${needed[name]} bytes: ` +
          `current size is ${size}`,
      );
    }
    if (name !== "amplified" && buffers[name] === buffers.amplified) {
      throw new RangeError(
        `Cannot encode as buffers.amplified must not be an input: it is also buffers.${name}, ` +
          `WebGPU does not read and write one buffer in a pass`,
      );
    }
  }
}
