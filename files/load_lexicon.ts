import { didYouMean } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import { errorInFile } from "./error_in_file.ts";
import { readWhole } from "./read_whole.ts";
import { BUILT_IN_LEXICONS, builtInLexicon, type Lexicon, parseLexicon } from "../sg/mod.ts";

/**
 * Loads a lexicon that comes with the module by its name, see {@linkcode builtInLexicon}, or a lexicon
 * file, see {@linkcode parseLexicon}.
 *
 * A built-in name wins over a file of that name; write `./paper` for the file. Files may be gzipped.
 *
 * @example Usage
 * ```ts
 * import { loadLexicon } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const lexicon = await loadLexicon("paper");
 * assert.equal(lexicon.grams.length, 249);
 * assert.deepEqual(lexicon.grams[0], { text: "## step", kind: "other" });
 * ```
 *
 * @param nameOrPath Built-in name, or path or `file:` URL of a lexicon file.
 * @returns The lexicon; one read from a bare list is named after its file.
 * @throws {RangeError} If there is neither such a lexicon nor such a file, or it holds more than 64 MiB.
 * @throws {SyntaxError | TypeError | RangeError} As {@linkcode parseLexicon}; the message names the file.
 */
export async function loadLexicon(nameOrPath: string | URL): Promise<Lexicon> {
  const builtIn = typeof nameOrPath === "string" ? builtInLexicon(nameOrPath) : undefined;
  if (builtIn !== undefined) return builtIn;
  const path = await pathOf(nameOrPath);
  const fileName = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const name = fileName.replace(/(?:\.(?:txt|json))?(?:\.gz)?$/, "");
  const content = await read(path);
  try {
    return parseLexicon(content, { name });
  } catch (error) {
    throw errorInFile("load lexicon", path, error);
  }
}

// The `node:` modules are imported here, not above, so that a browser can load this module.
async function pathOf(source: string | URL): Promise<string> {
  return source instanceof URL ? (await import("node:url")).fileURLToPath(source) : source;
}

async function read(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readWhole(path, "lexicon"));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    throw new InputRangeError(
      `Cannot load lexicon as it must be a built-in name (${BUILT_IN_LEXICONS.join(", ")}) or a ` +
        `file: current value is "${path}"${didYouMean(path, BUILT_IN_LEXICONS)}`,
      { cause: error },
    );
  }
}
