/** How a word is joined to the next; 0 if an n-gram cannot hold both. */
export const JOIN_TEXTS: readonly string[] = ["", " ", ", ", " - ", " \u2013 ", " \u2014 ", ""];
export const SPACE_JOIN = 1;
export const COMMA_JOIN = 2;
export const HYPHEN_JOIN = 3;
export const EN_DASH_JOIN = 4;
export const EM_DASH_JOIN = 5;
export const ADJACENT_JOIN = 6;

/** What {@linkcode SentenceCutter} says about a word: bits of `flags`. */
export const WordFlag: {
  /** It is the first thing of its sentence. */
  readonly startsSentence: 1;
  /** It is the first thing of its paragraph. */
  readonly startsParagraph: 2;
  /** Its sentence holds mathematics. */
  readonly inMathSentence: 4;
  /** Mathematics comes next, with at most white space, commas and a colon before it. */
  readonly beforeMath: 8;
} = { startsSentence: 1, startsParagraph: 2, inMathSentence: 4, beforeMath: 8 };

/** The words of a text. All arrays are buffers of the cutter: valid until its next text. */
export interface CutText {
  /** Number of words, W. */
  readonly numWords: number;
  /** Where each word begins in the text, in UTF-16 units, `[W]`. */
  readonly starts: Int32Array;
  /** Where each word ends, `[W]`. */
  readonly ends: Int32Array;
  /** Index into {@linkcode JOIN_TEXTS}: how each word is joined to the next, `[W]`. */
  readonly joins: Uint8Array;
  /** {@linkcode WordFlag} bits, `[W]`. */
  readonly flags: Uint8Array;
  /** The sentence of each word, `[W]`. */
  readonly sentences: Int32Array;
  /** Where each sentence begins in the text. */
  readonly sentenceStarts: Int32Array;
  /** Where each sentence ends. */
  readonly sentenceEnds: Int32Array;
  /** The text with quotes and case folded as the matcher folds them; only words are filled in. */
  readonly folded: Uint16Array;
  /** Letters of scripts that are written without spaces. */
  readonly numUnspacedLetters: number;
}
