import { foldCodePoint } from "../../sg/internal.ts";
import {
  APOSTROPHE,
  astralClass,
  classAt,
  DIGIT,
  HYPHEN,
  isWordCharacter,
  LOWER,
  MARK,
  OTHER,
  SURROGATE,
  UNDERSCORE,
  unitTables,
  UNSPACED,
  UPPER,
} from "./_character_classes.ts";
import type { GramUnit } from "./gram_unit.ts";

/** Letters that name a variable when they stand alone: ASCII, Greek, and letterlike symbols. */
const VARIABLE = /^[A-Za-z\p{sc=Greek}\u{2100}-\u{214f}]$/u;
/** A quote ends a URL; an apostrophe before a word character does not, as no word begins behind it. */
const URL_REST = /:\/\/(?:[^\p{White_Space})>\]"'`]|'(?=[\p{L}\p{N}_]))*/uy;

/** What a stretch of letters, digits and `_` is. */
export const TokenKind = {
  /** Letters with inner apostrophes and hyphens. */
  word: 0,
  /** A name, an identifier with inner capitals or dots, a URL: no word, and no mathematics. */
  name: 1,
  /** A number, a variable, an identifier with `_`. */
  mathematics: 2,
} as const;

type TokenKind = typeof TokenKind[keyof typeof TokenKind];

/** Reads stretches of letters, digits and `_` with what may stand inside, and says what they are. */
export class TokenReader {
  readonly #unit: GramUnit;
  readonly #classes: Uint8Array;
  readonly #folds: Uint16Array;
  #text = "";
  /** The text with quotes and case folded as the matcher folds them; only what was read is filled in. */
  folded = new Uint16Array(0);
  /** Letters of scripts that are written without spaces, of what was read. */
  numUnspacedLetters = 0;
  /** Where the last stretch ended. */
  end = 0;

  constructor(unit: GramUnit) {
    this.#unit = unit;
    ({ classes: this.#classes, folds: this.#folds } = unitTables());
  }

  /** Begins a text; `capacity` is at least its length. */
  reset(text: string, capacity: number): void {
    this.#text = text;
    this.numUnspacedLetters = 0;
    if (this.folded.length < text.length) this.folded = new Uint16Array(capacity);
  }

  /** Reads the stretch that begins at `start`; says in `end` where it ends. */
  read(start: number, startsSentence: boolean): TokenKind {
    const text = this.#text;
    const classes = this.#classes;
    const folds = this.#folds;
    const folded = this.folded;
    const length = text.length;
    let at = start;
    let letters = 0;
    let capitals = 0;
    let partLetters = 0;
    let isCompound = false;
    let hasApostrophe = false;
    let hasDigit = false;
    let hasUnderscore = false;
    let isName = false; // inner capitals, dots, a part of one letter: a breaker that is no mathematics
    let previous = OTHER;
    while (at < length) {
      const unit = text.charCodeAt(at);
      const kind = classes[unit]!;
      if (kind === LOWER) {
        letters++;
        partLetters++;
      } else if (kind === UPPER) {
        if (previous <= MARK) isName = true;
        letters++;
        partLetters++;
        capitals++;
      } else if (kind === UNSPACED) {
        if (this.#unit === "character") break;
        this.numUnspacedLetters++;
        letters++;
        partLetters++;
      } else if (kind === DIGIT) {
        hasDigit = true;
      } else if (kind === UNDERSCORE) {
        hasUnderscore = true;
      } else if (kind === APOSTROPHE) {
        if (!isWordCharacter(classAt(text, at + 1))) break;
        hasApostrophe = true;
      } else if (kind === HYPHEN) {
        if (!isWordCharacter(classAt(text, at + 1))) break;
        if (partLetters === 1) isName = true;
        isCompound = true;
        partLetters = 0;
      } else if (kind === SURROGATE) {
        const astral = astralClass(text.codePointAt(at)!);
        if (astral > UNDERSCORE || (astral === UNSPACED && this.#unit === "character")) break;
        if (astral === DIGIT) hasDigit = true;
        else if (astral !== MARK) {
          letters++;
          partLetters++;
          if (astral === UPPER) capitals++;
          if (astral === UNSPACED) this.numUnspacedLetters++;
        }
        const fold = String.fromCodePoint(foldCodePoint(text.codePointAt(at)!));
        folded[at++] = fold.charCodeAt(0);
        folded[at++] = fold.charCodeAt(1);
        previous = astral;
        continue;
      } else if (unit === 0x2e /* . */) {
        const next = classAt(text, at + 1);
        if (next !== DIGIT && next !== LOWER) break;
        isName = true;
      } else if (unit === 0x2c /* , */ || unit === 0x3a /* : */) {
        if (unit === 0x3a && this.#isUrl(at)) return TokenKind.name;
        if (previous !== DIGIT || classAt(text, at + 1) !== DIGIT) break;
      } else if (kind !== MARK) break;
      folded[at] = folds[unit]!;
      previous = kind;
      at++;
    }
    this.end = at;
    if (isCompound && partLetters === 1) isName = true;
    if (hasDigit || (hasUnderscore && letters > 0)) return TokenKind.mathematics;
    // "x", or "x's".
    const isSingle = letters <= 1 || (letters === 2 && hasApostrophe && at - start === 3);
    if (isSingle && isVariable(text.codePointAt(start)!, letters, startsSentence)) {
      return TokenKind.mathematics;
    }
    if (isName || hasUnderscore || (letters > 1 && capitals === letters)) return TokenKind.name;
    return this.#unit === "character" || letters === 0 ? TokenKind.name : TokenKind.word;
  }

  /** Reads a letter of a script without spaces, with its marks, as a word of its own. */
  readCharacter(start: number): void {
    const { width, folded } = this.#foldAt(start);
    let at = start + width;
    this.folded[start] = folded.charCodeAt(0);
    if (width === 2) this.folded[start + 1] = folded.charCodeAt(1);
    while (classAt(this.#text, at) === MARK) {
      const mark = this.#foldAt(at);
      for (let i = 0; i < mark.width; i++) this.folded[at + i] = mark.folded.charCodeAt(i);
      at += mark.width;
    }
    this.numUnspacedLetters++;
    this.end = at;
  }

  #foldAt(at: number): { width: number; folded: string } {
    const codePoint = this.#text.codePointAt(at)!;
    const folded = String.fromCodePoint(foldCodePoint(codePoint));
    return { width: codePoint > 0xffff ? 2 : 1, folded };
  }

  #isUrl(colon: number): boolean {
    URL_REST.lastIndex = colon;
    if (!URL_REST.test(this.#text)) return false;
    this.end = URL_REST.lastIndex;
    return true;
  }
}

/** Whether a letter alone, or with another behind an apostrophe, is a variable: not "a", "I" and "I'm". */
function isVariable(codePoint: number, letters: number, startsSentence: boolean): boolean {
  const letter = String.fromCodePoint(codePoint);
  if (letter === "i" || letter === "I") return false;
  if (letters === 1 && (letter === "a" || (letter === "A" && startsSentence))) return false;
  return VARIABLE.test(letter);
}
