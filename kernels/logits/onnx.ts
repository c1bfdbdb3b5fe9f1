import {
  type InferenceSession,
  loadOnnxRuntime,
  type OnnxRuntime,
  type Tensor,
} from "../_onnx_runtime.ts";
import { model, type Node } from "../_onnx_model.ts";
import { type LogitDtype, logitReader, type Logits } from "../logit_dtype.ts";
import {
  badRow,
  checkLogitArrays,
  checkSettings,
  type LogitSettings,
  LOWEST,
} from "./_check_logits.ts";
import type { LogitStats, LogitStatsOptions } from "./reference.ts";

/** Options of {@linkcode LogitStatsSession.create}: what a training run fixes. */
export interface LogitStatsSessionOptions {
  /** Entries of the vocabulary: logits of one token. */
  readonly vocabSize: number;
  /** Element type of the logits; `"f32"` when left out. */
  readonly dtype?: LogitDtype;
  /** What logits are divided by before the softmax; 1 when left out. */
  readonly temperature?: number;
  /** Threads of onnxruntime; it chooses when left out. */
  readonly threads?: number;
}

const ACTION = "compute logit statistics";

/**
 * Logits that are worked on at a time. The five intermediate arrays of so many then stay in a processor's
 * cache: with whole batches every operator goes to memory and back, three times slower.
 */
const PIECE = 40_000;

/**
 * Logits to log-probabilities and entropies on the CPU, by onnxruntime: the vectorized twin of `logitStats`,
 * for machines without a GPU.
 *
 * Sums are taken in f32 within pieces of 40,000 logits at most, and joined in f64; inputs are exact in every
 * dtype. Results are within `2^-23 * (16 + d + n / 1,024)`, with `n` the logits of a piece and, for
 * `logprobs` and `logsumexps`, `d` the size of the result. Argmax and top-k mass are left to `logitStats` and
 * `LogitStatsKernel`.
 *
 * @example Usage
 * ```ts
 * import { LogitStatsSession } from "@hicra/hicra/onnx";
 * import assert from "node:assert/strict";
 *
 * const session = await LogitStatsSession.create({ vocabSize: 3, threads: 1 });
 * const logits = Float32Array.of(0, 0, -Infinity);
 * const { logprobs, entropies } = await session.run(logits, Int32Array.of(1));
 * assert.ok(Math.abs(logprobs[0]! - Math.log(1 / 2)) < 1e-6);
 * assert.ok(Math.abs(entropies[0]! - Math.log(2)) < 1e-6);
 * await session.release();
 * ```
 */
export class LogitStatsSession {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #settings: LogitSettings;
  /** 16-bit floats to f32 and where to; null for f32, which needs neither. */
  readonly #widen: Widening | null;

  private constructor(ort: OnnxRuntime, session: InferenceSession, settings: LogitSettings) {
    this.#ort = ort;
    this.#session = session;
    this.#settings = settings;
    this.#widen = settings.dtype === "f32" ? null : new Widening(settings.dtype, PIECE);
  }

  /**
   * Loads the graph.
   *
   * @param options Vocabulary, element type, temperature, threads.
   * @returns The session; `release` frees it.
   * @throws {RangeError} If an option is out of range.
   */
  static async create(
    { vocabSize, dtype = "f32", temperature = 1, threads = 0 }: LogitStatsSessionOptions,
  ): Promise<LogitStatsSession> {
    const settings: LogitSettings = { vocabSize, dtype, temperature };
    checkSettings(ACTION, settings);
    const ort = await loadOnnxRuntime();
    const session = await ort.InferenceSession.create(statsModel(settings), {
      intraOpNumThreads: threads,
      graphOptimizationLevel: "all",
    });
    return new LogitStatsSession(ort, session, settings);
  }

