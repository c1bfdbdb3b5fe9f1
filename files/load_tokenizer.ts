import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";
import { errorInFile } from "./error_in_file.ts";
import { readWhole } from "./read_whole.ts";
import { type TokenBytes, tokenBytes, type TokenBytesOptions } from "../sg/mod.ts";

/**
 * Loads a Hugging Face `tokenizer.json` and computes the bytes of its tokens, see
 * {@linkcode tokenBytes}.
 *
 * A string or `file:` URL names the file, the same file in gzip (`tokenizer.json.gz`), or a folder that
 * holds it, such as a downloaded model. A value parsed elsewhere, for example fetched by a web page,
 * is taken as it is.
 *
 * @example Usage
 * ```ts
 * import { loadTokenizer } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const table = await loadTokenizer(
 *   { model: { type: "BPE", vocab: { "Ġwait": 0 }, merges: [] }, decoder: { type: "ByteLevel" } },
 *   { vocabSize: 8 },
 * );
 * assert.equal(table.vocabSize, 8);
 * ```
 *
 * @param source Path or `file:` URL of a `tokenizer.json` or its folder, or the parsed content.
 * @param options As for {@linkcode tokenBytes}.
 * @returns The table of bytes.
 * @throws {RangeError} If there is no such file, or it holds more than 256 MiB.
 * @throws {SyntaxError} If the file does not hold JSON.
 * @throws {TypeError} If it is another file of a tokenizer; the message says which to pass.
 */
export async function loadTokenizer(
  source: string | URL | Readonly<Record<string, unknown>>,
  options: TokenBytesOptions = {},
): Promise<TokenBytes> {
  if (typeof source !== "string" && !(source instanceof URL)) return tokenBytes(source, options);
  const { path, content } = await readTokenizer(source);
  try {
    return tokenBytes(content, options);
  } catch (error) {
    throw errorInFile("load tokenizer", path, error);
  }
}

/** The parsed content of a `tokenizer.json`, and the path of it, for one who gave its folder. */
export async function readTokenizer(
  source: string | URL,
): Promise<{ readonly path: string; readonly content: unknown }> {
  const path = await pathOf(source);
  return { path, content: await readJson(path) };
}

// The `node:` modules are imported here, not above, so that a browser can load this module.
async function pathOf(source: string | URL): Promise<string> {
  const { stat } = await import("node:fs/promises");
  const path = source instanceof URL ? (await import("node:url")).fileURLToPath(source) : source;
  const isFolder = await stat(path).then((stats) => stats.isDirectory(), () => false);
  return isFolder ? `${path.replace(/\/$/, "")}/tokenizer.json` : path;
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await read(path);
  if (/\.(model|tiktoken)$/.test(path)) {
    throw new InputTypeError(
      `Cannot load tokenizer as it must be a Hugging Face tokenizer.json: "${path}" is a ` +
        `SentencePiece or tiktoken file, pass the tokenizer.json that transformers saves for it`,
    );
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot load tokenizer as "${path}" must hold JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(path, "tokenizer");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    throw new InputRangeError(
      `Cannot load tokenizer as there must be a file: "${path}" does not exist, pass a ` +
        `tokenizer.json or a folder that holds one`,
      { cause: error },
    );
  }
}
