import { Tokenizer } from "@huggingface/tokenizers";
import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../../batch/mod.ts";
import { digestOf } from "../_digest.ts";
import { checkCount } from "../_check_count.ts";
import { SentenceModel } from "./_sentence_model.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";
import { fetchHubFile, type HubFile, type HubOptions } from "./hub_file.ts";

/** Options of {@linkcode sentenceTransformer}. */
export interface SentenceTransformerOptions extends HubOptions {
  /** Path of the ONNX model, or where it lies on the hub. */
  readonly model: string | HubFile;
  /** Path of the model's `tokenizer.json`, or where it lies on the hub. */
  readonly tokenizer: string | HubFile;
  /** Name of the embedder, for reports. Default: the model's file. */
  readonly name?: string;
  /** Tokens of a text, special ones among them, beyond which it is cut. Default 128. */
  readonly maxTokens?: number;
  /**
   * Most texts of a batch. Default 64; 1 if the model quantizes activations as it runs, because then
   * a text's vector depends on what shares its batch.
   */
  readonly batchSize?: number;
  /** Threads of onnxruntime. Default 0, which leaves the number to it. */
  readonly threads?: number;
}

/**
 * Loads a sentence-transformer: an ONNX model with its `tokenizer.json`.
 *
 * The model takes `input_ids` and, if it asks, `attention_mask` and `token_type_ids`. It gives
 * `sentence_embedding`, [texts x dimensions], which is taken as it is, or `last_hidden_state` or
 * `token_embeddings`, [texts x tokens x dimensions], of which the mean over all tokens of the text is
 * taken, special ones among them. Vectors are divided by their norm. Models that want another pooling
 * must bring it, as `sentence_embedding`.
 *
 * Only texts with equally many tokens share a batch. Nothing is padded, and the vector of a text is
 * the same bytes whatever other texts are embedded with it: with float32 and weight-only int8 exports
 * of all-MiniLM-L6-v2 no bit differs between batches of 1 to 256 texts and 1 and 2 threads. Processors
 * with other instructions may round otherwise, and so may a model that pools itself in batches of other
 * sizes, as the order of onnxruntime's sums depends on them.
 *
 * That does not hold for models that are quantized dynamically (`DynamicQuantizeLinear`: one scale for
 * the activations of a batch), so their texts are embedded one by one. A `batchSize` above 1 makes
 * them half as fast again, and moves vectors: with such an export of the same model, cosines between
 * a text's vectors in two batches fall to 0.93. The batch size then is part of the digest.
 *
 * @example Usage
 * ```ts ignore
 * import { sentenceTransformer } from "@hicra/hicra/mining";
 *
 * const embedder = await sentenceTransformer({
 *   model: "all-MiniLM-L6-v2/model.onnx",
 *   tokenizer: "all-MiniLM-L6-v2/tokenizer.json",
 * });
 * const vectors = await embedder.embed(["let's check this", "let me verify"]);
 * ```
 *
 * @param options Model, tokenizer, batches and threads.
 * @returns The embedder.
 * @throws {RangeError} If an option is out of its range, or model and tokenizer do not fit.
 * @throws {TypeError} If the model has other inputs or outputs, or a file is of another kind.
 * @throws {SyntaxError} If the tokenizer is not JSON.
 * @throws {Error} If a file cannot be read or fetched, as {@linkcode fetchHubFile}.
 */
