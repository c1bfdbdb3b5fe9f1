import { Buffer } from "node:buffer";
import { mkdir, open, readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import { isTemporaryFile, WORK_MARKER } from "../files/internal.ts";
import { ifThere } from "./_if_there.ts";
import { removeCorpus } from "./corpus/_corpus_shards.ts";
import { keepJson, KEPT_JSON_START, readKeptJson } from "./_kept_json.ts";
import { NGRAM_TABLE_START } from "./count/_ngram_table_file.ts";
import { EMBEDDINGS_START } from "./embed/embedding_cache.ts";

/** What the marker says. */
interface Marker {
  /** Whether the folder was made for the work, and so goes with it. */
  readonly made: boolean;
}

/** What is kept in a work folder beside a corpus: in which folder of it, under which names, and how it begins. */
const KEPT_FILES: readonly (readonly [folder: string, name: RegExp, start: string])[] = [
  ["", /^selection\.json$/, KEPT_JSON_START],
  ["", /^clusters-[0-9a-f]{64}\.json$/, KEPT_JSON_START],
  ["", /^ngrams-[0-9a-f]{64}$/, NGRAM_TABLE_START],
  ["embeddings", /\.embeddings$/, EMBEDDINGS_START],
];

/**
 * Makes a folder that {@linkcode mine} may keep finished work in, or takes one that is empty or that an
 * earlier run has left. A file in it, `hicra-work.json`, says so from then on. `mine` does this itself; before it, it
 * tells early what `mine` would refuse.
 *
 * @example Usage
 * ```ts
 * import { claimWorkFolder, removeWorkFolder } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rmdir } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const work = join(folder, "work");
 * await claimWorkFolder(work);
 * await assert.rejects(claimWorkFolder("."), /must be empty or of an earlier run/);
 * assert.deepEqual(await removeWorkFolder(work), []);
 * await rmdir(folder);
 * ```
 *
 * @param folder Where to keep what is finished.
 * @throws {RangeError} If it is a file, or a folder of others that is not empty.
 * @throws {SyntaxError} If its `hicra-work.json` is damaged.
 */
export async function claimWorkFolder(folder: string): Promise<void> {
  if (await readMarker(folder) !== undefined) return;
  const found = await ifThere(stat(folder));
  const refuse = (current: string): InputRangeError =>
    new InputRangeError(
      `Cannot keep work in ${
        JSON.stringify(folder)
      } as it must be empty or of an earlier run of this ` +
        `version: ${current}, remove it or name another work folder`,
      { option: "workFolder" },
    );
  if (found?.isDirectory() === false) throw refuse("it is a file");
  const names = found === undefined ? [] : await readdir(folder);
  const foreign = names.filter((name) => !isTemporaryFile(name));
  if (foreign.length > 0) {
    const more = foreign.length === 1 ? "" : ` and ${foreign.length - 1} more`;
    throw refuse(`it holds ${JSON.stringify(foreign.sort()[0])}${more}`);
  }
  await mkdir(folder, { recursive: true });
  const marker: Marker = { made: found === undefined };
  await keepJson(join(folder, WORK_MARKER), "work", marker);
}

/**
 * Removes what {@linkcode mine} kept in a work folder, file by file, and the folder if that was made for the work
 * and holds nothing else. A folder that is no work folder stays as it is.
 *
 * @example Usage
 * ```ts
 * import { removeWorkFolder } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(await removeWorkFolder("no-such-folder"), []);
 * ```
 *
 * @param folder The `workFolder` of `mine`.
 * @returns The names in it of what is not of `mine`, or is damaged, and so has stayed.
 * @throws {SyntaxError} If its `hicra-work.json` is damaged.
 */
export async function removeWorkFolder(folder: string): Promise<string[]> {
  const marker = await readMarker(folder);
  if (marker === undefined) return await namesIn(folder);
  // What cannot be removed is among what is returned.
  await removeCorpus(join(folder, "corpus")).catch(() => {});
  for (const [inside, pattern, start] of KEPT_FILES) {
    for (const name of await namesIn(join(folder, inside))) {
      const path = join(folder, inside, name);
      if (pattern.test(name) && await begins(path, start)) await rm(path).catch(() => {});
    }
  }
  for (const inside of ["", "corpus", "embeddings"]) {
    for (const name of await namesIn(join(folder, inside))) {
      if (isTemporaryFile(name)) await rm(join(folder, inside, name)).catch(() => {});
    }
    if (inside !== "") await rmdir(join(folder, inside)).catch(() => {});
  }
  const left = (await namesIn(folder)).filter((name) => name !== WORK_MARKER);
  if (left.length > 0) return left;
  await rm(join(folder, WORK_MARKER));
  if (marker.made) await rmdir(folder);
  return [];
}

async function readMarker(folder: string): Promise<Marker | undefined> {
  const wayOut = `remove ${JSON.stringify(folder)} or name another work folder`;
  return await readKeptJson(join(folder, WORK_MARKER), "work", wayOut) as Marker | undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await ifThere(readdir(folder)) ?? []).sort();
}

async function begins(path: string, start: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(start.length), 0, start.length, 0);
    return buffer.toString("latin1", 0, bytesRead) === start;
  } finally {
    await file.close();
  }
}
