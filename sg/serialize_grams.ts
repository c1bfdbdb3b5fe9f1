import { InputRangeError } from "../batch/mod.ts";
import type { Lexicon } from "./lexicon.ts";

/**
 * Writes the grams of a lexicon as plain text, a gram a line, in the order of their indices: what
 * `parseLexicon` reads as plain text. Kinds, counts and provenance are lost.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, serializeGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait", "## step"], { name: "mine" });
 * assert.equal(serializeGrams(lexicon), "but wait\n## step\n");
 * ```
 *
 * @param lexicon The lexicon.
 * @returns Text with a line end after each gram.
 * @throws {RangeError} If a gram would not be read back: it holds a line end, begins or ends with
 * U+FEFF, or is the first and begins with `[` or `{`; the message names it.
 */
export function serializeGrams(lexicon: Lexicon): string {
  const lines = lexicon.grams.map(({ text }, index) => {
    const rule = brokenRule(text, index);
    if (rule !== undefined) {
      throw new InputRangeError(
        `Cannot write lexicon "${lexicon.name}" as plain text as ${rule}: grams[${index}].text is ` +
          `${JSON.stringify(text)}, keep it as JSON`,
      );
    }
    return `${text.trim()}\n`;
  });
  return lines.join("");
}

/** What a gram breaks of the rules by which plain text is read, if it does. */
function brokenRule(text: string, index: number): string | undefined {
  if (/[\r\n]/.test(text)) return "a gram must hold no line end";
  if (/^\s*\ufeff|\ufeff\s*$/.test(text)) return "a gram must not begin or end with U+FEFF";
  if (index === 0 && /^\s*[[{]/.test(text)) return "the first gram must not begin like JSON";
  return undefined;
}
