import { access } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Where bench/peers/setup.sh puts the interpreter. */
export const DEFAULT_PYTHON: string = fileURLToPath(
  new URL("../peers/.venv/bin/python", import.meta.url),
);

/**
 * Says why there is no Python side.
 *
 * @param python The interpreter.
 * @returns One line for the user; undefined if it is there.
 */
export async function missingPython(python: string): Promise<string | undefined> {
  if (await access(python).then(() => true, () => false)) return undefined;
  return `SKIPPED: the comparison with Python, as ${relative(".", python)} is not there; ` +
    "`bash bench/peers/setup.sh` makes what it needs";
}
