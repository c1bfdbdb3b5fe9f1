/** Version of the matching rules, DESIGN.md. */
export const MATCHING_VERSION = 2;

/** What a character is to the matching rules. */
export const CharacterClass: {
  /** Punctuation, symbols, controls, U+FFFD, and letters of scripts without spaces between words. */
  readonly other: 0;
  /** A base: a letter, a digit or `_`. */
  readonly base: 1;
  /** `'`, which belongs to a word only between a character of it and a base. */
  readonly apostrophe: 2;
  /** `-`, the same. */
  readonly hyphen: 3;
  /** A mark or joiner: it continues the character before it, and belongs to a word where that does. */
  readonly extender: 4;
  /** White space that ends no line. */
  readonly space: 5;
  /** LF. */
  readonly lineFeed: 6;
  /** CR, which makes one line end with an LF right after it. */
  readonly carriageReturn: 7;
} = {
  other: 0,
  base: 1,
  apostrophe: 2,
  hyphen: 3,
  extender: 4,
  space: 5,
  lineFeed: 6,
  carriageReturn: 7,
};

const APOSTROPHES = new Set([0x2018, 0x2019, 0x02bc, 0x2032, 0xff07]);
const DOUBLE_QUOTES = new Set([0x201c, 0x201d, 0x2033]);
const HYPHENS = new Set([0x2010, 0x2011]);

/** Members of a character class of a regular expression with the flag `v`: scripts that part no words. */
const UNSPACED =
  "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}";
/** A base of rule 4, and an extender, for regular expressions with the flag `v`. */
export const BASE: string = `[[\\p{L}\\p{N}_]--[${UNSPACED}]]`;
export const EXTENDER: string = "[\\p{M}\\u200c\\u200d]";

const IS_BASE = new RegExp(`^${BASE}$`, "v");
const IS_EXTENDER = new RegExp(`^${EXTENDER}$`, "v");
// Not `\s`: that holds U+FEFF and lacks U+0085.
const WHITE_SPACE = /^\p{White_Space}$/u;

/**
 * Folds one character: typographic apostrophes, double quotes and hyphens to ASCII, everything else to
 * lower case where that is a single code point. White space is returned as it is.
 */
export function foldCodePoint(codePoint: number): number {
  if (APOSTROPHES.has(codePoint)) return 0x27;
  if (DOUBLE_QUOTES.has(codePoint)) return 0x22;
  if (HYPHENS.has(codePoint)) return 0x2d;
  const lower = String.fromCodePoint(codePoint).toLowerCase();
  const folded = lower.codePointAt(0)!;
  return lower.length === (folded > 0xffff ? 2 : 1) ? folded : codePoint;
}

/** The {@linkcode CharacterClass} of a folded character. */
export function classify(folded: number): number {
  if (folded === 0x27) return CharacterClass.apostrophe;
  if (folded === 0x2d) return CharacterClass.hyphen;
  if (folded === 0x0a) return CharacterClass.lineFeed;
  if (folded === 0x0d) return CharacterClass.carriageReturn;
  const character = String.fromCodePoint(folded);
  if (IS_BASE.test(character)) return CharacterClass.base;
  if (IS_EXTENDER.test(character)) return CharacterClass.extender;
  return WHITE_SPACE.test(character) ? CharacterClass.space : CharacterClass.other;
}

/**
 * Normalizes a text as the matcher sees it: quotes, hyphens and case folded, every run of white space one
 * space, or one newline if it holds two or more line ends, and nothing at either end.
 */
export function normalizeText(text: string): string {
  const out: string[] = [];
  let lineEnds = -1; // -1: not in white space
  let previous = 0;
  for (const character of text.toWellFormed()) {
    const codePoint = character.codePointAt(0)!;
    const { folded, kind } = codePoint < 128 ? ASCII[codePoint]! : normalized(codePoint);
    if (kind >= CharacterClass.space) {
      const endsLine = kind === CharacterClass.carriageReturn ||
        (kind === CharacterClass.lineFeed && previous !== CharacterClass.carriageReturn);
      lineEnds = Math.max(lineEnds, 0) + (endsLine ? 1 : 0);
    } else {
      if (lineEnds >= 0 && out.length > 0) out.push(lineEnds > 1 ? "\n" : " ");
      lineEnds = -1;
      out.push(folded);
    }
    previous = kind;
  }
  return out.join("");
}

/** A character as the matcher sees it, and its class. */
interface NormalizedCharacter {
  readonly folded: string;
  readonly kind: number;
}

function normalized(codePoint: number): NormalizedCharacter {
  const folded = foldCodePoint(codePoint);
  return { folded: String.fromCodePoint(folded), kind: classify(folded) };
}

/** Most characters of most texts, so that no pattern is tried on them. */
const ASCII: readonly NormalizedCharacter[] = Array.from({ length: 128 }, (_, c) => normalized(c));
