import { type Lexicon, lexiconFromGrams } from "../../sg/mod.ts";
import { loadLexicon } from "../../files/mod.ts";

/**
 * Loads the lists that every lexicon is set beside: the paper's, its entries of two or more words, and
 * those of three to five, the length that the paper says it mines.
 *
 * @returns `paper`, `paper-2plus` and `paper-3to5`.
 */
export async function paperLists(): Promise<readonly [Lexicon, Lexicon, Lexicon]> {
  const paper = await loadLexicon("paper");
  const longer = paper.grams.filter(({ text }) => text.includes(" "));
  return [
    paper,
    lexiconFromGrams(longer, { name: "paper-2plus", provenance: paper.provenance }),
    await loadLexicon("paper-3to5"),
  ];
}
