import { type Lexicon, lexiconFromGrams } from "../sg/mod.ts";
import { normalisePhrase } from "./normalise.ts";
import { seededRandom } from "./seeded_random.ts";

/** The distinct grams of a lexicon, normalised and trimmed: what a peer is given. */
export function distinctGrams({ grams }: Lexicon): string[] {
  return [...new Set(grams.map(({ text }) => normalisePhrase(text)))].filter((text) => text !== "");
}

/** Words with single spaces between them, in normalised text. */
export const RUNS: RegExp =
  /[\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*(?: [\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*)*/gu;

/** Characters of the longest gram that a lexicon takes. */
const LONGEST = 512;

const SEED = 1;

/** A whole number from 0 and below the given one. */
type Draw = (below: number) => number;

/** How a lexicon grows, by its name in tables. */
export type PhraseSource = "common" | "rare";

/** What phrases of each source are. */
export const PHRASE_SOURCES: Readonly<Record<PhraseSource, string>> = {
  common: "phrases of 2 to 5 words as they stand in the rollouts, so that most of them occur often",
  rare:
    "phrases of 3 to 5 distinct words of the rollouts, each drawn independently, so that almost " +
    "none ever occurs",
};

/**
 * Makes a lexicon of a given size: the grams of a lexicon, then phrases drawn from texts by a fixed
 * seed.
 *
 * @param lexicon What it begins with; cut where it holds more.
 * @param texts Normalised texts to draw from.
 * @param size Number of distinct grams; fewer come out where the texts do not hold as many.
 * @param source Which phrases to draw, see {@linkcode PHRASE_SOURCES}.
 * @returns The lexicon.
 */
export function growLexicon(
  lexicon: Lexicon,
  texts: readonly string[],
  size: number,
  source: PhraseSource = "common",
): Lexicon {
  const grams = new Set(distinctGrams(lexicon).slice(0, size));
  const random = seededRandom(SEED);
  const draw: Draw = (below) => Math.floor(random() * below);
  const phrase = source === "common" ? commonPhrases(texts, draw) : rarePhrases(texts, draw);
  for (let attempt = 0; grams.size < size && attempt < 20 * size; attempt++) {
    const gram = phrase();
    if (gram !== undefined && gram.length <= LONGEST) grams.add(gram);
  }
  return lexiconFromGrams([...grams], { name: `${lexicon.name} grown to ${grams.size}` });
}

function commonPhrases(texts: readonly string[], draw: Draw): () => string | undefined {
  const runsOfText = new Map<number, string[][]>();
  return () => {
    const t = draw(texts.length);
    let runs = runsOfText.get(t);
    if (runs === undefined) {
      runs = Array.from(texts[t]!.matchAll(RUNS), ([run]) => run.split(" "))
        .filter((words) => words.length >= 2);
      runsOfText.set(t, runs);
    }
    const words = runs[draw(runs.length)];
    if (words === undefined) return undefined;
    const start = draw(words.length - 1);
    return words.slice(start, start + 2 + draw(4)).join(" ");
  };
}

function rarePhrases(texts: readonly string[], draw: Draw): () => string {
  const words = [
    ...new Set(texts.flatMap((text) => text.match(RUNS)?.flatMap((run) => run.split(" ")) ?? [])),
  ];
  return () => Array.from({ length: 3 + draw(3) }, () => words[draw(words.length)]).join(" ");
}
