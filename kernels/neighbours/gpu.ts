import { InputRangeError } from "../../batch/mod.ts";
import { captureErrors } from "../_capture_errors.ts";
import { checkBuffers, checkSize } from "../_check_buffers.ts";
import { compilePipeline } from "../_compile_pipeline.ts";
import { workgroupGrid } from "../_dispatch.ts";
import { selfCheck } from "../_self_check.ts";
import { type Output, transfer, Transfers } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { checkEpsilon, checkNumIndices } from "../../mining/cluster/_check_epsilon.ts";
import { compareNeighbours } from "./_compare.ts";
import { cosineDistance, type Directions, directions, roundingError } from "../../mining/cluster/directions.ts";
import type { Neighbours, NeighboursOptions } from "./reference.ts";
import { COUNT_NEIGHBOURS_SHADER, LIST_NEIGHBOURS_SHADER, TILE_ROWS } from "./shader.ts";

/** Products in one submission of `run`: more could keep a small GPU so long that its driver resets it. */
const SUBMITTED_PRODUCTS = 2 ** 38;

/** Set in an index whose pair the products of f32 cannot tell. */
const UNCERTAIN = 2 ** 31;

/** Options of {@linkcode NeighboursKernel.compile}. */
export interface NeighboursKernelOptions extends NeighboursOptions {
  /** Numbers in a row. */
  readonly dimensions: number;
}

/** Buffers of {@linkcode NeighboursKernel.encodeCounts}; all need `GPUBufferUsage.STORAGE`. */
export interface NeighbourCountBuffers {
  /** `[numRows x dimensions]`, f32, rows of length 1: read only. */
  readonly vectors: GPUBuffer;
  /** `[end - begin]`, u32: written. */
  readonly counts: GPUBuffer;
}

/** Buffers of {@linkcode NeighboursKernel.encodeLists}; all need `GPUBufferUsage.STORAGE`. */
export interface NeighbourListBuffers {
  /** `[numRows x dimensions]`, f32, rows of length 1: read only. */
  readonly vectors: GPUBuffer;
  /** `[end - begin + 1]`, u32, the running sum of the counts from 0: read only. */
  readonly offsets: GPUBuffer;
  /** `[numIndices]`, u32, the neighbours of one row after another, ascending: written. */
  readonly indices: GPUBuffer;
}

/** Which rows a pass of {@linkcode NeighboursKernel} is for. */
export interface NeighbourRows {
  /** Number of rows in `vectors`, among which neighbours are looked for. */
  readonly numRows: number;
  /** First row whose neighbours are looked for, a multiple of 64; 0 when left out. */
  readonly begin?: number;
  /** Row after the last; `numRows` when left out. */
  readonly end?: number;
}

/** Options of {@linkcode NeighboursKernel.encodeLists}. */
export interface NeighbourListOptions extends NeighbourRows {
  /** Room in `indices`: what the offsets end with. What lies beyond is not written. */
  readonly numIndices: number;
  /** Set the top bit of indices that rounding may have let in; false when left out. */
  readonly markUncertain?: boolean;
}

