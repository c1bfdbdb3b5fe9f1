/** What a character is to the matching rules. */
export const CharacterClass: {
  /** Punctuation, symbols, marks, controls, and U+FFFD. */
  readonly other: 0;
  /** A letter, a digit or `_`. */
  readonly word: 1;
  /** `'`, which belongs to a word only between two word characters. */
  readonly apostrophe: 2;
  /** White space that ends no line. */
  readonly space: 3;
  /** LF. */
  readonly lineFeed: 4;
  /** CR, which makes one line end with an LF right after it. */
  readonly carriageReturn: 5;
} = { other: 0, word: 1, apostrophe: 2, space: 3, lineFeed: 4, carriageReturn: 5 };

const APOSTROPHES = new Set([0x2018, 0x2019, 0x02bc, 0x2032, 0xff07]);
const DOUBLE_QUOTES = new Set([0x201c, 0x201d, 0x2033]);
const WORD_CHARACTER = /^[\p{L}\p{N}_]$/u;
// Not `\s`: that holds U+FEFF and lacks U+0085.
const WHITE_SPACE = /^\p{White_Space}$/u;

/**
 * Folds one character: typographic apostrophes and double quotes to ASCII, everything else to lower
 * case where that is a single code point. White space is returned as it is.
 */
export function foldCodePoint(codePoint: number): number {
  if (APOSTROPHES.has(codePoint)) return 0x27;
  if (DOUBLE_QUOTES.has(codePoint)) return 0x22;
  const lower = String.fromCodePoint(codePoint).toLowerCase();
  const folded = lower.codePointAt(0)!;
  return lower.length === (folded > 0xffff ? 2 : 1) ? folded : codePoint;
}

/** The {@linkcode CharacterClass} of a folded character. */
export function classify(folded: number): number {
  if (folded === 0x27) return CharacterClass.apostrophe;
  if (folded === 0x0a) return CharacterClass.lineFeed;
  if (folded === 0x0d) return CharacterClass.carriageReturn;
  const character = String.fromCodePoint(folded);
  if (WORD_CHARACTER.test(character)) return CharacterClass.word;
  return WHITE_SPACE.test(character) ? CharacterClass.space : CharacterClass.other;
}

/**
 * Normalizes a text as the matcher sees it: quotes and case folded, every run of white space one
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
