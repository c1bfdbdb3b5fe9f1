import { z } from "zod";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import { corpusDigest } from "./_corpus_digest.ts";
import { MATCHING_VERSION, normalizeText } from "./_normalize.ts";
import { drawIndex, splitMix64 } from "./_random.ts";
import { gramPattern, WORD_RUN } from "./_word_patterns.ts";
import type { CountedGram, Gram } from "./gram.ts";
import { type Lexicon, lexiconFromGrams } from "./lexicon.ts";

/** Options of {@linkcode placeboLexicon}. */
export interface PlaceboLexiconOptions {
  /** Seed of the draw, a whole number from 0: other seeds give other placebos. */
  readonly seed: number;
  /**
   * A control is drawn from all phrases at most this far from its gram, or from the nearest when there
   * is none. 0 always takes the nearest, and leaves no chance to the common grams, whose frequencies
   * few phrases share. Default 0.1, about 10 % in the two frequencies together.
   */
  readonly tolerance?: number;
}

const optionsSchema = strictOptions({
  seed: z.int().min(0),
  tolerance: z.number().min(0).default(0.1),
});

/**
 * Draws a placebo lexicon: for every gram a random phrase of the corpus with as many words, matched in
 * document frequency and occurrences, that says nothing a strategic gram says. It is the control for
 * "any frequent phrase would do": the camera-ready paper's "Placebo HICRA (random n-grams)", which fell
 * below plain GRPO there, with the matching in frequency that its reviews asked for.
 *
 * A candidate is a run of words with one space between them. It is excluded if it contains a gram of
 * the lexicon or is a part of one, word by word, or if more than 1 in 20 of its occurrences overlap a
 * match ("me check" would be the tail of "let me"). Frequencies are counted by the matching rules,
 * nested matches included. The distance of a candidate `c` to a gram `g` is
 * `|ln(df(c) / df(g))| + |ln(n(c) / n(g))|`, with `df` the number of documents and `n` the number of
 * matches. Grams draw without replacement, the most frequent first, as they have the fewest peers.
 *
 * A control keeps the kind of its gram, so that an alpha per kind applies to both alike, and says in
 * `controlOf` what it is matched to. A gram that never occurs in the documents has no control, nor has
 * a duplicate or one with no phrase of its length left; the provenance lists them. The same lexicon,
 * documents, order and options give the same placebo.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, placeboLexicon } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait"], { name: "mine" });
 * const placebo = await placeboLexicon(lexicon, ["But wait, 2 pi", "So: two pi"], { seed: 1 });
 * assert.match(placebo.grams[0]!.text, /^(2 pi|two pi)$/);
 * assert.equal(placebo.grams[0]!.controlOf!.text, "but wait");
 * ```
 *
 * @param lexicon The lexicon to control for.
 * @param documents The corpus, a text per rollout: best the rollouts that the lexicon will mark.
 * @param options Seed and tolerance.
 * @returns The placebo, with counts for every gram.
 * @throws {TypeError} If there is no seed, or an option is unknown or of another type.
 * @throws {RangeError} If an option is out of range, or no gram can be given a control.
 */
