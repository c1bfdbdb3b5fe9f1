import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { compilePipeline } from "../_compile_pipeline.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import { selfCheck } from "../_self_check.ts";
import { type Output, transfer, wholeWords } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { checkNumClasses, checkSegmentSums } from "./_check_segment_sums.ts";
import { compareSums } from "./_compare.ts";
import {
  type ClassSums,
  distinct,
  type SegmentSums,
  type SegmentSumsInputs,
  type SegmentSumsOptions,
} from "./reference.ts";
import {
  areTiny,
  BUSY_WORKGROUPS,
  CHUNK_TOKENS,
  JOIN_SUMS_SHADER,
  LANES,
  SEGMENT_SUMS_SHADER,
  TINY_SEGMENTS_SHADER,
} from "./shader.ts";

/** Buffers of {@linkcode SegmentSumsKernel.encode}; all need `GPUBufferUsage.STORAGE`. */
export interface SegmentSumsBuffers {
  /** `[tokens]`, f32: read only. */
  readonly values: GPUBuffer;
  /** `[segments + 1]`, i32, from 0 to the number of tokens, not descending: read only. */
  readonly offsets: GPUBuffer;
  /** `[tokens]`, u8, padded to a multiple of 4 bytes: read only. All tokens are of class 0 when left out. */
  readonly classes?: GPUBuffer;
  /** `[segments x classes]`, f32: written. */
  readonly sums: GPUBuffer;
  /** `[segments x classes]`, u32: written. */
  readonly counts: GPUBuffer;
}

/** Buffers of {@linkcode SegmentSumsKernel.encodeTotal}; all need `GPUBufferUsage.STORAGE`. */
export interface TotalSumsBuffers {
  /** `[segments x classes]`, f32: read only. */
  readonly sums: GPUBuffer;
  /** `[segments x classes]`, u32: read only. */
  readonly counts: GPUBuffer;
  /** `[classes]`, f32: written. */
  readonly totalSums: GPUBuffer;
  /** `[classes]`, u32: written. */
  readonly totalCounts: GPUBuffer;
}

/** Buffers of {@linkcode SegmentSumsKernel.encodeGroups}; all need `GPUBufferUsage.STORAGE`. */
export interface GroupSumsBuffers {
  /** `[segments x classes]`, f32: read only. */
  readonly sums: GPUBuffer;
  /** `[segments x classes]`, u32: read only. */
  readonly counts: GPUBuffer;
  /** `[segments]`, i32: read only. */
  readonly groupIds: GPUBuffer;
  /** `[groups]`, i32, the id of each row of the output: read only. 0, 1, 2 ... when left out. */
  readonly rowIds?: GPUBuffer;
  /** `[groups x classes]`, f32: written. */
  readonly groupSums: GPUBuffer;
  /** `[groups x classes]`, u32: written. */
  readonly groupCounts: GPUBuffer;
}

/** Options of {@linkcode SegmentSumsKernel.compile}. */
export interface SegmentSumsKernelOptions {
  /** Number of classes, 1 to 8; 1 when left out. */
  readonly numClasses?: number;
}

