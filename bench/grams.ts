import { WORD_RUN } from "../sg/internal.ts";
import { type Lexicon, lexiconFromGrams } from "../sg/mod.ts";
import { normalizePhrase } from "./normalize.ts";
import { seededRandom } from "./seeded_random.ts";

/** The distinct grams of a lexicon, normalized and trimmed: what a peer is given. */
export function distinctGrams({ grams }: Lexicon): string[] {
  return [...new Set(grams.map(({ text }) => normalizePhrase(text)))].filter((text) => text !== "");
}

/** Words with single spaces between them, in normalized text. */
export const RUNS: RegExp = new RegExp(WORD_RUN, "gv");

/** Characters of the longest gram that a lexicon takes. */
const LONGEST = 512;

const SEED = 1;

/**
 * Makes a lexicon of a given size: the grams of a lexicon, then phrases of 2 to 5 words drawn from texts
 * by a fixed seed, so that most of them occur often.
 *
 * @param lexicon What it begins with; cut where it holds more.
 * @param texts Normalized texts to draw from.
 * @param size Number of distinct grams; fewer come out where the texts do not hold as many.
 * @returns The lexicon.
 */
export function growLexicon(lexicon: Lexicon, texts: readonly string[], size: number): Lexicon {
  const grams = new Set(distinctGrams(lexicon).slice(0, size));
  const random = seededRandom(SEED);
  const draw = (below: number): number => Math.floor(random() * below);
  const runsOfText = new Map<string, string[][]>();
  for (let attempt = 0; grams.size < size && attempt < 20 * size; attempt++) {
    const runs = runsOfText.getOrInsertComputed(texts[draw(texts.length)]!, wordRuns);
    if (runs.length === 0) continue;
    const words = runs[draw(runs.length)]!;
    const start = draw(words.length - 1);
    const gram = words.slice(start, start + 2 + draw(4)).join(" ");
    if (gram.length <= LONGEST) grams.add(gram);
  }
  return lexiconFromGrams([...grams], { name: `${lexicon.name} grown to ${grams.size}` });
}

function wordRuns(text: string): string[][] {
  return Array.from(text.matchAll(RUNS), ([run]) => run.split(" "))
    .filter((words) => words.length >= 2);
}