export async function sentenceTransformer(
  options: SentenceTransformerOptions,
): Promise<Embedder> {
  const { maxTokens = 128, threads = 0 } = options;
  checkCount("embed", "maxTokens", maxTokens, 1);
  checkCount("embed", "threads", threads, 0);
  if (options.batchSize !== undefined) checkCount("embed", "batchSize", options.batchSize, 1);

  const tokenizer = await readSource(options.tokenizer, options);
  const encode = createEncoder(tokenizer, nameOf(options.tokenizer), maxTokens);
  const bytes = await readSource(options.model, options);
  const mixesBatch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .includes("DynamicQuantize");
  const { batchSize = mixesBatch ? 1 : 64 } = options;
  const name = nameOf(options.model);
  const { name: embedderName = name } = options;
  const model = await SentenceModel.create(bytes, { name, threads });
  try {
    // Whether they fit shows when they run, which is better known before a long piece of work.
    const { dimensions } = await model.embed([encode("but wait, let's check", 0)], { batchSize });
    const rule = `mean pooling 1, at most ${maxTokens} tokens`;
    return new SentenceTransformer(model, encode, {
      name: embedderName,
      digest: digestOf([bytes, tokenizer, mixesBatch ? `${rule}, ${batchSize} texts` : rule]),
      dimensions,
      batchSize,
    });
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** The token ids of a text, which is the one at `index`. */
type Encode = (text: string, index: number) => Int32Array;

class SentenceTransformer implements Embedder {
  readonly name: string;
  readonly digest: string;
  readonly dimensions: number;
  readonly #model: SentenceModel;
  readonly #encode: Encode;
  readonly #batchSize: number;

  constructor(
    model: SentenceModel,
    encode: Encode,
    { name, digest, dimensions, batchSize }: {
      name: string;
      digest: string;
      dimensions: number;
      batchSize: number;
    },
  ) {
    this.name = name;
    this.digest = digest;
    this.dimensions = dimensions;
    this.#model = model;
    this.#encode = encode;
    this.#batchSize = batchSize;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    options.signal?.throwIfAborted();
    const tokens = texts.map(this.#encode);
    const { vectors } = await this.#model.embed(tokens, { ...options, batchSize: this.#batchSize });
    return vectors;
  }

  async release(): Promise<void> {
    await this.#model.release();
  }
}

function createEncoder(json: Uint8Array, name: string, maxTokens: number): Encode {
  const tokenizer = parseTokenizer(json, name);
  const encode = (text: string, withSpecial: boolean): number[] =>
    tokenizer.encode(text, { add_special_tokens: withSpecial }).ids;
  const numSpecial = encode("", true).length;
  if (maxTokens <= numSpecial) {
    throw new InputRangeError(
      `Cannot embed as maxTokens must leave room beside the ${numSpecial} special tokens of ` +
        `"${name}": current value is ${maxTokens}`,
    );
  }
  return (text, index) => {
    let ids = encode(text, true);
    if (ids.length === 0 || ids.includes(undefined as unknown as number)) {
      throw new InputRangeError(
        `Cannot embed as "${name}" must spell every text in its vocabulary: texts[${index}] is ` +
          JSON.stringify(text.slice(0, 40)),
      );
    }
    if (ids.length > maxTokens) ids = cutInside(ids, encode(text, false), maxTokens);
    return Int32Array.from(ids);
  };
}

/** Cuts a text at its end but keeps the special tokens around it. */
function cutInside(ids: readonly number[], inner: readonly number[], maxTokens: number): number[] {
  const numSpecial = ids.length - inner.length;
  let before = 0;
  while (before < numSpecial && inner.some((id, t) => ids[before + t] !== id)) before++;
  return [
    ...ids.slice(0, before),
    ...inner.slice(0, maxTokens - numSpecial),
    ...ids.slice(before + inner.length),
  ];
}

function parseTokenizer(json: Uint8Array, name: string): Tokenizer {
  let content: object;
  try {
    content = JSON.parse(new TextDecoder().decode(json));
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot load "${name}" as it must be JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
  try {
    return new Tokenizer(content, {});
  } catch (error) {
    throw new InputTypeError(
      `Cannot load "${name}" as it must be a Hugging Face tokenizer.json of a known kind: ` +
        (error as Error).message,
      { cause: error },
    );
  }
}

async function readSource(source: string | HubFile, options: HubOptions): Promise<Uint8Array> {
  return await (typeof source === "string" ? readFile(source) : fetchHubFile(source, options));
}

/** Without folders: the digest says which file it is, and reports should not depend on the machine. */
function nameOf(source: string | HubFile): string {
  return typeof source === "string" ? basename(source) : `${source.repo}/${source.file}`;
}