/**
 * Sums of segments on buffers that live on the GPU: compiled once, encoded as often as needed, nothing read
 * back. A metric of a training step is then a few numbers to read instead of one per token.
 *
 * Same bound and same bits as {@linkcode segmentSumsGpu}. What stands in the buffers is not checked.
 *
 * @example Usage
 * ```ts
 * import type { SegmentSumsBuffers, SegmentSumsKernel, TotalSumsBuffers } from "@hicra/hicra/kernels";
 *
 * function stepMetrics(
 *   device: GPUDevice,
 *   kernel: SegmentSumsKernel, // SegmentSumsKernel.compile(device, { numClasses: 2 }), once
 *   buffers: SegmentSumsBuffers & TotalSumsBuffers,
 *   size: { numTokens: number; numSegments: number },
 * ): void {
 *   const encoder = device.createCommandEncoder({ label: "step" });
 *   kernel.encode(encoder, buffers, size);
 *   kernel.encodeTotal(encoder, buffers, size);
 *   device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export class SegmentSumsKernel {
  readonly #device: GPUDevice;
  readonly #numClasses: number;
  readonly #pipelines: Pipelines;
  readonly #partSums: GPUBuffer;
  readonly #partCounts: GPUBuffer;
  readonly #pool: BufferPool;

  private constructor(device: GPUDevice, numClasses: number, pipelines: Pipelines) {
    this.#device = device;
    this.#numClasses = numClasses;
    this.#pipelines = pipelines;
    const part = { size: 4 * BUSY_WORKGROUPS * numClasses, usage: GPUBufferUsage.STORAGE };
    this.#partSums = device.createBuffer({ label: "hicra segment sums parts", ...part });
    this.#partCounts = device.createBuffer({ label: "hicra segment sums part counts", ...part });
    this.#pool = new BufferPool(device);
  }

  /**
   * Compiles the kernel for a device, and compares a few sums with those of `segmentSums`, once for a device and
   * number of classes.
   *
   * @param device Device of the buffers; stays the caller's.
   * @param options Number of classes.
   * @returns The kernel, which holds at most 256 KiB of its own, and what `run` keeps: `destroy()` frees it.
   * @throws {RangeError} If the number of classes is out of its range.
   * @throws {ShaderError} If the device's compiler refuses a shader.
   * @throws {GpuWrongResultError} If the device computes something else than `segmentSums`.
   */
  static async compile(
    device: GPUDevice,
    { numClasses = 1 }: SegmentSumsKernelOptions = {},
  ): Promise<SegmentSumsKernel> {
    checkNumClasses(numClasses);
    const compile = (
      code: string,
      constants: Record<string, number>,
    ): Promise<GPUComputePipeline> =>
      compilePipeline(device, {
        label: "hicra segment sums",
        code,
        constants: { numClasses, ...constants },
      });
    const names = [
      "classed",
      "unclassed",
      "tinyClassed",
      "tiny",
      "join",
      "split",
      "dense",
      "named",
    ] as const;
    const pipelines = await Promise.all([
      compile(SEGMENT_SUMS_SHADER, { hasClasses: 1 }),
      compile(SEGMENT_SUMS_SHADER, { hasClasses: 0 }),
      compile(TINY_SEGMENTS_SHADER, { hasClasses: 1 }),
      compile(TINY_SEGMENTS_SHADER, { hasClasses: 0 }),
      compile(JOIN_SUMS_SHADER, { byId: 0 }),
      compile(JOIN_SUMS_SHADER, { byId: 0, split: 1 }),
      compile(JOIN_SUMS_SHADER, { byId: 1 }),
      compile(JOIN_SUMS_SHADER, { byId: 1, hasIds: 1 }),
    ]);
    const named = Object.fromEntries(names.map((name, index) => [name, pipelines[index]!]));
    const kernel = new SegmentSumsKernel(device, numClasses, named as Pipelines);
    await selfCheck(
      device,
      { kernel: "SegmentSumsKernel", reference: "segmentSums", settings: numClasses },
      () => compareSums((...inputs) => kernel.run(...inputs), numClasses),
    );
    return kernel;
  }

  /**
   * Appends the sums of segments to `encoder`; the caller submits. A segment is one workgroup's. Where there are
   * fewer segments than a large GPU runs workgroups, long ones are cut into parts; where there are thousands of
   * less than 32 tokens on average, those of up to 64 are one invocation's each. Neither changes a bit. No
   * segments, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and outputs.
   * @param size How many tokens and segments there are, from the start of the buffers.
   * @throws {RangeError} If a buffer is too small or above `maxStorageBufferBindingSize`, or an output is
   * also another buffer.
   */
  encode(
    encoder: GPUCommandEncoder,
    buffers: SegmentSumsBuffers,
    { numTokens, numSegments }: { readonly numTokens: number; readonly numSegments: number },
  ): void {
    checkSize("numTokens", numTokens);
    checkSize("numSegments", numSegments);
    const { values, offsets, classes, sums, counts } = buffers;
    const bytes = 4 * numSegments * this.#numClasses;
    // A binding holds at least one word.
    const tokens = Math.max(1, numTokens);
    const given: Bindings = {
      values: { buffer: values, bytes: 4 * tokens },
      offsets: { buffer: offsets, bytes: 4 * (numSegments + 1) },
      ...(classes && { classes: { buffer: classes, bytes: wholeWords(tokens) } }),
      sums: { buffer: sums, bytes, written: true },
      counts: { buffer: counts, bytes, written: true },
    };
    this.#check(given);
    if (numSegments === 0) return;
    const parts = Math.max(
      1,
      Math.min(Math.floor(BUSY_WORKGROUPS / numSegments), Math.ceil(tokens / CHUNK_TOKENS)),
    );
    const whole = parts === 1;
    const partBytes = bytes * parts;
    const pass = encoder.beginComputePass({ label: "hicra segment sums" });
    const bindings = [
      given["values"]!,
      given["offsets"]!,
      given["classes"] ?? given["offsets"]!,
      { buffer: whole ? sums : this.#partSums, bytes: partBytes },
      { buffer: whole ? counts : this.#partCounts, bytes: partBytes },
    ];
    const { classed, unclassed, tinyClassed, tiny } = this.#pipelines;
    const pipeline = classes ? classed : unclassed;
    if (areTiny(tokens, numSegments)) {
      const workgroups = Math.ceil(numSegments / LANES);
      this.#dispatch(pass, classes ? tinyClassed : tiny, bindings, workgroups);
      this.#dispatch(pass, pipeline, bindings, workgroups); // those that are not
    } else {
      this.#dispatch(pass, pipeline, bindings, numSegments * parts);
    }
    if (!whole) {
      const partSums = { buffer: this.#partSums, bytes: partBytes };
      const partCounts = { buffer: this.#partCounts, bytes: partBytes };
      const ids = given["offsets"]!; // not looked at
      this.#dispatch(
        pass,
        this.#pipelines.join,
        [partSums, partCounts, ids, ids, given["sums"]!, given["counts"]!],
        numSegments,
      );
    }
    pass.end();
  }

  /**
   * Appends the sums over all segments to `encoder`: a second level above {@linkcode encode}. With no segments
   * nothing is written.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Sums of segments, and outputs.
   * @param size How many segments there are.
   * @throws {RangeError} As for `encode`.
   */
  encodeTotal(
    encoder: GPUCommandEncoder,
    { sums, counts, totalSums, totalCounts }: TotalSumsBuffers,
    { numSegments }: { readonly numSegments: number },
  ): void {
    checkSize("numSegments", numSegments);
    const bytes = 4 * numSegments * this.#numClasses;
    const given: Bindings = {
      sums: { buffer: sums, bytes },
      counts: { buffer: counts, bytes },
      totalSums: { buffer: totalSums, bytes: 4 * this.#numClasses, written: true },
      totalCounts: { buffer: totalCounts, bytes: 4 * this.#numClasses, written: true },
    };
    this.#check(given);
    if (numSegments === 0) return;
    const pass = encoder.beginComputePass({ label: "hicra total sums" });
    const ids = given["counts"]!; // not looked at
    const segments = [given["sums"]!, given["counts"]!, ids, ids];
    const total = [given["totalSums"]!, given["totalCounts"]!];
    if (numSegments > LANES * LANES) {
      const share = 2 ** Math.ceil(Math.log2(Math.max(LANES, numSegments / BUSY_WORKGROUPS)));
      const numShares = Math.ceil(numSegments / share);
      const shareBytes = 4 * numShares * this.#numClasses;
      const shares = [
        { buffer: this.#partSums, bytes: shareBytes },
        { buffer: this.#partCounts, bytes: shareBytes },
      ];
      this.#dispatch(pass, this.#pipelines.split, [...segments, ...shares], numShares);
      this.#dispatch(pass, this.#pipelines.join, [...shares, ids, ids, ...total], 1);
    } else {
      this.#dispatch(pass, this.#pipelines.join, [...segments, ...total], 1);
    }
    pass.end();
  }

  /**
   * Appends the sums of groups of segments to `encoder`: a second level above {@linkcode encode}. Segments are
   * added in their order in the batch. Every group looks at every id, which is nothing for the thousands of
   * sequences of a step. A group without segments gets 0; with no groups or no segments nothing is written.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Sums of segments, ids and outputs.
   * @param size How many segments and groups there are.
   * @throws {RangeError} As for `encode`.
   */
  encodeGroups(
    encoder: GPUCommandEncoder,
    { sums, counts, groupIds, rowIds, groupSums, groupCounts }: GroupSumsBuffers,
    { numSegments, numGroups }: { readonly numSegments: number; readonly numGroups: number },
  ): void {
    checkSize("numSegments", numSegments);
    checkSize("numGroups", numGroups);
    const bytes = 4 * numSegments * this.#numClasses;
    const groupBytes = 4 * numGroups * this.#numClasses;
    const given: Bindings = {
      sums: { buffer: sums, bytes },
      counts: { buffer: counts, bytes },
      groupIds: { buffer: groupIds, bytes: 4 * numSegments },
      ...(rowIds && { rowIds: { buffer: rowIds, bytes: 4 * numGroups } }),
      groupSums: { buffer: groupSums, bytes: groupBytes, written: true },
      groupCounts: { buffer: groupCounts, bytes: groupBytes, written: true },
    };
    this.#check(given);
    if (numSegments === 0 || numGroups === 0) return;
    const pass = encoder.beginComputePass({ label: "hicra group sums" });
    this.#dispatch(pass, rowIds ? this.#pipelines.named : this.#pipelines.dense, [
      given["sums"]!,
      given["counts"]!,
      given["groupIds"]!,
      given["rowIds"] ?? given["groupIds"]!,
      given["groupSums"]!,
      given["groupCounts"]!,
    ], numGroups);
    pass.end();
  }

  /**
   * Sums segments of typed arrays, as {@linkcode segmentSumsGpu} does, with the kernel and the buffers that are
   * there from the last call.
   *
   * @param values `[tokens]`.
   * @param offsets `[segments + 1]`: segment s is tokens `[offsets[s], offsets[s + 1])`.
   * @param inputs Classes and groups.
   * @returns Sums and counts, freshly allocated.
   * @throws {TypeError} If an array is of another type.
   * @throws {RangeError} If a length or an offset breaks the contract, or the tokens do not fit the device's
   * bindings or memory.
   */
  async run(
    values: Float32Array,
    offsets: Int32Array,
    { classes, groupIds }: SegmentSumsInputs = {},
  ): Promise<SegmentSums> {
    checkSegmentSums(values, offsets, classes, groupIds);
    const numSegments = offsets.length - 1;
    const rowIds = groupIds === undefined ? undefined : distinct(groupIds);
    const size = { numTokens: values.length, numSegments, numGroups: rowIds?.length ?? 0 };
    const found = values.length === 0 ? undefined : await transfer(
      this.#pool,
      "hicra segment sums",
      (transfers, encoder) => {
        const output = (name: string, numRows: number): Output => {
          const bytes = 4 * numRows * this.#numClasses;
          return { buffer: transfers.output(name, bytes), bytes };
        };
        const sums = output("sums", numSegments);
        const counts = output("counts", numSegments);
        const rows = { sums: sums.buffer, counts: counts.buffer };
        this.encode(encoder, {
          ...rows,
          values: transfers.upload("values", values),
          offsets: transfers.upload("offsets", offsets),
          ...(classes && { classes: transfers.upload("classes", classes) }),
        }, size);
        const totalSums = output("total sums", 1);
        const totalCounts = output("total counts", 1);
        this.encodeTotal(encoder, {
          ...rows,
          totalSums: totalSums.buffer,
          totalCounts: totalCounts.buffer,
        }, size);
        const groupSums = output("group sums", size.numGroups);
        const groupCounts = output("group counts", size.numGroups);
        if (groupIds && rowIds) {
          this.encodeGroups(encoder, {
            ...rows,
            groupIds: transfers.upload("group ids", groupIds),
            rowIds: transfers.upload("row ids", rowIds),
            groupSums: groupSums.buffer,
            groupCounts: groupCounts.buffer,
          }, size);
        }
        return { sums, counts, totalSums, totalCounts, groupSums, groupCounts };
      },
    );
    const rows = (numRows: number, sums?: ArrayBuffer, counts?: ArrayBuffer): ClassSums => ({
      sums: sums ? new Float32Array(sums) : new Float32Array(numRows * this.#numClasses),
      counts: counts ? new Uint32Array(counts) : new Uint32Array(numRows * this.#numClasses),
    });
    return {
      ...rows(numSegments, found?.sums, found?.counts),
      total: rows(1, found?.totalSums, found?.totalCounts),
      ...(rowIds && {
        groups: {
          groupIds: rowIds,
          ...rows(rowIds.length, found?.groupSums, found?.groupCounts),
        },
      }),
    };
  }

  /** Frees the kernel's own buffers. */
  destroy(): void {
    this.#partSums.destroy();
    this.#partCounts.destroy();
    this.#pool.destroy();
  }

  #dispatch(
    pass: GPUComputePassEncoder,
    pipeline: GPUComputePipeline,
    bindings: readonly Output[],
    workgroups: number,
  ): void {
    const resources = bindings.map(({ buffer, bytes }) => ({ buffer, size: bytes }));
    dispatchOn(this.#device, pass, pipeline, workgroups, resources);
  }

  #check(bindings: Bindings): void {
    checkBuffers(bindings, this.#device.limits.maxStorageBufferBindingSize);
  }
}

/**
 * Sums values by segment and class on a GPU: the twin of `segmentSums`, with the same inputs, outputs and
 * errors.
 *
 * A sum is a balanced tree of f32 additions over the tokens of its segment, so for n tokens it differs from the
 * exact sum by at most `ceil(log2 n) * 2^-24 / (1 - ceil(log2 n) * 2^-24)` times the sum of absolute values
 * (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 4.2): 1.0e-6 of it at 65,536 tokens.
 * A total or a group adds `ceil(log2 segments)` levels. Subnormal values may count as 0, and finite sums above
 * 3.4e38 become infinite.
 *
 * On one machine equal inputs give equal bits, and those of a segment depend on its own values and classes
 * only, not on what else is in the batch. Those of a total and of a group depend on the order of segments.
 *
 * This compiles, uploads and reads back, which costs milliseconds before any work: below some millions of
 * tokens in typed arrays the CPU is done before. A loop has a {@linkcode SegmentSumsKernel}.
 *
 * @example Usage
 * ```ts
 * import { GpuUnavailableError, requestDevice, segmentSumsGpu } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const device = await requestDevice().catch((error) => {
 *   if (error instanceof GpuUnavailableError) return null;
 *   throw error;
 * });
 * if (device !== null) {
 *   const entropies = Float32Array.of(1, 2, 4, 0.5, 8);
 *   const { sums, counts, groups } = await segmentSumsGpu(device, entropies, Int32Array.of(0, 3, 5), {
 *     classes: Uint8Array.of(0, 1, 1, 0, 255),
 *     numClasses: 2,
 *     groupIds: Int32Array.of(7, 7),
 *   });
 *   assert.deepEqual(sums, Float32Array.of(1, 6, 0.5, 0));
 *   assert.deepEqual(counts, Uint32Array.of(1, 2, 1, 0));
 *   assert.deepEqual(groups?.sums, Float32Array.of(1.5, 6));
 *   device.destroy();
 * }
 * ```
 *
 * @param device Where to run, from `requestDevice`; stays the caller's.
 * @param values `[tokens]`.
 * @param offsets `[segments + 1]`: segment s is tokens `[offsets[s], offsets[s + 1])`.
 * @param options Classes and groups.
 * @returns Sums and counts, freshly allocated.
 * @throws {TypeError} If an array is of another type.
 * @throws {RangeError} If a length, an offset or the number of classes breaks the contract, or the tokens do
 * not fit the device's bindings or memory.
 * @throws {ShaderError} If the device's compiler refuses a shader.
 * @throws {GpuWrongResultError} If the device computes something else than `segmentSums`.
 */
export async function segmentSumsGpu(
  device: GPUDevice,
  values: Float32Array,
  offsets: Int32Array,
  { numClasses = 1, ...inputs }: SegmentSumsOptions = {},
): Promise<SegmentSums> {
  checkNumClasses(numClasses);
  checkSegmentSums(values, offsets, inputs.classes, inputs.groupIds);
  const kernel = await SegmentSumsKernel.compile(device, { numClasses });
  try {
    return await kernel.run(values, offsets, inputs);
  } finally {
    kernel.destroy();
  }
}

type Pipelines = Readonly<
  Record<
    "classed" | "unclassed" | "tinyClassed" | "tiny" | "join" | "split" | "dense" | "named",
    GPUComputePipeline
  >
>;

type Bindings = Readonly<Record<string, Output & { readonly written?: boolean }>>;