/**
 * Cosine neighbours on buffers that live on the GPU, for unit vectors: a pass that counts, then, as only the
 * counts tell how long the lists are, a pass that lists.
 *
 * The buffers hold every neighbour within epsilon, the row itself among them, and may hold some whose distance is
 * above it by at most `2 (dimensions + 9) 2^-24` (1.6e-5 at 128 dimensions): products are f32, and the kernel errs
 * to the side of a neighbour too many. Lists are ascending, and equal vectors give equal bits on one machine.
 * {@linkcode NeighboursKernel.run} on typed arrays compares those in float64, and is exact. What stands in the
 * buffers is not checked.
 *
 * @example Usage
 * ```ts
 * import type { NeighbourCountBuffers, NeighboursKernel } from "@hicra/hicra/kernels";
 *
 * function countStep(
 *   device: GPUDevice,
 *   kernel: NeighboursKernel, // NeighboursKernel.compile(device, { dimensions: 128, epsilon: 0.1 }), once
 *   buffers: NeighbourCountBuffers,
 *   numRows: number,
 * ): void {
 *   const encoder = device.createCommandEncoder({ label: "neighbours" });
 *   kernel.encodeCounts(encoder, buffers, { numRows });
 *   device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export class NeighboursKernel {
  readonly #device: GPUDevice;
  readonly #options: NeighboursKernelOptions;
  readonly #pipelines: Pipelines;
  readonly #pool: BufferPool;

  private constructor(device: GPUDevice, options: NeighboursKernelOptions, pipelines: Pipelines) {
    this.#device = device;
    this.#options = options;
    this.#pipelines = pipelines;
    this.#pool = new BufferPool(device);
  }

  /**
   * Compiles the kernel for a device, and compares a few lists with those of `neighbours`, once for a device and
   * options.
   *
   * @param device Device of the buffers; stays the caller's.
   * @param options Dimensions and epsilon.
   * @returns The kernel. It holds no buffers but what `run` keeps: `destroy()` frees it.
   * @throws {RangeError} If dimensions or epsilon are out of their range.
   * @throws {ShaderError} If the device's compiler refuses a shader.
   * @throws {GpuWrongResultError} If the device computes something else than `neighbours`.
   */
  static async compile(
    device: GPUDevice,
    { dimensions, epsilon }: NeighboursKernelOptions,
  ): Promise<NeighboursKernel> {
    checkEpsilon(epsilon);
    if (!Number.isInteger(dimensions) || dimensions < 1) {
      throw new InputRangeError(
        `Cannot find neighbours as dimensions must be a whole number from 1: ` +
          `current value is ${dimensions}`,
      );
    }
    // Rounding the thresholds to f32, by 2^-24 at most, must not narrow what is between.
    const error = roundingError(dimensions) + 2 ** -24;
    const thresholds = {
      dimensions,
      leastProduct: 1 - epsilon - error,
      certainProduct: 1 - epsilon + error,
    };
    const compile = (
      code: string,
      constants: Record<string, number>,
    ): Promise<GPUComputePipeline> =>
      compilePipeline(device, {
        label: "hicra neighbours",
        code,
        constants: { ...thresholds, ...constants },
      });
    const [count, list, markedList] = await Promise.all([
      compile(COUNT_NEIGHBOURS_SHADER, {}),
      compile(LIST_NEIGHBOURS_SHADER, {}),
      compile(LIST_NEIGHBOURS_SHADER, { markUncertain: 1 }),
    ]);
    const options = { dimensions, epsilon };
    const kernel = new NeighboursKernel(device, options, { count, list, markedList });
    await selfCheck(
      device,
      { kernel: "NeighboursKernel", reference: "neighbours", settings: options },
      () => compareNeighbours((vectors) => kernel.run(vectors), options),
    );
    kernel.destroy();
    return kernel;
  }

  /**
   * Appends the pass that counts to `encoder`; the caller submits. No rows, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Vectors and output.
   * @param rows How many rows there are, and which are counted for.
   * @throws {RangeError} If the rows are no range from a multiple of 64, or a buffer is too small, above
   * `maxStorageBufferBindingSize`, or both read and written.
   */
  encodeCounts(
    encoder: GPUCommandEncoder,
    { vectors, counts }: NeighbourCountBuffers,
    rows: NeighbourRows,
  ): void {
    const range = checkRange(rows);
    this.#encode(encoder, this.#pipelines.count, range, {
      vectors: { buffer: vectors, bytes: this.#rowBytes(range.numRows) },
      counts: { buffer: counts, bytes: 4 * (range.end - range.begin), written: true },
    });
  }

  /**
   * Appends the pass that lists to `encoder`; the caller submits. No rows or no room, no pass.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Vectors, offsets and output.
   * @param options How many rows there are, which are listed for, and the room.
   * @throws {RangeError} As for `encodeCounts`.
   */
  encodeLists(
    encoder: GPUCommandEncoder,
    { vectors, offsets, indices }: NeighbourListBuffers,
    { numIndices, markUncertain = false, ...rows }: NeighbourListOptions,
  ): void {
    const range = checkRange(rows);
    checkSize("numIndices", numIndices);
    if (numIndices === 0) return;
    const pipeline = markUncertain ? this.#pipelines.markedList : this.#pipelines.list;
    this.#encode(encoder, pipeline, range, {
      vectors: { buffer: vectors, bytes: this.#rowBytes(range.numRows) },
      offsets: { buffer: offsets, bytes: 4 * (range.end - range.begin + 1) },
      indices: { buffer: indices, bytes: 4 * numIndices, written: true },
    });
  }

  /**
   * Lists the neighbours of typed arrays, as {@linkcode neighboursGpu} does, with the kernel and the buffers that
   * are there from the last call.
   *
   * @param vectors `[rows x dimensions]`, of any length but zero.
   * @returns The lists, freshly allocated.
   * @throws {TypeError} If the vectors are no whole number of rows.
   * @throws {RangeError} If a vector is zero or not finite, there are 2^31 neighbours or more, or what 64 rows need
   * does not fit the device's bindings or memory.
   */
  async run(vectors: Float32Array): Promise<Neighbours> {
    const { dimensions, epsilon } = this.#options;
    const rows = directions(vectors, dimensions, { action: "find neighbours" });
    if (rows.rows === 0) return { offsets: new Int32Array(1), indices: new Int32Array(0) };
    const label = "hicra neighbours";
    const held = new Transfers(this.#pool, label);
    try {
      const units = await captureErrors(
        this.#device,
        label,
        () => held.upload("vectors", rows.units),
      );
      const ends = await this.#candidateEnds(units, rows.rows);
      const lists = new Lists(rows, epsilon, ends);
      for (const [begin, end] of this.#listRanges(ends)) {
        const candidates = await this.#candidates(units, ends, begin, end);
        lists.add(begin, end, candidates);
      }
      return lists.finish();
    } finally {
      held.release();
    }
  }

  /** Frees the buffers that `run` keeps. */
  destroy(): void {
    this.#pool.destroy();
  }

  /** The running sum of the counts of candidates: where the list of each row ends. */
  async #candidateEnds(units: GPUBuffer, numRows: number): Promise<Float64Array> {
    const ends = new Float64Array(numRows);
    const step = this.#submittedRows(numRows);
    let total = 0;
    for (let begin = 0; begin < numRows; begin += step) {
      const end = Math.min(begin + step, numRows);
      const { counts } = await transfer(
        this.#pool,
        "hicra neighbour counts",
        (transfers, encoder) => {
          const bytes = 4 * (end - begin);
          const counts = transfers.output("counts", bytes);
          this.encodeCounts(encoder, { vectors: units, counts }, { numRows, begin, end });
          return { counts: { buffer: counts, bytes } };
        },
      );
      for (const [i, count] of new Uint32Array(counts).entries()) ends[begin + i] = total += count;
    }
    checkNumIndices(total);
    return ends;
  }

  /** Ranges of rows whose candidates fit a binding, and whose products fit a submission. */
  *#listRanges(ends: Float64Array): Generator<[begin: number, end: number]> {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const room = Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4);
    const numRows = ends.length;
    const step = this.#submittedRows(numRows);
    for (let begin = 0; begin < numRows;) {
      const before = ends[begin - 1] ?? 0;
      let end = Math.min(begin + TILE_ROWS, numRows);
      const needed = ends[end - 1]! - before;
      if (needed > room) {
        throw new InputRangeError(
          `Cannot list neighbours as those of ${TILE_ROWS} rows must fit a binding, ${room} indices: rows ` +
            `${begin} to ${end - 1} have ${needed}, lower epsilon or drop duplicates`,
        );
      }
      for (let next = end; next < numRows && next - begin < step;) {
        next = Math.min(next + TILE_ROWS, numRows);
        if (ends[next - 1]! - before > room) break;
        end = next;
      }
      yield [begin, end];
      begin = end;
    }
  }

  async #candidates(
    units: GPUBuffer,
    ends: Float64Array,
    begin: number,
    end: number,
  ): Promise<Uint32Array> {
    const before = ends[begin - 1] ?? 0;
    const offsets = new Uint32Array(end - begin + 1);
    for (let i = begin; i < end; i++) offsets[i - begin + 1] = ends[i]! - before;
    const numIndices = offsets.at(-1)!;
    const { indices } = await transfer(
      this.#pool,
      "hicra neighbour lists",
      (transfers, encoder) => {
        const indices = transfers.output("indices", 4 * numIndices);
        const buffers = {
          vectors: units,
          offsets: transfers.upload("offsets", offsets),
          indices,
        };
        const rows = { numRows: ends.length, begin, end };
        this.encodeLists(encoder, buffers, { ...rows, numIndices, markUncertain: true });
        return { indices: { buffer: indices, bytes: 4 * numIndices } };
      },
    );
    return new Uint32Array(indices);
  }

  #submittedRows(numRows: number): number {
    const fit = Math.floor(SUBMITTED_PRODUCTS / (numRows * this.#options.dimensions));
    return Math.max(TILE_ROWS, fit - fit % TILE_ROWS);
  }

  #rowBytes(numRows: number): number {
    return 4 * numRows * this.#options.dimensions;
  }

  #encode(
    encoder: GPUCommandEncoder,
    pipeline: GPUComputePipeline,
    { begin, end }: Required<NeighbourRows>,
    bindings: Readonly<Record<string, Output & { readonly written?: boolean }>>,
  ): void {
    const { limits } = this.#device;
    checkBuffers(bindings, limits.maxStorageBufferBindingSize);
    if (begin === end) return;
    // 64 rows are a multiple of 256 bytes, which the offset of a binding must be.
    const rows = {
      buffer: bindings["vectors"]!.buffer,
      offset: this.#rowBytes(begin),
      size: this.#rowBytes(end - begin),
    };
    const whole = Object.values(bindings).map(({ buffer, bytes }) => ({ buffer, size: bytes }));
    const pass = encoder.beginComputePass({ label: "hicra neighbours" });
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      this.#device.createBindGroup({
        label: "hicra neighbours",
        layout: pipeline.getBindGroupLayout(0),
        entries: [rows, ...whole].map((resource, binding) => ({ binding, resource })),
      }),
    );
    pass.dispatchWorkgroups(
      ...workgroupGrid(
        Math.ceil((end - begin) / TILE_ROWS),
        limits.maxComputeWorkgroupsPerDimension,
      ),
    );
    pass.end();
  }
}

