import { needsGroup } from "../../advantage/internal.ts";
import { InputRangeError } from "../../batch/mod.ts";
import { bindingRanges } from "../_dispatch.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import { selfCheck } from "../_self_check.ts";
import { transfer, type Transfers, wholeWords } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { bufferBytes, checkCreditBuffers, neededBuffers } from "./_check_buffers.ts";
import { checkCredit } from "./_check_credit.ts";
import { compareCredit } from "./_compare.ts";
import { compilePasses, type CreditPipelines } from "./_compile_passes.ts";
import { type Credit, NUM_PARAMETERS, resolveCredit } from "./_resolve_credit.ts";
import type { CreditBuffers, CreditSizes } from "./buffers.ts";
import type { CreditBatch, CreditOptions } from "./options.ts";
import { TILE } from "./tokens_shader.ts";

/** The part of a buffer that a pass sees. */
type Binding = Required<GPUBufferBinding>;

/**
 * Credit assignment on buffers that live on the GPU, from rewards to the advantages of tokens, for
 * loops that keep their tensors there: compiled once, encoded as often as needed, nothing read back.
 *
 * The reference is `groupBaseline` and the transforms of `@hicra/hicra/advantage`. One to four dispatches: the group baseline,
 * the sums over sequences and groups that a transform needs, and one pass over the tokens. The two
 * that look for the members of groups read all of the `S` sequences for each, so their work grows with
 * `S^2`: 10^8 reads for 10,000 sequences. Everything is summed in a fixed order: the same bits at
 * every run on one device.
 *
 * What stands in the buffers is not checked; {@linkcode CreditBuffers} says what it counts as.
 *
 * Bit-equal to the input, or to the advantage of the sequence, where `lossMask` is 0 and where the
 * first three modes of HICRA add nothing. Elsewhere it differs by the rounding of f32. With
 * `u = 2^-24`, `n` rewards that lie at most `R` apart, and `h = ceil(S/64) + 6` additions:
 *
 * - a centered reward is off by at most `(h + 8)*u*R`; f32 holds distances between rewards to half a
 *   unit in the last place, so their size does not matter, and equal rewards give exactly 0;
 * - a standard deviation by a relative `u*((h + 8)*sqrt(2*n) + h/2 + 40)`, guard and division
 *   included, whatever the rewards: no deviation is ill-conditioned as long as the distances that
 *   are not 0 lie between `2^-60` and `2^60`;
 * - the mean of MaxRL by a relative `u*(h + 12)` where no reward is negative. Where rewards of both
 *   signs cancel, the error is that of `sum|r|`, and a mean near 0 may fall on its other side.
 *
 * An error of the advantage passes HICRA multiplied by at most `1 + alpha`, the others by the weight of
 * the token. Every transform adds a few `u` of what it adds or multiplies; one that sums over the `L`
 * tokens of a sequence adds a relative `u*(ceil(L/256) + 16)` of its sum, `baseline-corrected`
 * `u*ceil(S/64)` more for the group. `mass-preserving` multiplies both by `(1 + alpha)/(1 - alpha)`.
 * HICRA in its first three modes, of given advantages and an alpha of at most 1 that f32 holds, is
 * within one unit in the last place of the larger of `|A|` and `|A'|`. Devices may take subnormal
 * values for 0, and lose the sign of a zero that was not given.
 *
 * @example Usage
 * ```ts
 * import { CreditKernel, type CreditBuffers, type CreditSizes } from "@hicra/hicra/kernels";
 *
 * async function creditStep(
 *   device: GPUDevice,
 *   buffers: CreditBuffers,
 *   sizes: CreditSizes,
 * ): Promise<void> {
 *   const kernel = await CreditKernel.compile(device, {
 *     baseline: { scale: "group-std" },
 *     transform: { name: "hicra" },
 *   });
 *   const encoder = device.createCommandEncoder({ label: "step" });
 *   kernel.encode(encoder, buffers, sizes); // buffers.credited holds the advantages after this
 *   device.queue.submit([encoder.finish()]);
 *   kernel.destroy();
 * }
 * ```
 */
export class CreditKernel {
  readonly #device: GPUDevice;
  readonly #credit: Credit;
  readonly #pipelines: CreditPipelines;
  readonly #pool: BufferPool;
  /** The numbers of the options, for runs that bring none. */
  #parameters: GPUBuffer | undefined;

  private constructor(device: GPUDevice, credit: Credit, pipelines: CreditPipelines) {
    this.#device = device;
    this.#credit = credit;
    this.#pipelines = pipelines;
    this.#pool = new BufferPool(device);
  }

