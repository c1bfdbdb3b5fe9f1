/**
 * Normalizes text by rule 2 of the matching semantics, written down a second time with regular
 * expressions: what peers must search in to find what the matcher finds.
 */
export function normalize(text: string): string {
  return text
    .replace(/[\u2018\u2019\u02bc\u2032\uff07]/g, "'")
    .replace(/[\u201c\u201d\u2033]/g, '"')
    .replace(/[\u2010\u2011]/g, "-")
    .replace(/\p{Changes_When_Lowercased}/gu, (character) => {
      const lower = character.toLowerCase();
      return [...lower].length === 1 ? lower : character;
    })
    .replace(
      /\p{White_Space}+/gu,
      (run) => (run.match(/\r\n?|\n/g)?.length ?? 0) > 1 ? "\n" : " ",
    );
}

/** Normalizes a phrase as the matcher does a gram: as above, and trimmed. */
export function normalizePhrase(text: string): string {
  return normalize(text).replace(/^[ \n]+|[ \n]+$/g, "");
}
