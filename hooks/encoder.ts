import { Tokenizer } from "@huggingface/tokenizers";
import { readFile } from "node:fs/promises";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";

/** Encodes a text into token ids without adding special tokens. */
export type Encode = (text: string) => Int32Array;

/**
 * Loads a Hugging Face `tokenizer.json` as an encoder for completions.
 *
 * A completion is the middle of a conversation, so nothing is put before or after it. The text of an
 * added token, such as `<think>`, becomes that token. A tokenizer that normalises (Qwen's NFC) may
 * spell other bytes than the text had, and a BPE vocabulary without bytes and without an unknown
 * token leaves out what it cannot spell, as the reference implementation does.
 *
 * @example Usage
 * ```ts
 * import { loadEncoder } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 *
 * const encode = await loadEncoder({
 *   model: { type: "BPE", vocab: { w: 0, a: 1, i: 2, t: 3, wa: 4 }, merges: ["w a"] },
 *   added_tokens: [],
 *   normalizer: null,
 *   pre_tokenizer: null,
 *   post_processor: null,
 *   decoder: null,
 * });
 * assert.deepEqual(encode("wait"), Int32Array.of(4, 2, 3));
 * ```
 *
 * @param tokenizer Path of a `tokenizer.json`, or its parsed content.
 * @returns The encoder.
 * @throws {SyntaxError} If the file is not JSON.
 * @throws {TypeError} If the content is not a tokenizer of a known kind; the encoder itself throws
 * `RangeError` for a text that holds what the vocabulary cannot spell.
 */
export async function loadEncoder(tokenizer: string | object): Promise<Encode> {
  const name = typeof tokenizer === "string" ? tokenizer : "the tokenizer";
  const content = typeof tokenizer === "string" ? await readJson(tokenizer) : tokenizer;
  const loaded = createTokenizer(content, name);
  return (text) => {
    const { ids, tokens } = loaded.encode(text, { add_special_tokens: false });
    const unknown = ids.findIndex((id) => id === undefined);
    if (unknown !== -1) {
      throw new InputRangeError(
        `Cannot encode the text as the vocabulary of ${name} must hold all of it: ` +
          `"${tokens[unknown]}" is not in it, and there is no unknown token`,
      );
    }
    return Int32Array.from(ids);
  };
}

async function readJson(path: string): Promise<object> {
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot load ${path} as it must be JSON: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function createTokenizer(content: object, name: string): Tokenizer {
  try {
    return new Tokenizer(content, {});
  } catch (error) {
    throw new InputTypeError(
      `Cannot load ${name} as it must be a Hugging Face tokenizer.json of a known kind: ` +
        (error as Error).message,
      { cause: error },
    );
  }
}
