import { type Lexicon, lexiconFromGrams } from "../sg/mod.ts";
import { normalise } from "./normalise.ts";

/** The distinct grams of a lexicon, normalised and trimmed: what a peer is given. */
export function distinctGrams({ grams }: Lexicon): string[] {
  const texts = grams.map(({ text }) => normalise(text).replace(/^[ \n]+|[ \n]+$/g, ""));
  return [...new Set(texts)].filter((text) => text !== "");
}

/** Words with single spaces between them. */
const WORDS = /[\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*(?: [\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*)*/gu;

const SEED = 1;

/**
 * Makes a lexicon of a given size: the grams of a lexicon, then runs of 2 to 5 words drawn at random
 * from texts, by a fixed seed.
 *
 * @param lexicon What it begins with; cut where it holds more.
 * @param texts Normalised texts to draw from.
 * @param size Number of distinct grams; fewer come out where the texts do not hold as many.
 * @returns The lexicon.
 */
export function growLexicon(lexicon: Lexicon, texts: readonly string[], size: number): Lexicon {
  const grams = new Set(distinctGrams(lexicon).slice(0, size));
  const random = seededRandom(SEED);
  const draw = (below: number): number => Math.floor(random() * below);
  const runsOfText = new Map<number, string[][]>();
  for (let attempt = 0; grams.size < size && attempt < 20 * size; attempt++) {
    const t = draw(texts.length);
    let runs = runsOfText.get(t);
    if (runs === undefined) {
      runs = Array.from(texts[t]!.matchAll(WORDS), ([run]) => run.split(" "))
        .filter((words) => words.length >= 2);
      runsOfText.set(t, runs);
    }
    const words = runs[draw(runs.length)];
    if (words === undefined) continue;
    const start = draw(words.length - 1);
    const gram = words.slice(start, start + 2 + draw(4)).join(" ");
    if (gram.length <= 512) grams.add(gram);
  }
  return lexiconFromGrams([...grams], { name: `${lexicon.name} grown to ${grams.size}` });
}

/** Mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
