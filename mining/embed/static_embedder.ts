import { digestOf } from "../_digest.ts";
import { checkCount } from "../_check_count.ts";
import { hashText, mixBits } from "../_hash.ts";
import { readAsset } from "./_read_asset.ts";
import { SentenceModel } from "./_sentence_model.ts";
import { knownTokens, staticWords } from "./_static_words.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/** Options of {@linkcode staticEmbedder}. */
export interface StaticEmbedderOptions {
  /** Threads of onnxruntime; the vectors do not depend on it. Default 0, which leaves it to onnxruntime. */
  readonly threads?: number;
}

const MODEL = "minilm_words_128d.onnx";
const WORDS = "minilm_words_128d.txt";
const DIMENSIONS = 128;
/** A run on this many texts of five words takes a few milliseconds and 2 MB. */
const BATCH_SIZE = 1024;

/**
 * Loads the embedder that comes with the module: sums of 128-dimensional vectors of English words, fitted
 * so that the sums point where all-MiniLM-L6-v2 puts phrases of 2 to 5 words. Nothing is downloaded.
 *
 * The vector of a text with words `w_1` to `w_n` is the direction of
 * `x(w_1) + ... + x(w_n) + first(w_1) + last(w_n)`: order counts only through the first and the last
 * word, and frequent words alone have vectors for these places. Against MiniLM, on phrases
 * that were not fitted to, it keeps a Spearman correlation of 0.64 (texts of other models) to 0.83 over
 * the cosines of random pairs, and 0.60 to 0.63 of the 10 nearest neighbors.
 * `mining/embed/models/README.md` says how the vectors are made and measured, and under which license.
 *
 * Contractions are words of their own, hyphens part words, and words that are not known count for
 * nothing. A text without any known word, such as one in another script, gets a random direction drawn
 * from a hash of its words: equal to itself, and near to nothing else.
 *
 * @example Usage
 * ```ts
 * import { staticEmbedder } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const embedder = await staticEmbedder();
 * const vectors = await embedder.embed(["let's check this", "let us verify that", "red apples"]);
 * const row = (i: number): Float32Array => vectors.subarray(i * 128, (i + 1) * 128);
 * const cosine = (i: number, j: number): number =>
 *   row(i).reduce((sum, value, k) => sum + value * row(j)[k]!, 0);
 * assert.ok(cosine(0, 1) > cosine(0, 2));
 * await embedder.release();
 * ```
 *
 * @param options Threads.
 * @returns The embedder, of 128 dimensions.
 * @throws {RangeError} If the number of threads is not a whole number from 0.
 */
export async function staticEmbedder(options: StaticEmbedderOptions = {}): Promise<Embedder> {
  const { threads = 0 } = options;
  checkCount("embed", "threads", threads, 0);
  const [model, vocabulary] = await Promise.all(
    [MODEL, WORDS].map((name) => readAsset(new URL(`./models/${name}`, import.meta.url))),
  ) as [Uint8Array, Uint8Array];
  const tokens = new TextDecoder().decode(vocabulary).trimEnd().split("\n");
  return new StaticEmbedder(
    await SentenceModel.create(model, { name: MODEL, threads }),
    new Map(tokens.map((token, row) => [token, row])),
    // The last part stands for the rules of this file and of the words: count it up when they change.
    digestOf([model, vocabulary, "static words 2"]),
  );
}

class StaticEmbedder implements Embedder {
  readonly name: string = "all-MiniLM-L6-v2 word by word, 128 dimensions";
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
      const rows = knownTokens(words, this.#rows).map((token) => this.#rows.get(token)!);
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
