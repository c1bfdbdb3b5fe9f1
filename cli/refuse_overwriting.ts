import { fstatSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { BUILT_IN_LEXICONS } from "../sg/mod.ts";
import { UsageError } from "./usage_error.ts";

/** A path of the command line, and what it is called there; `-` is a standard stream. */
export type NamedPath = readonly [name: string, path: string | undefined];

/**
 * Makes sure that no output of a command is one of its inputs or another of its outputs, by whatever
 * path, link or redirection. Call it before any work, as the output would replace what was read.
 *
 * @param outputs Files that are written, and folders that are written into.
 * @param inputs Files and folders that are read.
 * @throws {UsageError} If two are one file or folder; the message names both.
 */
export async function refuseOverwriting(
  outputs: readonly NamedPath[],
  inputs: readonly NamedPath[],
): Promise<void> {
  const known = new Map<string, string>();
  for (const [name, path] of inputs) {
    const id = await identity(path, STANDARD_INPUT);
    if (id !== undefined) known.set(id, path === "-" ? "standard input" : `${name} ${path}`);
  }
  for (const [name, path] of outputs) {
    const id = await identity(path, STANDARD_OUTPUT);
    if (id === undefined) continue;
    const shown = path === "-" ? "standard output" : `${name} ${path}`;
    const other = known.get(id);
    if (other !== undefined) {
      throw new UsageError(
        `Cannot write ${shown} as it must be a file of its own: it is the same as ${other}, ` +
          "name another",
      );
    }
    known.set(id, shown);
  }
}

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;

/**
 * Device and inode, or the path of what is not there yet. Absent for terminals, pipes and devices, to
 * which two may write.
 */
async function identity(
  path: string | undefined,
  standardStream: number,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const stats = path === "-"
      ? fstatSync(standardStream, { bigint: true })
      : await stat(path, { bigint: true });
    return stats.isFile() || stats.isDirectory() ? `${stats.dev} ${stats.ino}` : undefined;
  } catch {
    return resolve(path); // what is there and cannot be looked at is told when it is opened
  }
}

/** The file behind the name of a lexicon; absent where it is built in. */
export function lexiconFile(name: string | undefined): string | undefined {
  return name === undefined || BUILT_IN_LEXICONS.includes(name) ? undefined : name;
}
