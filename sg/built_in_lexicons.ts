import math from "./lexicons/math.json" with { type: "json" };
import paper from "./lexicons/paper.json" with { type: "json" };
import { type Lexicon, lexiconFromGrams, lexiconFromJson } from "./lexicon.ts";

/** Names of the lexicons that come with the module. */
export const BUILT_IN_LEXICONS: readonly string[] = ["math", "paper", "paper-3to5"];

/** The lexicon to use where nobody names one. */
export const DEFAULT_LEXICON = "math";

/**
 * Gives a lexicon that comes with the module.
 *
 * - `math`: 265 grams of 2 to 5 words that `mine` of `./mining` found in 1,852 right solutions of mathematical
 *   problems by four models; its provenance holds every parameter, `sg/lexicons/README.md` the command
 *   that makes it again, and `bench/lexicons` what it is worth.
 * - `paper`: the 249 grams of the paper's Listing 1 (arXiv 2509.03646v3, Appendix A). Their kinds are
 *   ours, by the guideline in its provenance.
 * - `paper-3to5`: the 179 of them that have 3 to 5 words, the length that the paper's section 2.1 says
 *   it mines. It marks far less, as single words such as "so" carry most of the mask.
 *
 * @example Usage
 * ```ts
 * import { builtInLexicon } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * assert.equal(builtInLexicon("paper")?.grams.length, 249);
 * assert.equal(builtInLexicon("papers"), undefined);
 * ```
 *
 * @param name One of {@linkcode BUILT_IN_LEXICONS}.
 * @returns The lexicon; `undefined` if none has the name.
 */
export function builtInLexicon(name: string): Lexicon | undefined {
  if (name === "math") return lexiconFromJson(math);
  if (name === "paper") return lexiconFromJson(paper);
  if (name === "paper-3to5") return paper3To5();
  return undefined;
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
