import { solutionSources } from "./_solution_sources.ts";

/**
 * The files that `readSolutions` reads under the same paths, for a program that must not write
 * over them.
 *
 * @example Usage
 * ```ts
 * import { solutionFiles } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(await solutionFiles(["deno.json", "-"]), ["deno.json", "-"]);
 * ```
 *
 * @param paths Files and folders, as for `readSolutions`.
 * @returns Their paths, a folder's in the order of their names.
 * @throws {RangeError} As `readSolutions`.
 */
export async function solutionFiles(paths: string | readonly string[]): Promise<string[]> {
  return (await solutionSources([paths].flat())).map(({ path }) => path);
}
