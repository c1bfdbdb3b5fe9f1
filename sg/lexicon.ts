import type { z } from "zod";
import { checkOptions } from "../batch/internal.ts";
import { InputRangeError, InputSyntaxError } from "../batch/mod.ts";
import { normalizeText } from "./_normalize.ts";
import type { Gram } from "./gram.ts";
import { bareListSchema, contentSchema, fileSchema } from "./_lexicon_schema.ts";

/** A set of strategic grams, and where it comes from. A gram's index is its position in `grams`. */
export interface Lexicon {
  /** Marks the file format. */
  readonly format: "hicra-lexicon";
  /**
   * Version of the file format. It stays 1 while fields are only added: a reader refuses those it does
   * not know.
   */
  readonly version: 1;
  /** Short name, for reports. */
  readonly name: string;
  /** Where the grams come from. */
  readonly provenance: LexiconProvenance;
  /** The grams. Equal ones are legal: matches go to the first, see {@linkcode duplicateGrams}. */
  readonly grams: readonly Gram[];
}

/** Where a lexicon comes from: enough to make it again. */
export interface LexiconProvenance {
  /** Who or what chose the grams. */
  readonly source: string;
  /** Digest of the corpus that the grams were found in, `sha256:` and 64 hexadecimal digits. */
  readonly corpusDigest?: string;
  /** Version of the matching rules by which its figures were counted; absent in lexicons before 0.2. */
  readonly matching?: 1 | 2;
  /** Every parameter of the run that made the lexicon. */
  readonly parameters?: Readonly<Record<string, string | number | boolean | null>>;
  /** What a reader must know beside that, such as how the kinds were given. */
  readonly notes?: readonly string[];
}

/** Two grams of a lexicon that are one phrase after normalization. */
export interface DuplicateGram {
  /** The later gram: it never gets a span. */
  readonly gramIndex: number;
  /** The first gram with the same normalized text. */
  readonly firstIndex: number;
}

/** Options of {@linkcode lexiconFromGrams}. */
export interface LexiconOptions {
  /** Name of the lexicon. */
  readonly name: string;
  /** Where the grams come from. Default: the name. */
  readonly provenance?: LexiconProvenance;
}

/** Twice the prefixes that a matcher has room for: what holds more is refused by it, unless most is alike. */
const MAX_LEXICON_LENGTH = 2 ** 22;

/**
 * Makes a lexicon of phrases or grams; a bare phrase gets the kind `other`.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait", { text: "so", kind: "deduction" }], { name: "mine" });
 * assert.deepEqual(lexicon.grams[0], { text: "but wait", kind: "other" });
 * ```
 *
 * @param grams Phrases or grams; at least one.
 * @param options Name and provenance.
 * @returns The lexicon.
 * @throws {RangeError} If there is no gram, or one is empty or longer than 512 characters, or has an
 * unknown kind, or all together hold more than 2 ** 22 characters.
 * @throws {TypeError} If a gram is neither a string nor a gram; the message names its index.
 */
export function lexiconFromGrams(
  grams: readonly (string | Gram)[],
  options: LexiconOptions,
): Lexicon {
  const { name, provenance = { source: name } } = options;
  if (grams.length === 0) {
    throw new InputRangeError(`Cannot make lexicon "${name}" as it must hold at least one gram`);
  }
  checkLexiconSize(name, grams);
  return {
    format: "hicra-lexicon",
    version: 1,
    name,
    ...checkFields(contentSchema, {
      provenance,
      grams: grams.map((gram) => typeof gram === "string" ? { text: gram, kind: "other" } : gram),
    }),
  };
}

/**
 * Reads a lexicon from text in one of three forms, told apart by the first character: `{` is the
 * format that {@linkcode serializeLexicon} writes, `[` a JSON array of strings, anything else plain
 * text with a gram a line. Blank lines of plain text are skipped; there are no comments, as `## step`
 * is a gram.
 *
 * @example Usage
 * ```ts
 * import { parseLexicon } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lines = parseLexicon("but wait\n\n## step\n", { name: "mine" });
 * assert.deepEqual(lines.grams.map((gram) => gram.text), ["but wait", "## step"]);
 * assert.deepEqual(parseLexicon('["but wait", "## step"]', { name: "mine" }), lines);
 * ```
 *
 * @param text Content of a lexicon file.
 * @param options Name of the lexicon where the text does not hold one.
 * @returns The lexicon.
 * @throws {SyntaxError} If the text begins like JSON and is none.
 * @throws {TypeError} If a field is unknown or of the wrong type; the message names it.
 * @throws {RangeError} If a value is not allowed: no grams, an empty or over-long gram, an unknown
 * format, version or kind.
 */
