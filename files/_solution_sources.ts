import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import { WORK_MARKER } from "./work_marker.ts";

/** A file of solutions. */
export interface SolutionSource {
  readonly path: string;
  /** Set where the file is one solution: its prompt id. */
  readonly promptId?: string;
}

const RECORDS = /\.(jsonl|jsonl\.gz|parquet)$/;
const TEXT = /\.(txt|md)$/;

/** The files behind paths: a folder's in the order of their names. */
export async function solutionSources(paths: readonly string[]): Promise<SolutionSource[]> {
  if (paths.length === 0) {
    throw new InputRangeError(
      "Cannot read solutions as paths must name a file or a folder: it is empty",
    );
  }
  const sources: SolutionSource[] = [];
  for (const path of paths) {
    if (path !== "-" && (await stat(path)).isDirectory()) sources.push(...await inFolder(path));
    else sources.push({ path, ...(TEXT.test(path) && { promptId: basename(path) }) });
  }
  return sources;
}

async function inFolder(folder: string): Promise<SolutionSource[]> {
  const names = (await namesBelow(folder, "")).sort();
  const records = names.filter((name) => RECORDS.test(name));
  if (records.length > 0) return records.map((name) => ({ path: join(folder, name) }));
  const texts = names.filter((name) => TEXT.test(name));
  if (texts.length === 0) {
    throw new InputRangeError(
      `Cannot read solutions as folder ${folder} must hold .jsonl, .jsonl.gz, .parquet, .txt or .md ` +
        `files: the number of its other files is ${names.length}`,
    );
  }
  return texts.map((name) => ({ path: join(folder, name), promptId: name }));
}

/** Relative, with slashes on every system, as they become prompt ids. */
async function namesBelow(folder: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  // What a miner keeps are solutions that it has read before.
  if (entries.some(({ name }) => name === WORK_MARKER)) return [];
  for (const entry of entries) {
    const name = prefix + entry.name;
    if (entry.isDirectory()) names.push(...await namesBelow(folder, `${name}/`));
    else names.push(name);
  }
  return names;
}