export async function placeboLexicon(
  lexicon: Lexicon,
  documents: Iterable<string>,
  options: PlaceboLexiconOptions,
): Promise<Lexicon> {
  const { seed, tolerance } = checkOptions("draw a placebo", optionsSchema, options);
  const originals = [...documents];
  const texts = originals.map(normalizeText);
  const normalized = lexicon.grams.map((gram) => normalizeText(gram.text));
  const { counts, covered } = matchGrams(normalized, texts);
  const parts = partsOf(normalized);
  const next = splitMix64(BigInt(seed));

  const controls: (Gram | undefined)[] = lexicon.grams.map(() => undefined);
  const unmatched: string[] = [];
  const absent: string[] = [];
  for (const [numWords, indices] of groupByWords(normalized)) {
    const buckets = bucketPhrases(countPhrases(numWords, texts, covered), parts);
    const count = (index: number): Counts => counts.get(normalized[index]!)!;
    indices.sort((a, b) => count(b).documentFrequency - count(a).documentFrequency || a - b);
    for (const index of indices) {
      const { text, kind } = lexicon.grams[index]!;
      const { documentFrequency, occurrences } = count(index);
      if (occurrences === 0) {
        absent.push(text);
        continue;
      }
      const controlOf = { text, documentFrequency, occurrences };
      const control = drawNear(buckets, controlOf, tolerance, next);
      if (control === undefined) unmatched.push(text);
      else controls[index] = { ...control, kind, controlOf };
    }
  }

  const grams = controls.filter((gram) => gram !== undefined);
  if (grams.length === 0) {
    throw new InputRangeError(
      `Cannot draw a placebo as no gram of lexicon "${lexicon.name}" has a control: ` +
        `${absent.length} do not occur in the ${texts.length} documents, for ${unmatched.length} ` +
        `there is no phrase of equal length, pass more text`,
    );
  }
  return lexiconFromGrams(grams, {
    name: `placebo-${lexicon.name}-${seed}`,
    provenance: {
      source: `random phrases matched to the grams of lexicon "${lexicon.name}"`,
      corpusDigest: await corpusDigest(originals),
      matching: MATCHING_VERSION,
      parameters: { seed, tolerance, documents: texts.length, lexicon: lexicon.name },
      notes: [
        ...listed("These grams do not occur in the documents and have no control", absent),
        ...listed("No phrase of equal length was left for these grams", unmatched),
      ],
    },
  });
}

/** A phrase with more of its occurrences on matches than this is no control. */
const MAX_OVERLAP = 1 / 20;

/** The longest runs of words with one space, and nothing else, between them. */
const RUN: RegExp = new RegExp(WORD_RUN, "gv");
const ONLY_RUN: RegExp = new RegExp(`^${WORD_RUN}$`, "v");

/** How often a phrase occurs, while it is counted. */
interface Counts {
  documentFrequency: number;
  occurrences: number;
  /** Occurrences that share a character with a match of the lexicon. */
  overlaps: number;
  lastDocument: number;
}

/** The phrases that are equally frequent. */
interface Bucket {
  readonly documentFrequency: number;
  readonly occurrences: number;
  readonly texts: string[];
}

/** Counts the grams, and marks the characters of each text that their matches cover. */
function matchGrams(
  normalized: readonly string[],
  texts: readonly string[],
): { counts: ReadonlyMap<string, Counts>; covered: readonly Uint8Array[] } {
  const counts = new Map<string, Counts>();
  const lengths = new Set<number>();
  const patterns: [gram: string, pattern: RegExp][] = []; // for what is no run of words
  for (const gram of new Set(normalized)) {
    counts.set(gram, noCounts());
    if (ONLY_RUN.test(gram)) lengths.add(countWords(gram));
    else patterns.push([gram, gramPattern(gram)]);
  }
  const covered = texts.map((text, document) => {
    const cover = new Uint8Array(text.length);
    const add = (gram: string, start: number): void => {
      const count = counts.get(gram);
      if (count === undefined) return;
      addOccurrence(count, document);
      cover.fill(1, start, start + gram.length);
    };
    for (const { 0: run, index } of text.matchAll(RUN)) {
      for (const numWords of lengths) {
        for (const { phrase, start } of windows(run, numWords)) add(phrase, index + start);
      }
    }
    for (const [gram, pattern] of patterns) {
      pattern.lastIndex = 0;
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        add(gram, match.index);
        pattern.lastIndex = match.index + 1; // matches may overlap
      }
    }
    return cover;
  });
  return { counts, covered };
}

/** Counts every run of `numWords` words in the texts, in the order in which they first occur. */
function countPhrases(
  numWords: number,
  texts: readonly string[],
  covered: readonly Uint8Array[],
): ReadonlyMap<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const [document, text] of texts.entries()) {
    const cover = covered[document]!;
    for (const { 0: run, index } of text.matchAll(RUN)) {
      for (const { phrase, start } of windows(run, numWords)) {
        let count = counts.get(phrase);
        if (count === undefined) counts.set(phrase, count = noCounts());
        addOccurrence(count, document);
        const first = index + start;
        if (cover.subarray(first, first + phrase.length).includes(1)) count.overlaps++;
      }
    }
  }
  return counts;
}

