import { foldCodePoint } from "../../sg/internal.ts";

// Classes of UTF-16 units. Those up to UNDERSCORE make up words, numbers and identifiers.
export const LOWER = 0; // also letters without case
export const UPPER = 1;
export const UNSPACED = 2;
export const MARK = 3;
export const DIGIT = 4;
export const UNDERSCORE = 5;
export const OTHER = 6;
export const SURROGATE = 7;
export const APOSTROPHE = 8;
export const HYPHEN = 9;
export const SPACE = 10;
export const LINE_END = 11;
export const SENTENCE_END = 12;
export const OPERATOR = 13;
export const BACKSLASH = 14;
export const DOLLAR = 15;
export const BACKTICK = 16;

/** Scripts without spaces between words; a combining mark belongs to the letter before it. */
const UNSPACED_LETTER =
  /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]$/u;
const SENTENCE_ENDS = ".!?:;\u2026\u3002\uff01\uff1f\uff1a\uff1b\uff0e";
const OPERATORS = "=+*/^<>|~%";

/** Class and fold of each UTF-16 unit. They never change and take some 50 ms to make, so once. */
export function unitTables(): UnitTables {
  if (tables !== undefined) return tables;
  const classes = new Uint8Array(0x10000);
  const folds = new Uint16Array(0x10000);
  for (let unit = 0; unit < 0x10000; unit++) {
    const folded = foldCodePoint(unit);
    folds[unit] = folded;
    classes[unit] = classOf(unit, folded);
  }
  return tables = { classes, folds };
}

interface UnitTables {
  readonly classes: Uint8Array;
  readonly folds: Uint16Array;
}

let tables: UnitTables | undefined;

/** The class of the character at `at`, also of one outside the basic plane. */
export function classAt(text: string, at: number): number {
  const kind = unitTables().classes[text.charCodeAt(at)];
  if (kind === undefined) return OTHER; // outside the text
  return kind === SURROGATE ? astralClass(text.codePointAt(at)!) : kind;
}

/** Whether a character is a letter, or a mark of one. */
export function isLetter(kind: number): boolean {
  return kind <= MARK;
}

/** What makes an apostrophe before it part of a word. */
export function isWordCharacter(kind: number): boolean {
  return kind <= UNSPACED || kind === DIGIT || kind === UNDERSCORE;
}

/** Whether a character is white space. */
export function isBlank(kind: number): boolean {
  return kind === SPACE || kind === LINE_END;
}

function classOf(unit: number, folded: number): number {
  if (unit >= 0xd800 && unit <= 0xdfff) return SURROGATE;
  const character = String.fromCharCode(unit);
  if (folded === 0x27) return APOSTROPHE;
  if (unit === 0x0a || unit === 0x0d) return LINE_END;
  if (character === "_") return UNDERSCORE;
  if (character === "\\") return BACKSLASH;
  if (character === "$") return DOLLAR;
  if (character === "`") return BACKTICK;
  if (character === "-" || unit === 0x2010 || unit === 0x2011) return HYPHEN;
  if (SENTENCE_ENDS.includes(character)) return SENTENCE_END;
  if (OPERATORS.includes(character) || /\p{Sm}/u.test(character)) return OPERATOR;
  if (/\p{White_Space}/u.test(character)) return SPACE;
  return letterClass(character);
}

/** The class of a character outside the basic plane; that of half of one is OTHER. */
export function astralClass(codePoint: number): number {
  // Mathematical letters: no word, wherever they stand.
  if (codePoint >= 0x1d400 && codePoint <= 0x1d7ff) return DIGIT;
  return codePoint > 0xffff ? letterClass(String.fromCodePoint(codePoint)) : OTHER;
}

function letterClass(character: string): number {
  if (/\p{L}/u.test(character)) {
    if (UNSPACED_LETTER.test(character)) return UNSPACED;
    return /[\p{Lu}\p{Lt}]/u.test(character) ? UPPER : LOWER;
  }
  if (/[\p{M}\u200c\u200d]/u.test(character)) return MARK;
  return /\p{N}/u.test(character) ? DIGIT : OTHER;
}
