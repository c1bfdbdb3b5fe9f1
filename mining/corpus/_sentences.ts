import { foldCodePoint } from "../../sg/internal.ts";

/** What an n-gram counts: words, or single letters of a script that is written without spaces. */
export type GramUnit = "word" | "character";

/** How a word is joined to the next; 0 if an n-gram cannot hold both. */
export const JOIN_TEXTS: readonly string[] = ["", " ", ", ", " - ", " \u2013 ", " \u2014 ", ""];
const SPACE_JOIN = 1;
const COMMA_JOIN = 2;
const HYPHEN_JOIN = 3;
const EN_DASH_JOIN = 4;
const EM_DASH_JOIN = 5;
const ADJACENT_JOIN = 6;

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

// Classes of UTF-16 units. Those up to UNDERSCORE make up words, numbers and identifiers.
const LOWER = 0; // also letters without case
const UPPER = 1;
const UNSPACED = 2;
const MARK = 3;
const DIGIT = 4;
const UNDERSCORE = 5;
const OTHER = 6;
const SURROGATE = 7;
const APOSTROPHE = 8;
const HYPHEN = 9;
const SPACE = 10;
const LINE_END = 11;
const SENTENCE_END = 12;
const OPERATOR = 13;
const BACKSLASH = 14;
const DOLLAR = 15;
const BACKTICK = 16;

/** Scripts without spaces between words; a combining mark belongs to the letter before it. */
const UNSPACED_LETTER =
  /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]$/u;
const SENTENCE_ENDS = ".!?:;\u2026\u3002\uff01\uff1f\uff1a\uff1b\uff0e";
const OPERATORS = "=+*/^<>|~%";

/** Letters that name a variable when they stand alone: ASCII, Greek, and letterlike symbols. */
const VARIABLE = /^[A-Za-z\p{sc=Greek}\u{2100}-\u{214f}]$/u;
/** A blank line. */
const PARAGRAPH_END = /(?:\r\n|\n|\r(?!\n))\p{White_Space}*?(?:\r\n|\n|\r(?!\n))/gu;
const LIST_MARK = /\d{1,3}[.)](?=\p{White_Space})/uy;
const TAG = /<\/?[A-Za-z][\w|-]{0,39}\/?>/y;
const COMMAND = /\\[A-Za-z]+\*?/y;
const ENVIRONMENT = /\\begin\{([^{}\n]{1,40})\}/y;
/** A quote ends a URL; an apostrophe before a word character does not, as no word begins behind it. */
const URL_REST = /:\/\/(?:[^\p{White_Space})>\]"'`]|'(?=[\p{L}\p{N}_]))*/uy;

/**
 * Cuts texts into sentences of words, so that words that are joined are a substring of the text as the
 * matcher normalises it, between word boundaries.
 *
 * A *word* is letters with inner apostrophes and hyphens. Numbers and whatever holds a digit, LaTeX,
 * code, operators, single letters that name variables (all but "a" and "I"; a capital "A" is a word
 * only at the start of a sentence), identifiers (`_`, inner capitals, dots), names in capitals, URLs and
 * hyphenated words with a part of one letter are no words, and nothing joins the words around them.
 * White space, a comma with white space, and a dash between white space join two words. `. ! ? : ;` and
 * line ends end a sentence; brackets and quotes only part the words around them.
 *
 * *Mathematics* is numbers, LaTeX, code, operators, variables and identifiers with `_`. Marks of lists,
 * headings and emphasis, and tags such as `<think>`, are none, and a word after them still starts its
 * sentence.
 */
export class SentenceCutter {
  readonly #unit: GramUnit;
  readonly #classes: Uint8Array;
  readonly #folds: Uint16Array;
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  #joins = new Uint8Array(0);
  #flags = new Uint8Array(0);
  #sentences = new Int32Array(0);
  #sentenceStarts = new Int32Array(0);
  #sentenceEnds = new Int32Array(0);
  #folded = new Uint16Array(0);

