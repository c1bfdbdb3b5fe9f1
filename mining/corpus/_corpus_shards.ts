import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { InputRangeError, InputSyntaxError } from "../../batch/mod.ts";
import { systemReason, writeWhole } from "../../files/internal.ts";
import { sha256 } from "../_digest.ts";
import { keepJson, readKeptJson } from "../_kept_json.ts";
import type { StoredSolution } from "./stored_solution.ts";

/** Where the manifest of a corpus stands. */
const MANIFEST_FILE = "corpus.json";
const SHARD_FILE = /^shard-\d{5,}\.jsonl$/;
/** A shard is closed when it has this many UTF-16 units of text, so it is longer by less than a solution. */
const SHARD_CHARACTERS = 1 << 21;
/** Most solutions of a shard, however short they are. */
const SHARD_SOLUTIONS = 1 << 15;

/** One file of a stored corpus, as the manifest says. */
export interface CorpusShard {
  /** Its name in the folder of the corpus. */
  readonly file: string;
  /** Number of its solutions. */
  readonly solutions: number;
  /** UTF-16 units of its texts. */
  readonly characters: number;
  /** Its size. */
  readonly bytes: number;
  /** CRC-32 of its bytes. */
  readonly crc32: number;
}

/** What the manifest of a corpus says. */
export interface CorpusManifest {
  readonly solutions: number;
  readonly prompts: number;
  readonly characters: number;
  readonly digest: string;
  readonly shards: readonly CorpusShard[];
}

/** The manifest while the shards are written: the folder holds no corpus, and its shards are ours. */
const UNFINISHED = { unfinished: true } as const;

/** What {@linkcode writeCorpus} may be told. */
export interface WriteCorpusOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { solutions: number }) => void) | undefined;
  readonly shardCharacters?: number;
}

/**
 * Writes solutions as shards of JSON lines `[prompt index, prompt id, text]` and then the manifest.
 * Whatever fails, no manifest and no shard is left. Files that are not of a corpus are not touched.
 */
export async function writeCorpus(
  solutions:
    | AsyncIterable<{ text: string; promptId: string }>
    | Iterable<{ text: string; promptId: string }>,
  folder: string,
  { signal, onProgress, shardCharacters = SHARD_CHARACTERS }: WriteCorpusOptions = {},
): Promise<CorpusManifest> {
  signal?.throwIfAborted();
  const shards: CorpusShard[] = [];
  const digest = createHash("sha256");
  const prompts = new Map<string, number>();
  let numSolutions = 0;
  let lines: string[] = [];
  let characters = 0;
  const closeShard = async (): Promise<void> => {
    const bytes = Buffer.from(lines.join(""));
    const file = `shard-${String(shards.length).padStart(5, "0")}.jsonl`;
    shards.push({
      file,
      solutions: lines.length,
      characters,
      bytes: bytes.length,
      crc32: crc32(bytes),
    });
    digest.update(bytes);
    await writeWhole(join(folder, file), [bytes]);
    lines = [];
    characters = 0;
    onProgress?.({ solutions: numSolutions });
  };

  await claimFolder(folder);
  try {
    for await (const { text, promptId } of solutions) {
      signal?.throwIfAborted();
      const key = promptKey(promptId);
      let prompt = prompts.get(key);
      if (prompt === undefined) prompts.set(key, prompt = prompts.size);
      lines.push(JSON.stringify([prompt, promptId, text]) + "\n");
      characters += text.length;
      numSolutions++;
      if (characters >= shardCharacters || lines.length === SHARD_SOLUTIONS) await closeShard();
    }
    if (lines.length > 0) await closeShard();
    const manifest: CorpusManifest = {
      solutions: numSolutions,
      prompts: prompts.size,
      characters: shards.reduce((sum, shard) => sum + shard.characters, 0),
      digest: `sha256:${digest.digest("hex")}`,
      shards,
    };
    await removeShards(folder, new Set(shards.map(({ file }) => file)));
    await keepManifest(folder, manifest);
    return manifest;
  } catch (error) {
    // What cannot be removed is no corpus either.
    await removeCorpus(folder).catch(() => {});
    throw error;
  }
}