  /**
   * Runs on typed arrays.
   *
   * @param logits `[tokens x vocabSize]`, row by row.
   * @param tokenIds `[tokens]`: the sampled entry of each row; below 0 (such as -100) the token is left out.
   * @param options `lossMask`, as for `logitStats`.
   * @returns Statistics of each token, freshly allocated.
   * @throws {TypeError} If the logits' array is not that of the dtype.
   * @throws {RangeError} If a length or an id is out of range, or a token has no distribution.
   */
  async run(
    logits: Logits,
    tokenIds: Int32Array,
    { lossMask }: Pick<LogitStatsOptions, "lossMask"> = {},
  ): Promise<Pick<LogitStats, "logprobs" | "entropies" | "logsumexps">> {
    checkLogitArrays(ACTION, { logits, tokenIds, lossMask }, this.#settings);
    const { vocabSize, temperature } = this.#settings;
    const numTokens = tokenIds.length;
    const counts = (t: number) => lossMask?.[t] !== 0 && tokenIds[t]! >= 0;
    const logprobs = new Float32Array(numTokens);
    const entropies = new Float32Array(numTokens);
    const logsumexps = new Float32Array(numTokens);
    const rows = Math.max(1, Math.floor(PIECE / vocabSize));
    const columns = Math.ceil(vocabSize / Math.ceil(vocabSize / PIECE));
    for (let top = 0; top < numTokens;) {
      if (!counts(top)) {
        top++;
        continue;
      }
      let bottom = top + 1;
      while (bottom < numTokens && bottom < top + rows && counts(bottom)) bottom++;
      const sums = new RowSums(bottom - top, temperature);
      for (let left = 0; left < vocabSize; left += columns) {
        const right = Math.min(left + columns, vocabSize);
        // Either whole rows or a piece of one: neighbors in memory both ways.
        const piece = logits.subarray(
          top * vocabSize + left,
          (bottom - 1) * vocabSize + right,
        );
        sums.join(await this.#pieceSums(piece, bottom - top));
      }
      for (let t = top; t < bottom; t++) {
        const { largest, sum, weighted } = sums.of(t - top);
        if (!(sum > 0 && largest > LOWEST && largest < Infinity)) {
          throw badRow(ACTION, logits, t, this.#settings);
        }
        const logSum = Math.log(sum);
        const logit = this.#logit(logits, t * vocabSize + tokenIds[t]!);
        logprobs[t] = (logit - largest) / temperature - logSum;
        entropies[t] = Math.max(0, logSum - weighted / sum);
        logsumexps[t] = largest / temperature + logSum;
      }
      top = bottom;
    }
    return { logprobs, entropies, logsumexps };
  }

  /** Frees the graph. */
  async release(): Promise<void> {
    await this.#session.release();
  }

  async #pieceSums(piece: Logits, rows: number): Promise<PieceSums> {
    const values = this.#widen === null ? piece : this.#widen.widen(piece as Uint16Array);
    const shape = [rows, piece.length / rows];
    const { largest, sum, weighted } = await this.#session.run({
      logits: new this.#ort.Tensor("float32", values as Float32Array, shape),
    });
    const data = (tensor: Tensor | undefined) => tensor!.data as Float32Array;
    return { largest: data(largest), sum: data(sum), weighted: data(weighted) };
  }

  #logit(logits: Logits, index: number): number {
    return logitReader(logits, this.#settings.dtype)(index);
  }
}

/** Widens 16-bit floats by a table, as onnxruntime-node takes no tensors of bf16, nor of f16 in every runtime. */
class Widening {
  readonly #table: Uint32Array = new Uint32Array(0x10000);
  readonly #bits: Uint32Array<ArrayBuffer>;
  readonly #values: Float32Array;

