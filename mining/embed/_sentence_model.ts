import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import {
  type InferenceSession,
  loadOnnxRuntime,
  type OnnxRuntime,
  type Tensor,
} from "../../kernels/internal.ts";
import type { EmbedOptions } from "./embedder.ts";

/** What can be fed to a model of sentences. */
const INPUTS: readonly string[] = ["input_ids", "attention_mask", "token_type_ids"];
/** What a model of sentences gives: vectors of tokens, or of texts. */
const TOKEN_OUTPUTS: readonly string[] = ["last_hidden_state", "token_embeddings"];
const POOLED_OUTPUT = "sentence_embedding";

/** Options of {@linkcode SentenceModel.create}. */
export interface SentenceModelOptions {
  /** What the messages of errors call the model. */
  readonly name: string;
  /** Threads of onnxruntime; 0 leaves the number to it. */
  readonly threads: number;
}

/** Options of {@linkcode SentenceModel.embed}. */
export interface EmbedTokensOptions extends EmbedOptions {
  /** Most texts of a batch. */
  readonly batchSize: number;
}

/**
 * An ONNX model that embeds texts given as token ids, with mean pooling where it does not pool itself.
 *
 * Only texts of equal length share a batch, so nothing is ever padded. No step of a model in floating
 * point then mixes the rows of a batch, and the vector of a text is the same bytes in every batch.
 */
export class SentenceModel {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #name: string;
  readonly #output: string;

  private constructor(
    ort: OnnxRuntime,
    session: InferenceSession,
    { name, output }: { name: string; output: string },
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#name = name;
    this.#output = output;
  }

