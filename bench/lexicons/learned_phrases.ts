import { normalizeText, WORD } from "../../sg/internal.ts";
import { type Lexicon, lexiconFromGrams } from "../../sg/mod.ts";
import type { LabeledCorpus } from "./labeled_corpora.ts";
import { isPlanning } from "./labeled_sentences.ts";

/** Words of a phrase, and of one that ends with a comma. */
const WORDS = { least: 2, most: 5, mostBeforeComma: 2 } as const;
/** A phrase must be in so many problems, of so many corpora. */
const LEAST = { prompts: 6, corpora: 2 } as const;
/** How many sentences of the base rate are added to what is known of a phrase. */
const PRIOR = 6;

/** A word, and what joins it to the next. */
const JOINED_WORD = new RegExp(`(${WORD})(, ?| )?`, "gv");

/** In how many sentences of each corpus a phrase is, and in how many of those that plan. */
interface PhraseCounts {
  readonly sentences: Int32Array;
  readonly planning: Int32Array;
  /** The first of the problems that hold it. */
  readonly prompts: Set<string>;
}

/** What labeled sentences say of phrases. */
export interface PhraseEvidence {
  readonly phrases: ReadonlyMap<string, PhraseCounts>;
  /** Sentences of each corpus, and those that plan. */
  readonly sentences: Int32Array;
  readonly planning: Int32Array;
}

/**
 * Counts the phrases of 2 to 5 words, and up to two words before a comma, in labeled sentences.
 *
 * @param corpora The corpora.
 * @returns The counts of all phrases that are in enough texts to count.
 */
export function countLabeledPhrases(corpora: readonly LabeledCorpus[]): PhraseEvidence {
  // Most phrases are in one text. Which are not is known, but for collisions, after a first pass.
  const texts = new Uint8Array(2 ** 24);
  const mask = texts.length - 1;
  for (const corpus of corpora) {
    for (const { text, sentences } of corpus.texts) {
      const slots = new Set<number>();
      for (const { start, end } of sentences) {
        for (const phrase of phrasesOf(text.slice(start, end))) slots.add(hash(phrase) & mask);
      }
      for (const slot of slots) if (texts[slot]! < 255) texts[slot]!++;
    }
  }
  const phrases = new Map<string, PhraseCounts>();
  const totals = corpora.map(() => ({ sentences: 0, planning: 0 }));
  for (const [c, corpus] of corpora.entries()) {
    for (const { text, prompt, sentences } of corpus.texts) {
      for (const sentence of sentences) {
        const plans = isPlanning(sentence);
        totals[c]!.sentences++;
        if (plans) totals[c]!.planning++;
        for (const phrase of phrasesOf(text.slice(sentence.start, sentence.end))) {
          if (texts[hash(phrase) & mask]! < LEAST.prompts) continue;
          const counts = phrases.getOrInsertComputed(phrase, () => ({
            sentences: new Int32Array(corpora.length),
            planning: new Int32Array(corpora.length),
            prompts: new Set(),
          }));
          counts.sentences[c]!++;
          if (plans) counts.planning[c]!++;
          if (counts.prompts.size < LEAST.prompts) counts.prompts.add(prompt);
        }
      }
    }
  }
  return {
    phrases,
    sentences: Int32Array.from(totals, ({ sentences }) => sentences),
    planning: Int32Array.from(totals, ({ planning }) => planning),
  };
}

/**
 * The phrases that are in planning sentences more often than not: a floor for what mining finds. One enters
 * if the lower bound of its precision, one standard error below, reaches `bound`; the shortest first, as
 * what holds a phrase that is in adds nothing.
 *
 * @param evidence The counts.
 * @param bound Lower bound of the precision.
 * @param leftOut Indices of the corpora whose labels are not looked at.
 * @returns The phrases as a lexicon; undefined where there are none.
 */
export function learnPhrases(
  { phrases, sentences, planning }: PhraseEvidence,
  bound: number,
  leftOut: ReadonlySet<number> = new Set(),
): Lexicon | undefined {
  const sumOf = (counts: Int32Array): number =>
    counts.reduce((sum, count, c) => leftOut.has(c) ? sum : sum + count, 0);
  const base = sumOf(planning) / sumOf(sentences);
  const candidates: { phrase: string; words: string[]; hits: number }[] = [];
  for (const [phrase, counts] of phrases) {
    const inCorpora = counts.sentences.filter((count, c) => count > 0 && !leftOut.has(c)).length;
    if (counts.prompts.size < LEAST.prompts || inCorpora < LEAST.corpora) continue;
    const hits = sumOf(counts.planning);
    const weight = sumOf(counts.sentences) + PRIOR;
    const precision = (hits + PRIOR * base) / weight;
    if (precision - Math.sqrt(precision * (1 - precision) / weight) < bound) continue;
    candidates.push({ phrase, words: phrase.split(" "), hits });
  }
  candidates.sort((a, b) =>
    a.words.length - b.words.length || b.hits - a.hits || (a.phrase < b.phrase ? -1 : 1)
  );
  const chosen = new Set<string>();
  for (const { phrase, words } of candidates) {
    if (!holdsAny(words, chosen)) chosen.add(phrase);
  }
  return chosen.size === 0 ? undefined : lexiconFromGrams([...chosen], { name: `bound ${bound}` });
}

/** Whether words hold a shorter phrase that is known, with a comma behind it or not. */
function holdsAny(words: readonly string[], known: ReadonlySet<string>): boolean {
  for (let from = 0; from < words.length; from++) {
    for (let to = from + 1; to <= words.length; to++) {
      if (from === 0 && to === words.length) continue;
      const part = words.slice(from, to).join(" ");
      if (known.has(part) || known.has(part.replace(/,$/, ""))) return true;
    }
  }
  return false;
}

/** The phrases of a sentence, each once. */
export function phrasesOf(sentence: string): Set<string> {
  const phrases = new Set<string>();
  const words = [...normalizeText(sentence).matchAll(JOINED_WORD)];
  for (let from = 0; from < words.length; from++) {
    let phrase = "";
    let end = words[from]!.index;
    for (let n = 1; n <= WORDS.most && from + n <= words.length; n++) {
      const { 0: joined, 1: word, 2: join, index } = words[from + n - 1]!;
      if (index !== end) break;
      end = index + joined.length;
      phrase += word;
      if (n >= WORDS.least) phrases.add(phrase);
      if (n <= WORDS.mostBeforeComma && join?.startsWith(",")) phrases.add(`${phrase},`);
      if (join === undefined || join === ",") break;
      phrase += join;
    }
  }
  return phrases;
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