  constructor(dtype: LogitDtype, capacity: number) {
    const read = logitReader(Uint16Array.from(this.#table.keys()), dtype);
    const values = new Float32Array(this.#table.buffer);
    for (let bits = 0; bits < values.length; bits++) values[bits] = read(bits);
    this.#bits = new Uint32Array(capacity);
    this.#values = new Float32Array(this.#bits.buffer);
  }

  /** The values, until the next call. */
  widen(from: Uint16Array): Float32Array {
    const table = this.#table;
    const bits = this.#bits;
    for (let i = 0; i < from.length; i++) bits[i] = table[from[i]!]!;
    return this.#values.subarray(0, from.length);
  }
}

/** Of each row of a piece: the largest logit, and sums relative to it over the temperature. */
interface PieceSums {
  readonly largest: Float32Array;
  readonly sum: Float32Array;
  readonly weighted: Float32Array;
}

/** The sums of rows over their pieces. */
class RowSums {
  readonly #temperature: number;
  readonly #largest: Float64Array;
  readonly #sum: Float64Array;
  readonly #weighted: Float64Array;

  constructor(rows: number, temperature: number) {
    this.#temperature = temperature;
    this.#largest = new Float64Array(rows).fill(LOWEST);
    this.#sum = new Float64Array(rows);
    this.#weighted = new Float64Array(rows);
  }

  join({ largest, sum, weighted }: PieceSums): void {
    for (let row = 0; row < largest.length; row++) {
      const most = Math.max(this.#largest[row]!, largest[row]!);
      this.#lower(row, most);
      const drop = (largest[row]! - most) / this.#temperature;
      const factor = Math.exp(drop);
      this.#sum[row]! += sum[row]! * factor;
      if (factor > 0) this.#weighted[row]! += (weighted[row]! + drop * sum[row]!) * factor;
      // NaN, of a piece that holds one, stays.
      if (Number.isNaN(factor)) this.#sum[row] = NaN;
    }
  }

  of(row: number): { largest: number; sum: number; weighted: number } {
    return {
      largest: this.#largest[row]!,
      sum: this.#sum[row]!,
      weighted: this.#weighted[row]!,
    };
  }

  #lower(row: number, most: number): void {
    const drop = (this.#largest[row]! - most) / this.#temperature;
    const factor = Math.exp(drop);
    this.#weighted[row] = factor > 0 ? (this.#weighted[row]! + drop * this.#sum[row]!) * factor : 0;
    this.#sum[row]! *= factor;
    this.#largest[row] = most;
  }
}

/** Below this an exponential is 0 in f32, and its product with the distance is one with a finite number. */
const DEPTH = -200;

function statsModel({ temperature }: LogitSettings): Uint8Array {
  const scalar = (name: string, value: number) => ({
    name,
    type: "float32" as const,
    shape: [],
    data: Float32Array.of(value),
  });
  const node = (operator: string, inputs: string[], output: string, keepdims?: 0 | 1): Node => ({
    operator,
    inputs,
    outputs: [output],
    ...keepdims === undefined ? {} : {
      attributes: {
        keepdims: { int: keepdims },
        ...operator === "ReduceMax" ? { axes: { ints: [1] } } : {},
      },
    },
  });
  const distances = temperature === 1 ? "differences" : "distances";
  return model({
    name: "logit statistics",
    opset: 13,
    inputs: [{
      name: "logits",
      type: "float32",
      shape: ["rows", "columns"],
    }],
    outputs: ["largest", "sum", "weighted"].map((name) => ({
      name,
      type: "float32",
      shape: ["rows", 1],
    })),
    initializers: [
      scalar("lowest", LOWEST),
      scalar("depth", DEPTH),
      ...temperature === 1 ? [] : [scalar("scale", 1 / temperature)],
      { name: "columns axis", type: "int64", shape: [1], data: BigInt64Array.of(1n) },
    ],
    nodes: [
      node("ReduceMax", ["logits"], "most", 1),
      // A piece whose logits are all masked: -inf minus -inf would be NaN.
      node("Max", ["most", "lowest"], "largest"),
      node("Sub", ["logits", "largest"], "differences"),
      ...temperature === 1 ? [] : [node("Mul", ["differences", "scale"], "distances")],
      node("Max", [distances, "depth"], "depths"),
      node("Exp", ["depths"], "weights"),
      node("ReduceSum", ["weights", "columns axis"], "sum", 1),
      node("Mul", ["weights", "depths"], "products"),
      node("ReduceSum", ["products", "columns axis"], "weighted", 1),
    ],
  });
}