/**
 * Reads the manifest of a corpus; `undefined` if the folder holds none, or one that was never finished.
 *
 * @throws {SyntaxError} If it is not what was written.
 */
export async function readManifest(folder: string): Promise<CorpusManifest | undefined> {
  const manifest = await readAnyManifest(folder);
  return manifest === undefined || "unfinished" in manifest ? undefined : manifest;
}

/** Removes a corpus, finished or not, from its folder, and nothing else. */
export async function removeCorpus(folder: string): Promise<void> {
  const manifest = await readAnyManifest(folder);
  if (manifest === undefined) return;
  const foreign = await shardsBeside(folder, manifest);
  await removeShards(folder, new Set(foreign));
  // Last: what it tells of must not outlive it.
  await rm(join(folder, MANIFEST_FILE));
}

/** Reads the solutions of a shard and checks that they are those that were stored. */
export async function readShard(folder: string, shard: CorpusShard): Promise<StoredSolution[]> {
  const path = join(folder, shard.file);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw damagedShard(path, shard, systemReason(error) ?? (error as Error).message, error);
  }
  if (bytes.length !== shard.bytes || crc32(bytes) !== shard.crc32) {
    throw damagedShard(path, shard, `${bytes.length} bytes with CRC-32 ${crc32(bytes)}`);
  }
  const lines = new TextDecoder().decode(bytes).split("\n");
  lines.pop();
  return lines.map((line) => {
    const [prompt, promptId, text] = JSON.parse(line) as [number, string, string];
    return { text, promptId, prompt };
  });
}

export function damagedShard(
  path: string,
  { bytes, crc32 }: CorpusShard,
  found: string,
  cause?: unknown,
): InputSyntaxError {
  return new InputSyntaxError(
    `Cannot read ${JSON.stringify(path)} as it must be the shard that was stored, ${bytes} bytes ` +
      `with CRC-32 ${crc32}: current value is ${found}, ${wayOutOf(dirname(path))}`,
    { cause },
  );
}

function wayOutOf(folder: string): string {
  return `remove ${JSON.stringify(folder)} and store the corpus again`;
}

/** A prompt id may be a whole prompt: a long one is known by its digest. */
function promptKey(promptId: string): string {
  return promptId.length < 44 ? promptId : sha256(JSON.stringify(promptId)).toString("base64");
}

/** Says of an error of the file system what could not be done. */
export async function writing<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new Error(
      `Cannot store a corpus as the folder ${JSON.stringify(folder)} must take all its files: ` +
        (systemReason(error) ?? (error as Error).message),
      { cause: error },
    );
  }
}

/** Makes the folder one whose shards are ours, if there is none of others in it. */
async function claimFolder(folder: string): Promise<void> {
  await writing(folder, () => mkdir(folder, { recursive: true }));
  const [foreign] = await shardsBeside(folder, await readAnyManifest(folder));
  if (foreign !== undefined) {
    throw new InputRangeError(
      `Cannot store a corpus as the folder ${
        JSON.stringify(folder)
      } must hold no file that is named ` +
        `as a shard and is none: current file is ${foreign}, name another folder`,
    );
  }
  await keepManifest(folder, UNFINISHED);
}

/** Names of shards that are not of the corpus. */
async function shardsBeside(
  folder: string,
  manifest: CorpusManifest | typeof UNFINISHED | undefined,
): Promise<string[]> {
  if (manifest !== undefined && "unfinished" in manifest) return [];
  const own = new Set(manifest?.shards.map(({ file }) => file));
  return (await readdir(folder)).filter((name) => SHARD_FILE.test(name) && !own.has(name));
}

async function readAnyManifest(
  folder: string,
): Promise<CorpusManifest | typeof UNFINISHED | undefined> {
  const path = join(folder, MANIFEST_FILE);
  return await readKeptJson(path, "corpus", wayOutOf(folder)) as
    | CorpusManifest
    | typeof UNFINISHED
    | undefined;
}

async function keepManifest(
  folder: string,
  manifest: CorpusManifest | typeof UNFINISHED,
): Promise<void> {
  await keepJson(join(folder, MANIFEST_FILE), "corpus", manifest);
}

async function removeShards(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (SHARD_FILE.test(name) && !kept.has(name)) await rm(join(folder, name));
  }
}
