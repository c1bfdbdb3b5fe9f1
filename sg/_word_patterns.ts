import { BASE, EXTENDER } from "./_normalize.ts";

// Matching rule 4 in regular expressions over normalized text, all with the flag `v`.

/** A word: bases, what extends them, and apostrophes and hyphens before a base. */
export const WORD: string = `${BASE}(?:${BASE}|${EXTENDER}|['\\-]${BASE})*`;

/** Words with one space, and nothing else, between them. */
export const WORD_RUN: string = `${WORD}(?: ${WORD})*`;

/** Where a gram that begins with a base may begin. */
export const NO_WORD_BEFORE: string = `(?<!${BASE}${EXTENDER}*['\\-]?)`;

/** Where a gram that ends with a base, or what extends one, may end. */
export const NO_WORD_AFTER: string = `(?!${BASE}|${EXTENDER}|['\\-]${BASE})`;

const BEGINS_WITH_BASE = new RegExp(`^${BASE}`, "v");
const ENDS_WITH_BASE = new RegExp(`${BASE}${EXTENDER}*$`, "v");

/** A regular expression that matches a text; `RegExp.escape` is younger than Node.js 22. */
export function literalPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/**
 * A regular expression that finds a gram.
 *
 * @param normalized The gram.
 * @param literal What spells it, where that is not its text alone.
 * @param flags Flags beside `v`.
 */
export function gramPattern(
  normalized: string,
  { literal = literalPattern(normalized), flags = "g" }: { literal?: string; flags?: string } = {},
): RegExp {
  const before = BEGINS_WITH_BASE.test(normalized) ? NO_WORD_BEFORE : "";
  const after = ENDS_WITH_BASE.test(normalized) ? NO_WORD_AFTER : "";
  return new RegExp(`${before}${literal}${after}`, `${flags}v`);
}