  static async create(model: Uint8Array, options: SentenceModelOptions): Promise<SentenceModel> {
    const { name, threads } = options;
    const ort = await loadOnnxRuntime();
    let session: InferenceSession;
    try {
      // Level 4 writes fatal errors only: all others are thrown, and need not be printed as well.
      session = await ort.InferenceSession.create(model, {
        intraOpNumThreads: threads,
        logSeverityLevel: 4,
      });
    } catch (error) {
      throw new InputTypeError(
        `Cannot load "${name}" as it must be an ONNX model in one file: ${
          (error as Error).message
        }`,
        { cause: error },
      );
    }
    try {
      checkInputs(session.inputMetadata, name);
      return new SentenceModel(ort, session, { name, output: chooseOutput(session, name) });
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /** Vectors of norm 1, [texts x dimensions], of at least one text with at least one token each. */
  async embed(
    tokens: readonly Int32Array[],
    options: EmbedTokensOptions,
  ): Promise<{ vectors: Float32Array; dimensions: number }> {
    const { batchSize, signal, onProgress } = options;
    let vectors = new Float32Array(0);
    let dimensions = 0;
    let done = 0;
    for (const batch of equalLengthBatches(tokens, batchSize)) {
      signal?.throwIfAborted();
      const { values, shape } = await this.#run(batch.map((text) => tokens[text]!));
      if (dimensions === 0) {
        dimensions = shape.at(-1)!;
        vectors = new Float32Array(tokens.length * dimensions);
      }
      const size = values.length / batch.length;
      for (const [b, text] of batch.entries()) {
        const row = values.subarray(b * size, (b + 1) * size);
        const unit = vectors.subarray(text * dimensions, (text + 1) * dimensions);
        poolUnit(row, unit, this.#name);
      }
      done += batch.length;
      onProgress?.(done, tokens.length);
    }
    return { vectors, dimensions };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  async #run(
    tokens: readonly Int32Array[],
  ): Promise<{ values: Float32Array; shape: readonly number[] }> {
    const shape = [tokens.length, tokens[0]!.length];
    const ids = new BigInt64Array(shape[0]! * shape[1]!);
    for (const [b, text] of tokens.entries()) {
      for (let t = 0; t < text.length; t++) ids[b * text.length + t] = BigInt(text[t]!);
    }
    const feeds: Record<string, Tensor> = {};
    for (const name of this.#session.inputNames) {
      // No token is padding, so the mask is 1; a single text is of type 0.
      const values = name === "input_ids"
        ? ids
        : new BigInt64Array(ids.length).fill(name === "attention_mask" ? 1n : 0n);
      feeds[name] = new this.#ort.Tensor("int64", values, shape);
    }
    let output: Tensor;
    try {
      output = (await this.#session.run(feeds, [this.#output]))[this.#output]!;
    } catch (error) {
      throw this.#explain(error, tokens);
    }
    const { data, dims } = output;
    const expected = this.#output === POOLED_OUTPUT ? shape.slice(0, 1) : shape;
    if (
      !(data instanceof Float32Array) || dims.length !== expected.length + 1 ||
      expected.some((size, axis) => dims[axis] !== size) || dims.at(-1) === 0
    ) {
      throw new InputTypeError(
        `Cannot embed as ${this.#output} of "${this.#name}" must be float32 of shape ` +
          `[${expected.join(", ")}, dimensions]: current value is ${output.type} of shape ` +
          `[${dims.join(", ")}]`,
      );
    }
    return { values: data, shape: dims };
  }

  /** What onnxruntime says of a node, in terms of texts and tokens. */
  #explain(error: unknown, tokens: readonly Int32Array[]): Error {
    const message = (error as Error).message;
    const index = Number(message.match(/out of data bounds, idx=(-?\d+)/)?.[1]);
    if (tokens.some((text) => text.includes(index))) {
      return new InputRangeError(
        `Cannot embed as model and tokenizer must fit: "${this.#name}" does not know token id ` +
          `${index}, pass the tokenizer.json of the model`,
        { cause: error },
      );
    }
    return new InputRangeError(
      `Cannot embed texts of ${
        tokens[0]!.length
      } tokens as "${this.#name}" failed, pass a smaller ` +
        `maxTokens if it takes fewer tokens: ${message}`,
      { cause: error },
    );
  }
}

/** Parts texts by length, the shortest first, into batches of at most `batchSize`. */
function equalLengthBatches(tokens: readonly Int32Array[], batchSize: number): number[][] {
  const byLength = new Map<number, number[]>();
  for (const [text, { length }] of tokens.entries()) {
    const group = byLength.get(length);
    if (group === undefined) byLength.set(length, [text]);
    else group.push(text);
  }
  const batches: number[][] = [];
  for (const length of [...byLength.keys()].sort((a, b) => a - b)) {
    const group = byLength.get(length)!;
    for (let first = 0; first < group.length; first += batchSize) {
      batches.push(group.slice(first, first + batchSize));
    }
  }
  return batches;
}

/** The mean of rows of the length of `unit`, divided by its norm, in float64 and rounded once. */
function poolUnit(rows: Float32Array, unit: Float32Array, name: string): void {
  const mean = new Float64Array(unit.length);
  for (let start = 0; start < rows.length; start += unit.length) {
    for (let k = 0; k < unit.length; k++) mean[k]! += rows[start + k]!;
  }
  let square = 0;
  for (let k = 0; k < mean.length; k++) square += mean[k]! * mean[k]!;
  if (!(square > 0 && square < Infinity)) {
    throw new InputRangeError(
      `Cannot embed as a vector must be finite and not zero: "${name}" gives one of squared norm ${square}`,
    );
  }
  const norm = Math.sqrt(square);
  for (let k = 0; k < unit.length; k++) unit[k] = mean[k]! / norm;
}

function checkInputs(inputs: readonly InferenceSession.ValueMetadata[], name: string): void {
  if (!inputs.some((input) => input.name === "input_ids")) {
    throw new InputTypeError(
      `Cannot embed with "${name}" as it must have the input input_ids: it has ${
        inputs.map((input) => input.name).join(", ")
      }`,
    );
  }
  for (const input of inputs) {
    if (!INPUTS.includes(input.name)) {
      throw new InputTypeError(
        `Cannot embed with "${name}" as its inputs must be among ${
          INPUTS.join(", ")
        }: it also has ` +
          input.name,
      );
    }
    if (!input.isTensor || input.type !== "int64") {
      throw new InputTypeError(
        `Cannot embed with "${name}" as its inputs must be of type int64: ${input.name} is ` +
          (input.isTensor ? input.type : "no tensor"),
      );
    }
  }
}

function chooseOutput({ outputNames }: InferenceSession, name: string): string {
  const known = [POOLED_OUTPUT, ...TOKEN_OUTPUTS];
  const output = known.find((candidate) => outputNames.includes(candidate));
  if (output !== undefined) return output;
  throw new InputTypeError(
    `Cannot embed with "${name}" as it must have one of the outputs ${known.join(", ")}: it has ` +
      outputNames.join(", "),
  );
}
