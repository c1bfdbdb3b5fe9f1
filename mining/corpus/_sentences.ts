import {
  astralClass,
  BACKSLASH,
  BACKTICK,
  classAt,
  DIGIT,
  DOLLAR,
  isBlank,
  isLetter,
  LINE_END,
  OPERATOR,
  SENTENCE_END,
  SPACE,
  SURROGATE,
  UNDERSCORE,
  unitTables,
  UNSPACED,
} from "./_character_classes.ts";
import {
  ADJACENT_JOIN,
  COMMA_JOIN,
  type CutText,
  EM_DASH_JOIN,
  EN_DASH_JOIN,
  HYPHEN_JOIN,
  SPACE_JOIN,
  WordFlag,
} from "./_cut_text.ts";
import type { GramUnit } from "./gram_unit.ts";
import { MathematicsSpans } from "./_mathematics_spans.ts";
import { TokenKind, TokenReader } from "./_tokens.ts";

const LIST_MARK = /\d{1,3}[.)](?=\p{White_Space})/uy;
const TAG = /<\/?[A-Za-z][\w|-]{0,39}\/?>/y;

/**
 * Cuts texts into sentences of words, so that words that are joined are a substring of the text as the
 * matcher normalizes it, between word boundaries.
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
  readonly #tokens: TokenReader;
  readonly #spans = new MathematicsSpans();
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  #joins = new Uint8Array(0);
  #flags = new Uint8Array(0);
  #sentences = new Int32Array(0);
  #sentenceStarts = new Int32Array(0);
  #sentenceEnds = new Int32Array(0);

  #text = "";
  #numWords = 0;
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

  constructor(unit: GramUnit) {
    this.#unit = unit;
    this.#classes = unitTables().classes;
    this.#tokens = new TokenReader(unit);
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
      folded: this.#tokens.folded,
      numUnspacedLetters: this.#tokens.numUnspacedLetters,
    };
  }

  #reset(text: string): void {
    this.#text = text;
    this.#numWords = this.#numSentences = 0;
    this.#sentenceStart = this.#before = this.#joinAt = -1;
    this.#sentenceFirstWord = 0;
    this.#sentenceHasMath = false;
    this.#startsParagraph = this.#startsLine = true;
    this.#spans.reset(text);
    const capacity = 1 << (32 - Math.clz32(text.length));
    this.#tokens.reset(text, capacity);
    // A word takes at least one unit, so no array is ever too short.
    if (text.length <= this.#starts.length) return;
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#joins = new Uint8Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#sentences = new Int32Array(capacity);
    this.#sentenceStarts = new Int32Array(capacity);
    this.#sentenceEnds = new Int32Array(capacity);
  }

  /** A stretch of letters, digits and `_` with what may stand inside; returns where it ends. */
  #token(start: number, firstKind: number): number {
    if (this.#startsLine && firstKind === DIGIT && this.#matches(LIST_MARK, start)) {
      return LIST_MARK.lastIndex;
    }
    if (this.#unit === "character" && firstKind === UNSPACED) return this.#character(start);
    const tokens = this.#tokens;
    const kind = tokens.read(start, this.#sentenceStart < 0);
    if (kind === TokenKind.word) this.#word(start, tokens.end);
    else if (kind === TokenKind.name) this.#plain(start);
    else this.#mathematics(start);
    return tokens.end;
  }

  #character(start: number): number {
    this.#tokens.readCharacter(start);
    this.#word(start, this.#tokens.end);
    return this.#tokens.end;
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
        this.#mathematics(at);
        return this.#spans.latex(at);
      case DOLLAR:
        this.#mathematics(at);
        return this.#spans.dollar(at);
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
    const before = classAt(this.#text, at - 1);
    const after = classAt(this.#text, at + 1);
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

  #code(at: number): number {
    const text = this.#text;
    let end = at;
    while (text[end] === "`") end++;
    const fence = text.slice(at, end);
    if (fence.length < 3) this.#mathematics(at);
    else {
      this.#endSentence(at);
      if (this.#before >= 0) this.#flags[this.#before]! |= WordFlag.beforeMath;
      this.#before = -1;
    }
    return this.#spans.code(at, fence);
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