function noCounts(): Counts {
  return { documentFrequency: 0, occurrences: 0, overlaps: 0, lastDocument: -1 };
}

function addOccurrence(count: Counts, document: number): void {
  count.occurrences++;
  if (count.lastDocument !== document) count.documentFrequency++;
  count.lastDocument = document;
}

/** Every stretch of `numWords` words in a run of words with single spaces. */
function* windows(run: string, numWords: number): Generator<{ phrase: string; start: number }> {
  const starts = [0];
  for (let i = run.indexOf(" "); i >= 0; i = run.indexOf(" ", i + 1)) starts.push(i + 1);
  starts.push(run.length + 1);
  for (let w = 0; w + numWords < starts.length; w++) {
    const start = starts[w]!;
    yield { phrase: run.slice(start, starts[w + numWords]! - 1), start };
  }
}

function countWords(normalized: string): number {
  return normalized.split(/[ \n]/).length;
}

/** All runs of words inside the grams, the grams among them. */
function partsOf(normalized: readonly string[]): ReadonlySet<string> {
  const parts = new Set<string>();
  for (const gram of normalized) {
    for (const [run] of gram.matchAll(RUN)) {
      for (let n = countWords(run); n > 0; n--) {
        for (const { phrase } of windows(run, n)) parts.add(phrase);
      }
    }
  }
  return parts;
}

/** The indices of the grams by number of words, each distinct gram once. */
function groupByWords(normalized: readonly string[]): ReadonlyMap<number, number[]> {
  const groups = new Map<number, number[]>();
  const seen = new Set<string>();
  for (const [index, gram] of normalized.entries()) {
    if (seen.has(gram)) continue;
    seen.add(gram);
    const numWords = countWords(gram);
    const group = groups.get(numWords);
    if (group === undefined) groups.set(numWords, [index]);
    else group.push(index);
  }
  return groups;
}

/** Sorts the phrases that may be drawn by how frequent they are. */
function bucketPhrases(
  counts: ReadonlyMap<string, Counts>,
  parts: ReadonlySet<string>,
): readonly Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const [text, { documentFrequency, occurrences, overlaps }] of counts) {
    // A phrase that contains a gram overlaps a match wherever it occurs.
    if (overlaps > MAX_OVERLAP * occurrences || parts.has(text)) continue;
    const key = `${documentFrequency} ${occurrences}`;
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, { documentFrequency, occurrences, texts: [text] });
    else bucket.texts.push(text);
  }
  return [...buckets.values()];
}

/** Draws one of the phrases within `tolerance`, or of the nearest, and takes it out of its bucket. */
function drawNear(
  buckets: readonly Bucket[],
  target: CountedGram,
  tolerance: number,
  next: () => bigint,
): CountedGram | undefined {
  const distances = Float64Array.from(
    buckets,
    (bucket) => bucket.texts.length === 0 ? Infinity : distance(bucket, target),
  );
  const nearest = distances.reduce((a, b) => Math.min(a, b), Infinity);
  const limit = Math.max(nearest, tolerance);
  const pool = buckets.filter((bucket, b) => bucket.texts.length > 0 && distances[b]! <= limit);
  const size = pool.reduce((sum, bucket) => sum + bucket.texts.length, 0);
  if (size === 0) return undefined;
  let drawn = drawIndex(next, size);
  let b = 0;
  while (drawn >= pool[b]!.texts.length) drawn -= pool[b++]!.texts.length;
  const { texts, documentFrequency, occurrences } = pool[b]!;
  const text = texts[drawn]!;
  texts[drawn] = texts[texts.length - 1]!;
  texts.pop();
  return { text, documentFrequency, occurrences };
}

function distance(bucket: Bucket, target: CountedGram): number {
  return Math.abs(Math.log(bucket.documentFrequency / target.documentFrequency)) +
    Math.abs(Math.log(bucket.occurrences / target.occurrences));
}

function listed(what: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [`${what}: ${texts.map((text) => `"${text}"`).join(", ")}`];
}
