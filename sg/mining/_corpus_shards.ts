import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { InputSyntaxError } from "../../batch/mod.ts";
import type { StoredSolution } from "./stored_corpus.ts";

/** Where the manifest of a corpus stands. It is written last, so a folder without it holds no corpus. */
export const MANIFEST_FILE = "corpus.json";
const PARTIAL_MANIFEST = `${MANIFEST_FILE}.partial`;
const SHARD_FILE = /^shard-\d{5,}\.jsonl$/;
/** A shard is closed when it has this many UTF-16 units of text, so it is longer by less than a solution. */
const SHARD_CHARACTERS = 1 << 21;
/** Most solutions of a shard. The filter of n-grams has 16 bits to tell them apart. */
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

/** What the manifest says. */
export interface CorpusManifest {
  readonly format: "hicra-corpus";
  readonly version: 1;
  readonly solutions: number;
  readonly prompts: number;
  readonly characters: number;
  readonly digest: string;
  readonly shards: readonly CorpusShard[];
}

/** What {@linkcode writeCorpus} may be told. */
export interface WriteCorpusOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { solutions: number }) => void) | undefined;
  readonly shardCharacters?: number;
}

/**
 * Writes solutions as shards of JSON lines `[prompt index, prompt id, text]` and then the manifest.
 * Whatever fails, no manifest and no shard is left.
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
    await writing(folder, () => writeDurably(join(folder, file), bytes));
    lines = [];
    characters = 0;
    onProgress?.({ solutions: numSolutions });
  };

  try {
    await writing(folder, async () => {
      await mkdir(folder, { recursive: true });
      await rm(join(folder, MANIFEST_FILE), { force: true });
    });
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
      format: "hicra-corpus",
      version: 1,
      solutions: numSolutions,
      prompts: prompts.size,
      characters: shards.reduce((sum, shard) => sum + shard.characters, 0),
      digest: `sha256:${digest.digest("hex")}`,
      shards,
    };
    await writing(folder, async () => {
      const json = Buffer.from(JSON.stringify(manifest, null, 1) + "\n");
      await writeDurably(join(folder, PARTIAL_MANIFEST), json);
      await removeShards(folder, new Set([PARTIAL_MANIFEST, ...shards.map(({ file }) => file)]));
      await rename(join(folder, PARTIAL_MANIFEST), join(folder, MANIFEST_FILE));
    });
    return manifest;
  } catch (error) {
    // What cannot be removed is no corpus either.
    await removeShards(folder, new Set()).catch(() => {});
    throw error;
  }
}

/** Reads the solutions of a shard and checks that they are those that were stored. */
export async function readShard(folder: string, shard: CorpusShard): Promise<StoredSolution[]> {
  const path = join(folder, shard.file);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw damagedShard(path, shard, (error as Error).message, error);
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
      `with CRC-32 ${crc32}: current value is ${found}, store the corpus again`,
    { cause },
  );
}

/** A prompt id may be a whole prompt: a long one is known by its digest. */
function promptKey(promptId: string): string {
  return promptId.length < 44
    ? promptId
    : createHash("sha256").update(JSON.stringify(promptId)).digest("base64");
}

/** Says of an error of the file system what could not be done. */
export async function writing<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new Error(
      `Cannot store a corpus as the folder ${JSON.stringify(folder)} must take all its files: ` +
        (error as Error).message,
      { cause: error },
    );
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes shards, also those of an earlier corpus, and a manifest that was not finished. */
async function removeShards(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const isOurs = SHARD_FILE.test(name) || name === PARTIAL_MANIFEST;
    if (isOurs && !kept.has(name)) await rm(join(folder, name));
  }
}
