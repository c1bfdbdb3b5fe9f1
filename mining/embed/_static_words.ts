import { normalizeText } from "../../sg/internal.ts";

/** Letters and digits, with apostrophes between them; a hyphen parts words. */
const WORD = /[\p{L}\p{M}\p{N}_]+(?:'[\p{L}\p{M}\p{N}_]+)*/gu;

/** The words of a text in lower case; contractions are one word. */
export function staticWords(text: string): string[] {
  return [...normalizeText(text).matchAll(WORD)].map(([word]) => word);
}

/**
 * What of the words has a vector: the words, where one with an apostrophe that is not known, such as
 * "author's", is taken apart, then the first word as `^word` and the last as `word$`.
 */
export function knownTokens(
  words: readonly string[],
  known: { has(token: string): boolean },
): string[] {
  const parts = words.flatMap((word) => known.has(word) ? [word] : word.split("'"));
  if (parts.length === 0) return [];
  return [...parts, `^${parts[0]}`, `${parts.at(-1)}$`].filter((token) => known.has(token));
}
