import { lexiconFromGrams, SgMatcher, tokenBytes } from "../../sg/mod.ts";

/**
 * A matcher of "but wait" (backtracking, 0), "so" (deduction, 1) and "é" (other, 2). Ids: 0 "But",
 * 1 " wait", 2 ",", 3 " so", 4 and 5 the bytes of "é", 6 the bytes of "€" but for the last, 7 that,
 * 8 a stray byte, 9 "<b>&\"".
 */
export function tinyMatcher(): SgMatcher {
  const lexicon = lexiconFromGrams([
    { text: "but wait", kind: "backtracking" },
    { text: "so", kind: "deduction" },
    { text: "é", kind: "other" },
  ], { name: "tiny" });
  const vocab = { "But": 0, "Ġwait": 1, ",": 2, "Ġso": 3, "Ã": 4, "©": 5, "âĤ": 6, "¬": 7, "ÿ": 8 };
  return SgMatcher.compile(
    lexicon,
    tokenBytes({
      model: { type: "BPE", vocab: { ...vocab, '<b>&"': 9 }, merges: [] },
      decoder: { type: "ByteLevel" },
      "added_tokens": [],
    }),
  );
}