  /**
   * Compiles the kernel for a device, and compares a few tokens with the reference, once for a device
   * and options.
   *
   * @param device Device of the buffers; stays the caller's.
   * @param options Where to begin, the convention of the baseline and the transform.
   * @returns The kernel.
   * @throws {RangeError} If an option breaks its rule.
   * @throws {ShaderError} If the device's compiler refuses a shader.
   * @throws {GpuWrongResultError} If the device computes something else than the reference.
   */
  static async compile(device: GPUDevice, options: CreditOptions = {}): Promise<CreditKernel> {
    const credit = resolveCredit(options);
    const kernel = new CreditKernel(device, credit, await compilePasses(device, credit));
    await selfCheck(
      device,
      { kernel: "CreditKernel", reference: "groupBaseline and createTransform", settings: credit },
      () => compareCredit((batch) => kernel.run(batch), options, credit),
    );
    kernel.destroy();
    return kernel;
  }

  /** The buffers that {@linkcode CreditKernel.encode} needs; `include` and `parameters` may be there besides. */
  get needs(): readonly (keyof CreditBuffers)[] {
    return neededBuffers(this.#credit);
  }

  /**
   * Appends one compute pass to `encoder`; the caller submits. Dispatches above
   * `maxComputeWorkgroupsPerDimension` use a second dimension. Given advantages per token, arrays
   * above `maxStorageBufferBindingSize` are bound piece by piece where the transform needs no sums.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and outputs.
   * @param sizes How much of them counts.
   * @throws {TypeError} If a buffer is missing.
   * @throws {RangeError} If a buffer is too small or above the limit of a binding, one that is
   * written is also another one, or the kernel is to refuse groups of one, which it cannot see here.
   */
  encode(encoder: GPUCommandEncoder, buffers: CreditBuffers, sizes: CreditSizes): void {
    const { from, baseline } = this.#credit;
    if (from === "rewards" && baseline.singleton === "error" && needsGroup(baseline)) {
      throw new InputRangeError(
        'Cannot encode as singleton "error" needs rewards that the CPU can read: choose "zero" or ' +
          '"reward", or call run',
      );
    }
    this.#encode(encoder, buffers, sizes);
  }

  /**
   * Credits the tokens of a batch of typed arrays: upload, run, one readback. Buffers are kept for the
   * next call.
   *
   * @param batch Rewards and groups or advantages, and what the transform needs.
   * @param parameters Numbers of the transform at this step, from `creditParameters`; those of the
   * options when left out.
   * @returns Advantages, `[tokens]`, freshly allocated.
   * @throws {TypeError} If an array that is needed is missing or of the wrong type.
   * @throws {RangeError} If a length or a value breaks the contract, or the batch does not fit the
   * device's buffers or memory.
   */
  async run(
    batch: CreditBatch,
    parameters: Float32Array = Float32Array.from(this.#credit.parameters),
  ): Promise<Float32Array> {
    const credit = this.#credit;
    checkCredit(batch, credit);
    if (parameters.length !== NUM_PARAMETERS) {
      throw new InputRangeError(
        `Cannot credit tokens as parameters must hold ${NUM_PARAMETERS} values: ` +
          `current length is ${parameters.length}`,
      );
    }
    const numTokens = batch.lossMask.length;
    if (numTokens === 0) return new Float32Array(0);
    const sizes = { numSequences: batch.offsets.length - 1, numTokens };
    const { credited } = await transfer(this.#pool, "hicra credit", (transfers, encoder) => {
      const buffers = uploadCredit(transfers, { batch, parameters, credit, sizes });
      this.#encode(encoder, buffers, sizes);
      return { credited: { buffer: buffers.credited, bytes: 4 * numTokens } };
    });
    return new Float32Array(credited);
  }

  /** Frees the buffers that {@linkcode CreditKernel.run} keeps. The kernel can be used again. */
  destroy(): void {
    this.#pool.destroy();
    this.#parameters = undefined;
  }

  #ownParameters(): GPUBuffer {
    if (this.#parameters === undefined) {
      const values = Float32Array.from(this.#credit.parameters);
      this.#parameters = this.#pool.take({
        label: "hicra credit own parameters",
        size: values.byteLength,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      this.#device.queue.writeBuffer(this.#parameters, 0, values);
    }
    return this.#parameters;
  }

  #encode(encoder: GPUCommandEncoder, given: CreditBuffers, sizes: CreditSizes): void {
    const credit = this.#credit;
    const buffers = given.parameters !== undefined || credit.formula === "none"
      ? given
      : { ...given, parameters: this.#ownParameters() };
    const { limits } = this.#device;
    checkCreditBuffers(buffers, credit, sizes, limits);
    const { numSequences, numTokens } = sizes;
    const { baseline, sums, groupMeans } = this.#pipelines;
    const bytes = bufferBytes(credit, sizes);
    const whole = (name: keyof CreditBuffers): Binding => ({
      buffer: buffers[name]!,
      offset: 0,
      size: bytes[name],
    });
    const pass = encoder.beginComputePass({ label: "hicra credit" });
    if (baseline !== undefined && numSequences > 0) {
      const hasInclude = buffers.include !== undefined;
      this.#dispatch(pass, hasInclude ? baseline.included : baseline.all, numSequences, [
        whole("rewards"),
        whole("groupIds"),
        hasInclude ? whole("include") : whole("groupIds"),
        whole("sequenceAdvantages"),
      ]);
    }
    if (numTokens > 0) {
      if (sums !== undefined) {
        this.#dispatch(pass, sums, numSequences, [
          ...this.#inputs(buffers, sizes, [0, numTokens]),
          whole("statistics"),
        ]);
      }
      if (groupMeans !== undefined) {
        this.#dispatch(pass, groupMeans, numSequences, [whole("groupIds"), whole("statistics")]);
      }
      this.#encodeTokens(pass, buffers, sizes);
    }
    pass.end();
  }

  #encodeTokens(pass: GPUComputePassEncoder, buffers: CreditBuffers, sizes: CreditSizes): void {
    const { needs, hasSums } = this.#credit;
    const { numSequences, numTokens } = sizes;
    const pieces = needs.includes("offsets")
      ? [[0, numTokens] as [number, number]]
      : bindingRanges(numTokens, 4, this.#device.limits);
    for (const piece of pieces) {
      const [start, end] = piece;
      const tokens = end - start;
      const inputs = this.#inputs(buffers, sizes, piece);
      this.#dispatch(pass, this.#pipelines.tokens, Math.ceil(tokens / TILE), [
        ...inputs,
        hasSums
          ? { buffer: buffers.statistics!, offset: 0, size: 16 * numSequences }
          : inputs[LOSS_MASK]!,
        { buffer: buffers.credited, offset: 4 * start, size: 4 * tokens },
      ]);
    }
  }

  /** The six inputs of the passes over tokens. What is not needed is the loss mask, not looked at. */
  #inputs(
    buffers: CreditBuffers,
    { numSequences }: CreditSizes,
    [start, end]: [number, number],
  ): Binding[] {
    const { from, needs, formula } = this.#credit;
    const tokens = end - start;
    const masked = (buffer: GPUBuffer) => ({ buffer, offset: start, size: wholeWords(tokens) });
    const perToken = (buffer: GPUBuffer) => ({ buffer, offset: 4 * start, size: 4 * tokens });
    const lossMask = masked(buffers.lossMask);
    const ofSequences = from === "rewards" ? buffers.sequenceAdvantages : buffers.advantages;
    const values = needs.includes("entropies")
      ? buffers.entropies
      : needs.includes("oldLogprobs")
      ? buffers.oldLogprobs
      : undefined;
    return [
      needs.includes("offsets")
        ? { buffer: buffers.offsets!, offset: 0, size: 4 * (numSequences + 1) }
        : lossMask,
      from === "tokens"
        ? perToken(buffers.advantages!)
        : { buffer: ofSequences!, offset: 0, size: 4 * numSequences },
      needs.includes("kinds") ? masked(buffers.kinds!) : lossMask,
      lossMask,
      values !== undefined ? perToken(values) : lossMask,
      formula !== "none"
        ? { buffer: buffers.parameters!, offset: 0, size: 4 * NUM_PARAMETERS }
        : lossMask,
    ];
  }

  #dispatch(
    pass: GPUComputePassEncoder,
    pipeline: GPUComputePipeline,
    workgroups: number,
    bindings: readonly Binding[],
  ): void {
    dispatchOn(this.#device, pass, pipeline, workgroups, bindings);
  }
}

/** Place of the loss mask among the inputs. */
const LOSS_MASK = 3;

function uploadCredit(
  transfers: Transfers,
  { batch, parameters, credit, sizes }: {
    batch: CreditBatch;
    parameters: Float32Array;
    credit: Credit;
    sizes: CreditSizes;
  },
): CreditBuffers {
  const bytes = bufferBytes(credit, sizes);
  const given = [
    ...credit.needs,
    ...(credit.from === "rewards" && batch.include ? ["include"] : []),
  ];
  const inputs = Object.fromEntries(
    given.map((name) => [name, transfers.upload(name, batch[name as keyof CreditBatch]!)]),
  );
  return {
    ...inputs,
    lossMask: transfers.upload("lossMask", batch.lossMask),
    ...(credit.formula !== "none" && { parameters: transfers.upload("parameters", parameters) }),
    ...(credit.from === "rewards" && {
      sequenceAdvantages: transfers.output("sequenceAdvantages", bytes.sequenceAdvantages),
    }),
    ...(credit.hasSums && { statistics: transfers.output("statistics", bytes.statistics) }),
    credited: transfers.output("credited", bytes.credited),
  };
}