/**
 * Lists the neighbours of every row vector on a GPU: the twin of `neighbours`, with the same inputs, outputs and
 * errors.
 *
 * The lists are equal to the reference's: the GPU marks pairs whose f32 product lies as near to epsilon as rounding
 * reaches, and those alone are compared again in f64 on the CPU. Rows go to the device in ranges whose lists fit a
 * binding; the vectors must fit one as a whole.
 *
 * This compiles, uploads and reads back, which costs milliseconds before any work. For several sets of vectors there
 * is {@linkcode NeighboursKernel.run}.
 *
 * @example Usage
 * ```ts
 * import { GpuUnavailableError, neighboursGpu, requestDevice } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const device = await requestDevice().catch((error) => {
 *   if (error instanceof GpuUnavailableError) return null;
 *   throw error;
 * });
 * if (device !== null) {
 *   const vectors = Float32Array.from([[1, 0], [0, 2], [3, 0.1]].flat());
 *   const { offsets, indices } = await neighboursGpu(device, vectors, 2, { epsilon: 0.05 });
 *   assert.deepEqual(offsets, Int32Array.of(0, 2, 3, 5));
 *   assert.deepEqual(indices, Int32Array.from([[0, 2], [1], [0, 2]].flat()));
 *   device.destroy();
 * }
 * ```
 *
 * @param device Where to run, from `requestDevice`; stays the caller's.
 * @param vectors `[rows x dimensions]`, of any length but zero.
 * @param dimensions Numbers in a row.
 * @param options Epsilon.
 * @returns The lists, freshly allocated.
 * @throws {TypeError} If the vectors are no whole number of rows.
 * @throws {RangeError} If a vector is zero or not finite, dimensions or epsilon are out of their range, there are 2^31
 * neighbours or more, or what 64 rows need does not fit the device's bindings or memory.
 * @throws {ShaderError} If the device's compiler refuses a shader.
 * @throws {GpuWrongResultError} If the device computes something else than `neighbours`.
 */
