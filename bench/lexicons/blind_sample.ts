import type { Lexicon } from "../../sg/mod.ts";
import { distinctGrams } from "../grams.ts";
import { drawNgrams } from "./draw_ngrams.ts";
import { seededRandom } from "../seeded_random.ts";

/** Options of {@linkcode blindSample}. */
export interface BlindSampleOptions {
  /** Grams of the lexicon to draw; all where it holds fewer. */
  readonly grams: number;
  /** Random n-grams of the texts to mix in. */
  readonly random: number;
  /** Fewest and most words of the random n-grams. @default {[3, 5]} */
  readonly words?: readonly [number, number];
  /** Seed of draws and order, a whole number from 0. */
  readonly seed: number;
  /** Normalized phrases that have a label already and are left out. */
  readonly labeled?: ReadonlySet<string>;
}

/**
 * Draws phrases to be labeled blind: grams of a lexicon and random n-grams of texts in one random
 * order, with nothing that tells one from the other. Random n-grams are never grams of the lexicon.
 *
 * @param lexicon The lexicon.
 * @param texts Texts to draw random n-grams from.
 * @param options How many of each, seed, and what is labeled already.
 * @returns Normalized phrases, shuffled.
 * @throws {RangeError} If the texts do not hold enough n-grams.
 */
export function blindSample(
  lexicon: Lexicon,
  texts: readonly string[],
  options: BlindSampleOptions,
): string[] {
  const { grams: numGrams, random: numRandom, words, seed, labeled = new Set<string>() } = options;
  const all = distinctGrams(lexicon);
  const random = seededRandom(seed);
  const unlabeled = shuffle(all.filter((text) => !labeled.has(text)), random);
  const ngrams = drawNgrams(texts, {
    count: numRandom,
    ...(words !== undefined && { words }),
    seed,
    exclude: new Set([...all, ...labeled]),
  });
  return shuffle([...unlabeled.slice(0, numGrams), ...ngrams], random);
}

/** Fisher and Yates. */
function shuffle<T>(values: readonly T[], random: () => number): T[] {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}
