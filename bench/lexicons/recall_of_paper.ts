import { type Lexicon, lexiconFromGrams } from "../../sg/mod.ts";
import { distinctGrams } from "../grams.ts";
import { normalize } from "../normalize.ts";
import { TextMatcher } from "./text_matcher.ts";

/** How many entries of a reference list a lexicon finds again. */
export interface ReferenceRecall {
  /** Distinct entries that match in the texts at all. */
  readonly occurring: number;
  /** Those that are grams of the lexicon. */
  readonly exact: number;
  /** Those with a character in a match of the lexicon wherever they occur. */
  readonly covered: number;
  /** Share of all their occurrences that have a character in a match; NaN of none. */
  readonly coveredOccurrences: number;
}

/** Where the entries of a reference list occur in texts. */
export interface ReferenceOccurrences {
  /** The normalized texts. */
  readonly texts: readonly string[];
  /** By entry that occurs: text, start and end of its matches, one after the other. */
  readonly entries: ReadonlyMap<string, Int32Array>;
}

/**
 * Finds where each entry of a reference list matches, on its own, so that nested entries count too.
 *
 * @param reference The list, such as the paper's entries of 3 to 5 words.
 * @param texts The corpus.
 * @returns The occurrences.
 */
export function findReference(
  reference: Lexicon,
  texts: readonly string[],
): ReferenceOccurrences {
  const normalized = texts.map(normalize);
  const entries = new Map<string, Int32Array>();
  for (const entry of distinctGrams(reference)) {
    const matcher = new TextMatcher(lexiconFromGrams([entry], { name: entry }));
    const found: number[] = [];
    for (const [t, text] of normalized.entries()) {
      if (!text.includes(entry)) continue; // most texts: the matcher would read them for nothing
      for (const { start, end } of matcher.spans(text)) found.push(t, start, end);
    }
    if (found.length > 0) entries.set(entry, Int32Array.from(found));
  }
  return { texts: normalized, entries };
}

/**
 * Computes how many of the entries that occur a lexicon finds again: as grams, or by overlapping them
 * wherever they occur.
 *
 * @param lexicon The lexicon.
 * @param reference Where the entries occur, from {@linkcode findReference}.
 * @returns The counts.
 */
export function referenceRecall(
  lexicon: Lexicon,
  { texts, entries }: ReferenceOccurrences,
): ReferenceRecall {
  const grams = new Set(distinctGrams(lexicon));
  const matcher = new TextMatcher(lexicon);
  const covers = texts.map((text) => matcher.cover(text));
  let exact = 0;
  let covered = 0;
  let numOccurrences = 0;
  let numCovered = 0;
  for (const [entry, places] of entries) {
    if (grams.has(entry)) exact++;
    let here = 0;
    for (let p = 0; p < places.length; p += 3) {
      if (covers[places[p]!]!.subarray(places[p + 1]!, places[p + 2]!).includes(1)) here++;
    }
    if (here === places.length / 3) covered++;
    numCovered += here;
    numOccurrences += places.length / 3;
  }
  return {
    occurring: entries.size,
    exact,
    covered,
    coveredOccurrences: numCovered / numOccurrences,
  };
}