export async function neighboursGpu(
  device: GPUDevice,
  vectors: Float32Array,
  dimensions: number,
  { epsilon }: NeighboursOptions,
): Promise<Neighbours> {
  const kernel = await NeighboursKernel.compile(device, { dimensions, epsilon });
  try {
    return await kernel.run(vectors);
  } finally {
    kernel.destroy();
  }
}

/** Lists that grow range by range, without the candidates that f64 refuses. */
class Lists {
  readonly #rows: Directions;
  readonly #epsilon: number;
  readonly #ends: Float64Array;
  readonly #offsets: Int32Array;
  readonly #indices: Int32Array;

  constructor(rows: Directions, epsilon: number, ends: Float64Array) {
    this.#rows = rows;
    this.#epsilon = epsilon;
    this.#ends = ends;
    this.#offsets = new Int32Array(rows.rows + 1);
    this.#indices = new Int32Array(ends.at(-1)!);
  }

  /** Takes the candidates of the rows `[begin, end)`. */
  add(begin: number, end: number, candidates: Uint32Array): void {
    const before = this.#ends[begin - 1] ?? 0;
    let next = this.#offsets[begin]!;
    let at = 0;
    for (let i = begin; i < end; i++) {
      for (const last = this.#ends[i]! - before; at < last; at++) {
        const candidate = candidates[at]!;
        const j = candidate % UNCERTAIN;
        if (candidate >= UNCERTAIN && !this.#near(i, j)) continue;
        this.#indices[next++] = j;
      }
      this.#offsets[i + 1] = next;
    }
  }

  finish(): Neighbours {
    const length = this.#offsets.at(-1)!;
    const indices = length === this.#indices.length
      ? this.#indices
      : this.#indices.slice(0, length);
    return { offsets: this.#offsets, indices };
  }

  #near(i: number, j: number): boolean {
    return i === j || cosineDistance(this.#rows, i, j) <= this.#epsilon;
  }
}

type Pipelines = Readonly<Record<"count" | "list" | "markedList", GPUComputePipeline>>;

function checkRange(
  { numRows, begin = 0, end = numRows }: NeighbourRows,
): Required<NeighbourRows> {
  checkSize("numRows", numRows);
  if (!Number.isInteger(begin) || begin < 0 || begin % TILE_ROWS !== 0) {
    throw new InputRangeError(
      `Cannot encode as begin must be a multiple of ${TILE_ROWS}: current value is ${begin}`,
    );
  }
  if (!Number.isInteger(end) || end < begin || end > numRows) {
    throw new InputRangeError(
      `Cannot encode as end must be from begin, ${begin}, to numRows, ${numRows}: ` +
        `current value is ${end}`,
    );
  }
  return { numRows, begin, end };
}
