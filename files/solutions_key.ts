import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { solutionSources } from "./_solution_sources.ts";
import type { ReadSolutionsOptions } from "./read_solutions.ts";

/**
 * Names what {@linkcode readSolutions} would read by the path, size and time of change of every file and by the
 * options, for a miner that keeps what it has read.
 *
 * @example Usage
 * ```ts
 * import { solutionsKey } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await solutionsKey("-"), undefined);
 * assert.equal(await solutionsKey("deno.json"), await solutionsKey(["deno.json"]));
 * ```
 *
 * @param paths Files and folders, as for `readSolutions`.
 * @param options The same options.
 * @returns A text that is equal for equal files; undefined where standard input or a pipe is read.
 * @throws {RangeError} As `readSolutions`.
 */
export async function solutionsKey(
  paths: string | readonly string[],
  options: ReadSolutionsOptions = {},
): Promise<string | undefined> {
  const sources = await solutionSources([paths].flat());
  if (sources.some(({ path }) => path === "-")) return undefined;
  const stats = await Promise.all(sources.map(({ path }) => stat(path)));
  if (!stats.every((one) => one.isFile())) return undefined;
  const files = sources.map(({ path, promptId }, s) => {
    const { size, mtimeMs } = stats[s]!;
    return [resolve(path), promptId, size, mtimeMs];
  });
  const { textField, promptField, labelField, minReward, maxCorrupt } = options;
  return JSON.stringify([files, { textField, promptField, labelField, minReward, maxCorrupt }]);
}
