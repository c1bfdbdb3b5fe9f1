import { normaliseText } from "../_normalise.ts";

/** Letters and digits, with apostrophes between them; a hyphen parts words. */
const WORD = /[\p{L}\p{M}\p{N}_]+(?:'[\p{L}\p{M}\p{N}_]+)*/gu;

/** Contractions that are more than their parts. */
const WHOLE: ReadonlyMap<string, readonly string[]> = new Map([
  ["ain't", ["is", "not"]],
  ["can't", ["cannot"]],
  ["let's", ["let", "us"]],
  ["shan't", ["shall", "not"]],
  ["won't", ["will", "not"]],
]);

const ENDINGS: readonly (readonly [ending: string, word: string])[] = [
  ["n't", "not"],
  ["'ll", "will"],
  ["'re", "are"],
  ["'ve", "have"],
  ["'m", "am"],
  ["'d", "would"],
];

/** Words after which "'s" is "is" and no genitive. */
const BEFORE_IS: ReadonlySet<string> = new Set(
  ("everything he here how it nothing she something that there this what when where who why")
    .split(" "),
);

/**
 * The words of a text as word vectors know them: in lower case and with contractions written out, as
 * vocabularies hold neither "doesn't" nor "n't". A genitive loses its "'s".
 */
export function staticWords(text: string): string[] {
  const words: string[] = [];
  for (const [word] of normaliseText(text).matchAll(WORD)) words.push(...writtenOut(word));
  return words;
}

function writtenOut(word: string): readonly string[] {
  if (!word.includes("'")) return [word];
  const whole = WHOLE.get(word);
  if (whole !== undefined) return whole;
  for (const [ending, last] of ENDINGS) {
    if (word.endsWith(ending)) return [...writtenOut(word.slice(0, -ending.length)), last];
  }
  if (!word.endsWith("'s")) return word.split("'");
  const owner = word.slice(0, -2);
  return BEFORE_IS.has(owner) ? [owner, "is"] : writtenOut(owner);
}
