import { InputRangeError } from "../batch/mod.ts";
import { errorInFile } from "./error_in_file.ts";
import math from "../sg/lexicons/math.json" with { type: "json" };
import paper from "../sg/lexicons/paper.json" with { type: "json" };
import { readWhole } from "./read_whole.ts";
import { type Lexicon, lexiconFromGrams, lexiconFromJson, parseLexicon } from "../sg/mod.ts";

/** Names of the lexicons that come with the module. */
export const BUILT_IN_LEXICONS: readonly string[] = ["math", "paper", "paper-3to5"];

/** The lexicon to use where nobody names one. */
export const DEFAULT_LEXICON = "math";

/**
 * Loads a built-in lexicon by its name, or a lexicon file, see {@linkcode parseLexicon}.
 *
 * - `math`: 265 grams of 2 to 5 words that `mine` of `./mining` found in 1,852 right solutions of mathematical
 *   problems by four models; its provenance holds every parameter, `sg/lexicons/README.md` the command
 *   that makes it again, and `bench/lexicons` what it is worth.
 * - `paper`: the 249 grams of the paper's Listing 1 (arXiv 2509.03646v3, Appendix A). Their kinds are
 *   ours, by the guideline in its provenance.
 * - `paper-3to5`: the 179 of them that have 3 to 5 words, the length that the paper's section 2.1 says
 *   it mines. It marks far less, as single words such as "so" carry most of the mask.
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
  if (nameOrPath === "math") return lexiconFromJson(math);
  if (nameOrPath === "paper") return lexiconFromJson(paper);
  if (nameOrPath === "paper-3to5") return paper3To5();
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

function paper3To5(): Lexicon {
  const { provenance, grams } = lexiconFromJson(paper);
  const selected = grams.filter((gram) => {
    const numWords = gram.text.split(" ").length;
    return numWords >= 3 && numWords <= 5;
  });
  return lexiconFromGrams(selected, {
    name: "paper-3to5",
    provenance: {
      ...provenance,
      parameters: { minWords: 3, maxWords: 5 },
      notes: [
        ...provenance.notes ?? [],
        "Only the phrases of 3 to 5 words between white space, in the order of the list.",
      ],
    },
  });
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
        `file: current value is "${path}"`,
      { cause: error },
    );
  }
}