  #text = "";
  #numWords = 0;
  #numUnspacedLetters = 0;
  #numSentences = 0;
  /** Where the open sentence begins; -1: nothing of it was seen. */
  #sentenceStart = -1;
  #sentenceFirstWord = 0;
  #sentenceHasMath = false;
  #startsParagraph = true;
  /** Only marks were seen on this line. */
  #startsLine = true;
  /** The word that mathematics would directly follow, or -1. */
  #before = -1;
  /** The last word can be joined to one that begins here. */
  #joinAt = -1;
  #join = 0;
  #paragraphEnd = -1;

  constructor(unit: GramUnit) {
    this.#unit = unit;
    ({ classes: this.#classes, folds: this.#folds } = unitTables());
  }

  /** Cuts a text. */
  cut(text: string): CutText {
    this.#reset(text);
    const classes = this.#classes;
    const length = text.length;
    let at = 0;
    while (at < length) {
      const unit = text.charCodeAt(at);
      const kind = classes[unit]!;
      if (kind === SPACE) at++;
      else if (kind <= UNDERSCORE) at = this.#token(at, kind);
      else at = this.#mark(at, unit, kind);
    }
    this.#endSentence(length);
    return {
      numWords: this.#numWords,
      starts: this.#starts,
      ends: this.#ends,
      joins: this.#joins,
      flags: this.#flags,
      sentences: this.#sentences,
      sentenceStarts: this.#sentenceStarts,
      sentenceEnds: this.#sentenceEnds,
      folded: this.#folded,
      numUnspacedLetters: this.#numUnspacedLetters,
    };
  }

  #reset(text: string): void {
    this.#text = text;
    this.#numWords = this.#numSentences = this.#numUnspacedLetters = 0;
    this.#sentenceStart =
      this.#before =
      this.#joinAt =
      this.#paragraphEnd =
        -1;
    this.#sentenceFirstWord = 0;
    this.#sentenceHasMath = false;
    this.#startsParagraph = this.#startsLine = true;
    if (text.length <= this.#folded.length) return;
    // A word takes at least one unit, so no array below is ever too short.
    const capacity = 1 << (32 - Math.clz32(text.length));
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#joins = new Uint8Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#sentences = new Int32Array(capacity);
    this.#sentenceStarts = new Int32Array(capacity);
    this.#sentenceEnds = new Int32Array(capacity);
    this.#folded = new Uint16Array(capacity);
  }

  /** The class of the character at `at`, also of one outside the basic plane. */
  #classAt(at: number): number {
    const kind = this.#classes[this.#text.charCodeAt(at)];
    if (kind === undefined) return OTHER; // past the end
    return kind === SURROGATE ? astralClass(this.#text.codePointAt(at)!) : kind;
  }

  /** Reads a stretch of letters, digits and `_` with what may stand inside; returns where it ends. */
  #token(start: number, firstKind: number): number {
    if (this.#startsLine && firstKind === DIGIT && this.#matches(LIST_MARK, start)) {
      return LIST_MARK.lastIndex;
    }
    if (this.#unit === "character" && firstKind === UNSPACED) return this.#character(start);
    const text = this.#text;
    const classes = this.#classes;
    const folds = this.#folds;
    const folded = this.#folded;
    const length = text.length;
    let at = start;
    let letters = 0;
    let capitals = 0;
    let partLetters = 0;
    let isCompound = false;
    let apostropheAt = -1;
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
        this.#numUnspacedLetters++;
        letters++;
        partLetters++;
      } else if (kind === DIGIT) {
        hasDigit = true;
      } else if (kind === UNDERSCORE) {
        hasUnderscore = true;
      } else if (kind === APOSTROPHE) {
        if (!isWordCharacter(this.#classAt(at + 1))) break;
        apostropheAt = at;
      } else if (kind === HYPHEN) {
        if (!isWordCharacter(this.#classAt(at + 1))) break;
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
          if (astral === UNSPACED) this.#numUnspacedLetters++;
        }
        const fold = String.fromCodePoint(foldCodePoint(text.codePointAt(at)!));
        folded[at++] = fold.charCodeAt(0);
        folded[at++] = fold.charCodeAt(1);
        previous = astral;
        continue;
      } else if (unit === 0x2e /* . */) {
        const next = this.#classAt(at + 1);
        if (next !== DIGIT && next !== LOWER) break;
        isName = true;
      } else if (unit === 0x2c /* , */ || unit === 0x3a /* : */) {
        if (unit === 0x3a && this.#matches(URL_REST, at)) {
          this.#plain(start);
          return URL_REST.lastIndex;
        }
        if (previous !== DIGIT || this.#classAt(at + 1) !== DIGIT) break;
      } else if (kind !== MARK) break;
      folded[at] = folds[unit]!;
      previous = kind;
      at++;
    }
    if (isCompound && partLetters === 1) isName = true;
    if (hasDigit || (hasUnderscore && letters > 0)) this.#mathematics(start);
    else if (this.#isVariable(start, at, letters, apostropheAt)) this.#mathematics(start);
    else if (isName || hasUnderscore || (letters > 1 && capitals === letters)) this.#plain(start);
    else if (this.#unit === "character" || letters === 0) this.#plain(start);
    else this.#word(start, at);
    return at;
  }

  /** A letter alone, or with another behind an apostrophe ("x's"), but for "a", "I" and "I'm". */
  #isVariable(start: number, end: number, letters: number, apostropheAt: number): boolean {
    if (letters > 2 || (letters === 2 && (apostropheAt < 0 || end - start !== 3))) return false;
    const letter = String.fromCodePoint(this.#text.codePointAt(start)!);
    if (letter === "i" || letter === "I") return false;
    if (letters === 1) {
      if (letter === "a") return false;
      if (letter === "A" && this.#sentenceStart < 0) return false;
    }
    return VARIABLE.test(letter);
  }

  /** A letter of a script without spaces, with its marks, as a word of its own. */
  #character(start: number): number {
    const { width, folded } = this.#foldAt(start);
    let at = start + width;
    this.#folded[start] = folded.charCodeAt(0);
    if (width === 2) this.#folded[start + 1] = folded.charCodeAt(1);
    while (this.#classAt(at) === MARK) {
      const mark = this.#foldAt(at);
      for (let i = 0; i < mark.width; i++) this.#folded[at + i] = mark.folded.charCodeAt(i);
      at += mark.width;
    }
    this.#numUnspacedLetters++;
    this.#word(start, at);
    return at;
  }

  #foldAt(at: number): { width: number; folded: string } {
    const codePoint = this.#text.codePointAt(at)!;
    const folded = String.fromCodePoint(foldCodePoint(codePoint));
    return { width: codePoint > 0xffff ? 2 : 1, folded };
  }

  #word(start: number, end: number): void {
    const word = this.#numWords++;
    this.#starts[word] = start;
    this.#ends[word] = end;
    this.#joins[word] = 0;
    if (this.#joinAt === start) this.#joins[word - 1] = this.#join;
    let flags = 0;
    if (this.#sentenceStart < 0) {
      flags = WordFlag.startsSentence;
      if (this.#startsParagraph) flags |= WordFlag.startsParagraph;
      this.#sentenceStart = start;
    }
    this.#flags[word] = flags;
    this.#sentences[word] = this.#numSentences;
    this.#startsParagraph = this.#startsLine = false;
    this.#before = word;
    this.#lookForJoin(end);
  }

  /** Finds what may join the word that ends here to a next one. */
  #lookForJoin(end: number): void {
    this.#joinAt = -1;
    if (this.#unit === "character") {
      this.#join = ADJACENT_JOIN;
      this.#joinAt = end;
      return;
    }
    const text = this.#text;
    const classes = this.#classes;
    let at = end;
    let join = SPACE_JOIN;
    if (text.charCodeAt(at) === 0x2c) {
      join = COMMA_JOIN;
      at++;
    }
    if (classes[text.charCodeAt(at)] !== SPACE) return;
    do at++; while (classes[text.charCodeAt(at)] === SPACE);
    const unit = text.charCodeAt(at);
    if (unit === 0x2d || unit === 0x2013 || unit === 0x2014) {
      if (join === COMMA_JOIN || classes[text.charCodeAt(at + 1)] !== SPACE) return;
      join = unit === 0x2d ? HYPHEN_JOIN : unit === 0x2013 ? EN_DASH_JOIN : EM_DASH_JOIN;
      do at++; while (classes[text.charCodeAt(at)] === SPACE);
    }
    this.#join = join;
    this.#joinAt = at;
  }

  /** Reads what begins with no letter, digit or `_`; returns where it ends. */
  #mark(at: number, unit: number, kind: number): number {
    const text = this.#text;
    switch (kind) {
      case LINE_END:
        return this.#lineEnd(at);
      case SENTENCE_END:
        this.#endSentence(at + 1);
        if (unit !== 0x3a) this.#before = -1;
        return at + 1;
      case SURROGATE: {
        const astral = astralClass(text.codePointAt(at)!);
        if (astral === UNSPACED && this.#unit === "character") return this.#character(at);
        if (astral <= UNDERSCORE) return this.#token(at, astral);
        this.#before = -1;
        return at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
      }
      case BACKSLASH:
        return this.#latex(at);
      case DOLLAR:
        this.#mathematics(at);
        return this.#dollar(at);
      case BACKTICK:
        return this.#code(at);
      case OPERATOR:
        return this.#operator(at, unit);
      default:
        if (unit !== 0x2c) this.#before = -1;
        return at + 1;
    }
  }

  #lineEnd(start: number): number {
    const text = this.#text;
    let lineEnds = 0;
    let at = start;
    for (;; at++) {
      const unit = text.charCodeAt(at);
      const kind = this.#classes[unit];
      if (kind === LINE_END) {
        if (unit !== 0x0a || text.charCodeAt(at - 1) !== 0x0d || at === start) lineEnds++;
      } else if (kind !== SPACE) break;
    }
    this.#endSentence(start);
    this.#startsLine = true;
    if (lineEnds > 1) this.#startsParagraph = true;
    return at;
  }

  #operator(at: number, unit: number): number {
    if (unit === 0x3c /* < */ && this.#matches(TAG, at)) {
      this.#endSentence(at);
      this.#before = -1;
      return TAG.lastIndex;
    }
    const before = this.#classAt(at - 1);
    const after = this.#classAt(at + 1);
    const isMarkup = unit === 0x2a /* * */
      ? this.#startsLine || isBlank(before) !== isBlank(after) ||
        this.#text[at - 1] === "*" || this.#text[at + 1] === "*"
      : unit === 0x2f /* / */
      ? isLetter(before) && isLetter(after)
      : (unit === 0x3e /* > */ || unit === 0x2b /* + */) && this.#startsLine;
    if (isMarkup) this.#before = -1;
    else this.#mathematics(at);
    return at + 1;
  }

  #latex(at: number): number {
    const next = this.#text[at + 1];
    this.#mathematics(at);
    if (next === "(") return this.#find("\\)", at + 2) ?? at + 2;
    if (next === "[") return this.#find("\\]", at + 2) ?? at + 2;
    if (this.#matches(ENVIRONMENT, at)) {
      const end = ENVIRONMENT.lastIndex;
      const name = this.#text.slice(at + "\\begin{".length, end - 1);
      return this.#find(`\\end{${name}}`, end) ?? end;
    }
    if (!this.#matches(COMMAND, at)) {
      // An escaped character; a line end after a backslash still ends the line.
      return this.#classAt(at + 1) === LINE_END ? at + 1 : at + 2;
    }
    let end = COMMAND.lastIndex;
    while (this.#text[end] === "{" || this.#text[end] === "[") {
      const close = this.#balanced(end);
      if (close === undefined) break;
      end = close;
    }
    return end;
  }

  /** The end of the bracket that opens at `start`, in the same paragraph. */
  #balanced(start: number): number | undefined {
    const open = this.#text[start]!;
    const close = open === "{" ? "}" : "]";
    const limit = this.#endOfParagraph(start);
    let depth = 0;
    for (let at = start; at < limit; at++) {
      const character = this.#text[at];
      if (character === "\\") at++;
      else if (character === open) depth++;
      else if (character === close && --depth === 0) return at + 1;
    }
    return undefined;
  }

  /**
   * As in Pandoc, `$` opens before and closes after what is no white space, and does not close before a
   * digit, so that "$5 or $10" is no formula. `$ x $` on one line is one.
   */
  #dollar(at: number): number {
    const text = this.#text;
    if (text[at + 1] === "$") return this.#find("$$", at + 2) ?? at + 2;
    const isSpaced = isBlank(this.#classAt(at + 1));
    const limit = this.#endOfParagraph(at);
    for (let end = at + 1; end < limit; end++) {
      const character = text[end];
      if (character === "\\") end++;
      else if (isSpaced && this.#classAt(end) === LINE_END) break;
      else if (character === "$") {
        if (isBlank(this.#classAt(end - 1)) !== isSpaced) {
          if (isSpaced) break;
          continue;
        }
        if (this.#classAt(end + 1) !== DIGIT) return end + 1;
      }
    }
    return at + 1;
  }

  #code(at: number): number {
    const text = this.#text;
    let end = at;
    while (text[end] === "`") end++;
    const fence = text.slice(at, end);
    if (fence.length < 3) {
      this.#mathematics(at);
      return this.#find(fence, end) ?? end;
    }
    this.#endSentence(at);
    if (this.#before >= 0) this.#flags[this.#before]! |= WordFlag.beforeMath;
    this.#before = -1;
    const close = text.indexOf(fence, end);
    return close < 0 ? text.length : close + fence.length; // a cut-off answer may end in code
  }

  /** Where the next `close` of this paragraph ends. */
  #find(close: string, from: number): number | undefined {
    const found = this.#text.slice(from, this.#endOfParagraph(from)).indexOf(close);
    return found < 0 ? undefined : from + found + close.length;
  }

  #endOfParagraph(from: number): number {
    // Asked at rising positions only, so what was found holds until it is passed.
    if (this.#paragraphEnd >= from) return this.#paragraphEnd;
    PARAGRAPH_END.lastIndex = from;
    this.#paragraphEnd = PARAGRAPH_END.exec(this.#text)?.index ?? this.#text.length;
    return this.#paragraphEnd;
  }

  #matches(pattern: RegExp, at: number): boolean {
    pattern.lastIndex = at;
    return pattern.test(this.#text);
  }

  /** A breaker that is mathematics. */
  #mathematics(start: number): void {
    if (this.#before >= 0) this.#flags[this.#before]! |= WordFlag.beforeMath;
    this.#plain(start);
    this.#sentenceHasMath = true;
  }

  /** A breaker that is part of its sentence. */
  #plain(start: number): void {
    if (this.#sentenceStart < 0) this.#sentenceStart = start;
    this.#startsParagraph = this.#startsLine = false;
    this.#before = -1;
  }

  #endSentence(end: number): void {
    if (this.#numWords > this.#sentenceFirstWord) {
      if (this.#sentenceHasMath) {
        for (let word = this.#sentenceFirstWord; word < this.#numWords; word++) {
          this.#flags[word]! |= WordFlag.inMathSentence;
        }
      }
      this.#sentenceStarts[this.#numSentences] = this.#sentenceStart;
      this.#sentenceEnds[this.#numSentences++] = end;
    }
    this.#sentenceFirstWord = this.#numWords;
    this.#sentenceStart = -1;
    this.#sentenceHasMath = false;
  }
}

/** Class and fold of each UTF-16 unit. They never change and take some 50 ms to make, so once. */
function unitTables(): UnitTables {
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

function isLetter(kind: number): boolean {
  return kind <= MARK;
}

/** What makes an apostrophe before it part of a word. */
function isWordCharacter(kind: number): boolean {
  return kind <= UNSPACED || kind === DIGIT || kind === UNDERSCORE;
}

function isBlank(kind: number): boolean {
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

function astralClass(codePoint: number): number {
  // Mathematical letters: no word, wherever they stand.
  if (codePoint >= 0x1d400 && codePoint <= 0x1d7ff) return DIGIT;
  return codePoint > 0xffff ? letterClass(String.fromCodePoint(codePoint)) : OTHER;
}

function letterClass(character: string): number {
  if (/\p{L}/u.test(character)) {
    if (UNSPACED_LETTER.test(character)) return UNSPACED;
    return /[\p{Lu}\p{Lt}]/u.test(character) ? UPPER : LOWER;
  }
  if (/\p{M}/u.test(character)) return MARK;
  return /\p{N}/u.test(character) ? DIGIT : OTHER;
}