export function parseLexicon(text: string, options: { readonly name: string }): Lexicon {
  const body = text.replace(/^\ufeff/, "").trimStart();
  if (!body.startsWith("{") && !body.startsWith("[")) {
    const lines = body.split(/\r\n?|\n/).map((line) => line.trim()).filter((line) => line !== "");
    return lexiconFromGrams(lines, options);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read lexicon "${options.name}" as text that begins with "${body[0]}" must be JSON: ` +
        (error as Error).message,
      { cause: error },
    );
  }
  if (!Array.isArray(parsed)) return lexiconFromJson(parsed);
  const { grams } = checkFields(bareListSchema, { grams: parsed });
  return lexiconFromGrams(grams, options);
}

/**
 * Checks the parsed content of a lexicon file in our format.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromJson, lexiconFromGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait"], { name: "mine" });
 * assert.deepEqual(lexiconFromJson(JSON.parse(JSON.stringify(lexicon))), lexicon);
 * ```
 *
 * @param value The parsed content.
 * @returns The lexicon.
 * @throws {TypeError} As {@linkcode parseLexicon}.
 * @throws {RangeError} As {@linkcode parseLexicon}.
 */
export function lexiconFromJson(value: unknown): Lexicon {
  const { name, provenance, grams } = checkFields(fileSchema, value);
  return lexiconFromGrams(grams as Gram[], { name, provenance: provenance as LexiconProvenance });
}

/**
 * Writes a lexicon as JSON text, a gram a line. Equal lexicons give equal bytes: fields have a fixed
 * order, parameters and statistics the order of their names.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, parseLexicon, serializeLexicon } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait"], { name: "mine" });
 * assert.deepEqual(parseLexicon(serializeLexicon(lexicon), { name: "" }), lexicon);
 * ```
 *
 * @param lexicon The lexicon.
 * @returns JSON with a line end after the last line.
 */
export function serializeLexicon(lexicon: Lexicon): string {
  const { name, provenance, grams } = lexiconFromJson(lexicon);
  const lines = [
    `  "format": "hicra-lexicon",`,
    `  "version": 1,`,
    `  "name": ${JSON.stringify(name)},`,
    `  "provenance": ${JSON.stringify(provenance, null, 2).replaceAll("\n", "\n  ")},`,
    `  "grams": [`,
    // JSON.stringify writes line ends only between values: those inside strings are escaped.
    grams.map((gram) => `    ${JSON.stringify(gram, null, 1).replace(/\n\s*/g, " ")}`).join(",\n"),
    `  ]`,
  ];
  return `{\n${lines.join("\n")}\n}\n`;
}

/**
 * Finds the grams that normalize to the same text as one before them. They are legal and match
 * nothing that the first does not, so a lexicon with many was probably not meant to have them.
 *
 * @example Usage
 * ```ts
 * import { duplicateGrams, lexiconFromGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait", "so", "But  wait"], { name: "mine" });
 * assert.deepEqual(duplicateGrams(lexicon), [{ gramIndex: 2, firstIndex: 0 }]);
 * ```
 *
 * @param lexicon The lexicon.
 * @returns The duplicates, in the order of the lexicon.
 */
export function duplicateGrams(lexicon: Lexicon): readonly DuplicateGram[] {
  const first = new Map<string, number>();
  const duplicates: DuplicateGram[] = [];
  for (const [gramIndex, gram] of lexicon.grams.entries()) {
    const text = normalizeText(gram.text);
    const firstIndex = first.get(text);
    if (firstIndex === undefined) first.set(text, gramIndex);
    else duplicates.push({ gramIndex, firstIndex });
  }
  return duplicates;
}

/** Refuses what no matcher could hold, before any work is done with it. */
export function checkLexiconSize(name: string, grams: readonly unknown[]): void {
  let length = 0;
  for (const gram of grams) {
    const text = typeof gram === "string" ? gram : (gram as Partial<Gram> | null)?.text;
    if (typeof text === "string") length += text.length;
  }
  if (length <= MAX_LEXICON_LENGTH) return;
  throw new InputRangeError(
    `Cannot use lexicon "${name}" as its grams may hold ${MAX_LEXICON_LENGTH} characters together: they ` +
      `hold ${length}, split it`,
  );
}

function checkFields<Fields>(schema: z.ZodType<Fields>, value: unknown): Fields {
  return checkOptions("read lexicon", schema, value, "field");
}
