import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InputRangeError } from "../../batch/mod.ts";
import { systemReason } from "../../files/internal.ts";
import {
  type CorpusManifest,
  type CorpusShard,
  damagedShard,
  readManifest,
  readShard,
  writeCorpus,
} from "./_corpus_shards.ts";
import type { Solution } from "../../files/mod.ts";

import type { StoredSolution } from "./stored_solution.ts";

export type { CorpusShard };

/** A corpus in a folder, made by {@linkcode storeCorpus}; it can be read many times. */
export interface StoredCorpus {
  /** Where it stands. */
  readonly folder: string;
  /** Number of solutions. */
  readonly numSolutions: number;
  /** Number of distinct prompts. */
  readonly numPrompts: number;
  /** UTF-16 units of all texts. */
  readonly numCharacters: number;
  /** `sha256:` and the digest of all prompt ids and texts, in order; it does not depend on the shards. */
  readonly digest: string;
  /** The files that hold it, in order. */
  readonly shards: readonly CorpusShard[];
  /**
   * Reads the solutions in order: all, or those of one of the `shards`. A shard is in memory at a time.
   * Throws `SyntaxError` where a shard is not the one that was stored.
   */
  solutions(shard?: number): AsyncGenerator<StoredSolution, void, undefined>;
}

/** Options of {@linkcode storeCorpus}. */
export interface StoreCorpusOptions {
  /** Ends the work early; nothing is left of it. */
  readonly signal?: AbortSignal;
  /** Is told after every shard how many solutions are stored. */
  readonly onProgress?: (progress: { readonly solutions: number }) => void;
}

/**
 * Stores the texts and prompt ids of solutions in a folder, so that a miner can read them several times
 * without holding them in memory: shards of some 2 million UTF-16 units as JSON lines
 * `[prompt index, prompt id, text]`, and `corpus.json`, the manifest.
 *
 * The manifest says that there is a corpus only when its last shard is written, so a folder holds a whole corpus
 * or none. It has a digest of its own and a checksum of every shard. A corpus that was there is replaced.
 * If anything fails, the shards are removed. Memory is a shard, and some 100 bytes a prompt.
 *
 * @example Usage
 * ```ts
 * import { openCorpus, storeCorpus } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const { digest } = await storeCorpus([{ text: "Wait, is that right?", promptId: "p" }], folder);
 * const corpus = await openCorpus(folder);
 * assert.equal(corpus?.digest, digest);
 * assert.deepEqual(await Array.fromAsync(corpus!.solutions()), [
 *   { text: "Wait, is that right?", promptId: "p", prompt: 0 },
 * ]);
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param solutions The solutions, in a fixed order.
 * @param folder Where the corpus goes; made if it is not there. Other files in it stay.
 * @param options Progress and a signal.
 * @returns The stored corpus.
 * @throws {RangeError} If the folder holds a file named as a shard, such as `shard-00000.jsonl`, that is of no corpus.
 * @throws {SyntaxError} If its `corpus.json` is damaged or another's.
 * @throws {Error} If a file cannot be written, with the reason as `cause`.
 */
export async function storeCorpus(
  solutions: AsyncIterable<Solution> | Iterable<Solution>,
  folder: string,
  options: StoreCorpusOptions = {},
): Promise<StoredCorpus> {
  return corpusOf(folder, await writeCorpus(solutions, folder, options));
}

/**
 * Opens a corpus that {@linkcode storeCorpus} made.
 *
 * The sizes of its shards are checked here, their checksums when they are read.
 *
 * @example Usage
 * ```ts
 * import { openCorpus } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await openCorpus("no-such-folder"), undefined);
 * ```
 *
 * @param folder Where the corpus stands.
 * @returns The corpus; `undefined` if the folder holds none, or one that was never finished.
 * @throws {SyntaxError} If the manifest is damaged, or a shard is missing or of another size.
 */
export async function openCorpus(folder: string): Promise<StoredCorpus | undefined> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return undefined;
  for (const shard of manifest.shards) {
    const shardPath = join(folder, shard.file);
    const found = await stat(shardPath).then(
      ({ size }) => size === shard.bytes ? undefined : `${size} bytes`,
      (error: Error) => systemReason(error) ?? error.message,
    );
    if (found !== undefined) throw damagedShard(shardPath, shard, found);
  }
  return corpusOf(folder, manifest);
}

/** The corpus that a manifest in a folder tells of. */
export function corpusOf(folder: string, manifest: CorpusManifest): StoredCorpus {
  const { shards } = manifest;
  return {
    folder,
    numSolutions: manifest.solutions,
    numPrompts: manifest.prompts,
    numCharacters: manifest.characters,
    digest: manifest.digest,
    shards,
    solutions: async function* (index) {
      if (index !== undefined && shards[index] === undefined) {
        throw new InputRangeError(
          `Cannot read a shard as its number must be below ${shards.length}: current value is ${index}`,
        );
      }
      for (const shard of index === undefined ? shards : [shards[index]!]) {
        yield* await readShard(folder, shard);
      }
    },
  };
}
