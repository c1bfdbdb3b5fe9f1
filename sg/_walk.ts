import { type Automaton, characterCode, follow, Sign } from "./_automaton.ts";
import { CharacterClass } from "./_normalize.ts";
import type { TokenBytes } from "./token_bytes.ts";

/**
 * What the text read so far ends with, as far as it decides how the next character is read. The state
 * of a scan is a node of the automaton and a tail.
 */
export const Tail: {
  /** The start of the text, or a character outside any word. */
  readonly gap: 0;
  /** A base, or an extender that continues one. */
  readonly word: 1;
  /** An apostrophe after a word's character: part of the word if a base follows. */
  readonly apostrophe: 2;
  /** A hyphen, the same. */
  readonly hyphen: 3;
  /** White space that holds no line end. */
  readonly space: 4;
  /** White space that holds one line end. */
  readonly newline: 5;
  /** The same, and its last character is a CR, to which an LF would belong. */
  readonly carriageReturn: 6;
  /** White space that holds two line ends or more. */
  readonly blankLine: 7;
} = {
  gap: 0,
  word: 1,
  apostrophe: 2,
  hyphen: 3,
  space: 4,
  newline: 5,
  carriageReturn: 6,
  blankLine: 7,
};

/** Whether the text ends with an apostrophe or a hyphen that may join a word. */
export function isJoining(tail: number): boolean {
  return tail === Tail.apostrophe || tail === Tail.hyphen;
}

/**
 * Receives the matches of a run. A position is `token * stride + characters of the token before it`,
 * which orders the characters of a batch; ends are exclusive.
 */
export interface MatchSink {
  match(startToken: number, endToken: number, start: number, end: number, gram: number): void;
}

/** Reads tokens byte by byte and reports every gram that ends, with the tokens that spell it. */
export class Walk {
  readonly #automaton: Automaton;
  readonly #tokens: TokenBytes;
  readonly #codes: CharacterCodes;
  /** Larger than the number of characters that any token completes. */
  readonly #stride: number;
  readonly #sink: MatchSink | null;

  #node = 0;
  #tail: number = Tail.gap;
  /** Bytes of a character that is not complete, and the token of each. */
  readonly #pending: Uint8Array = new Uint8Array(4);
  readonly #pendingTokens: Int32Array = new Int32Array(4);
  #pendingCount = 0;
  /** First and last token of the joiner that `Tail.apostrophe` and `Tail.hyphen` speak of. */
  #joinerFirst = -1;
  #joinerLast = -1;

  /** Number of characters read so far. */
  #characters = 0;
  /** First token and position of each of the last characters, rings. */
  readonly #firstTokens: Int32Array;
  readonly #positions: Float64Array;
  readonly #ringMask: number;
  /** Last token of the last character, and the position after it. */
  #lastToken = -1;
  #endPosition = 0;

  /** The current token, the characters that it completed, and those of them that begin in it. */
  #index = 0;
  #completed = 0;
  #begun = 0;
  /** Matches that end before this token were reported before. */
  #reportFrom = 0;

  /** Times a gram ended inside the current token. */
  #events = 0;
  #eventNode = 0;
  #eventCompleted = 0;

  constructor(
    automaton: Automaton,
    tokens: TokenBytes,
    codes: CharacterCodes,
    stride: number,
    sink: MatchSink | null,
  ) {
    this.#automaton = automaton;
    this.#tokens = tokens;
    this.#codes = codes;
    this.#stride = stride;
    this.#sink = sink;
    const size = 2 << Math.ceil(Math.log2(automaton.longest + 1));
    this.#firstTokens = new Int32Array(size);
    this.#positions = new Float64Array(size);
    this.#ringMask = size - 1;
  }

  /** The node of the automaton. */
  get node(): number {
    return this.#node;
  }

  /** What the text ends with. */
  get tail(): number {
    return this.#tail;
  }

  /** Number of characters that the current token completed. */
  get completed(): number {
    return this.#completed;
  }

  /** Whether the text ends inside a character. */
  get isPending(): boolean {
    return this.#pendingCount > 0;
  }

  /** How many times a gram ended inside the current token. */
  get events(): number {
    return this.#events;
  }

  /** The node of the last such event, and the characters that the token had completed then. */
  get event(): { readonly node: number; readonly completed: number } {
    return { node: this.#eventNode, completed: this.#eventCompleted };
  }

  /** Starts in a state. Matches that end before token `reportFrom` are not reported. */
  begin(node: number, tail: number, reportFrom: number): void {
    this.#node = node;
    this.#tail = tail;
    this.#reportFrom = reportFrom;
    this.#pendingCount = 0;
    this.#joinerFirst = -1;
    this.#events = 0;
  }

  /**
   * Reads the token at `index` of the batch and says whether it is fresh: whether everything before it
   * is done with, so that no match that is still to end began earlier.
   */
  read(token: number, index: number): boolean {
    const wasPending = this.#pendingCount > 0;
    this.#index = index;
    this.#completed = 0;
    this.#begun = 0;
    this.#events = 0;
    const { bytes, offsets } = this.#tokens;
    const end = offsets[token + 1]!;
    for (let at = offsets[token]!; at < end; at++) this.#byte(bytes[at]!);
    // No gram starts with white space: where nothing has matched it is a gap like any other. Done at the
    // end of each token, so that the number of characters does not depend on where a walk starts.
    if (this.#node === 0 && this.#tail >= Tail.space) this.#tail = Tail.gap;
    if (this.#pendingCount > 0) return false;
    if (this.#node === 0 && this.#tail <= Tail.word) return true;
    return !wasPending && this.#beginsInToken() &&
      (!isJoining(this.#tail) || this.#joinerFirst === index);
  }

  /** Whether the partial match, if any, begins in the current token. */
  #beginsInToken(): boolean {
    // White space that goes on is counted, but not yet read by the automaton.
    const unread = this.#tail >= Tail.space ? 1 : 0;
    return this.#node === 0 || this.#automaton.depth[this.#node]! + unread <= this.#begun;
  }

  /** Reads the end of the run, which stands at `index`. */
  end(index: number): void {
    this.#index = index;
    this.#completed = 0;
    this.#flushPending();
    if (this.#tail === Tail.word) this.#follow(Sign.wordEnd);
    if (isJoining(this.#tail)) this.#joinerOutsideWord();
    this.#tail = Tail.gap;
  }

  #byte(byte: number): void {
    if (this.#pendingCount === 0) {
      if (byte < 0x80) this.#character(this.#codes.ascii[byte]!, this.#index, this.#index);
      else if (sequenceLength(byte) === 0) this.#replacement(this.#index);
      else this.#suspend(byte);
    } else if (!continues(this.#pending, this.#pendingCount, byte)) {
      this.#flushPending();
      this.#byte(byte);
    } else {
      this.#suspend(byte);
      if (this.#pendingCount === sequenceLength(this.#pending[0]!)) {
        this.#pendingCount = 0;
        const code = this.#codes.of(decode(this.#pending));
        this.#character(code, this.#pendingTokens[0]!, this.#index);
      }
    }
  }

  #suspend(byte: number): void {
    this.#pending[this.#pendingCount] = byte;
    this.#pendingTokens[this.#pendingCount] = this.#index;
    this.#pendingCount++;
  }

  /** Each byte of a character that never became complete is invalid by itself. */
  #flushPending(): void {
    const count = this.#pendingCount;
    this.#pendingCount = 0;
    for (let k = 0; k < count; k++) this.#replacement(this.#pendingTokens[k]!);
  }

  #replacement(token: number): void {
    this.#character(this.#codes.replacement, token, token);
  }

  #character(code: number, firstToken: number, lastToken: number): void {
    const kind = code & 7;
    if (kind >= CharacterClass.space) {
      if (this.#tail === Tail.word) this.#follow(Sign.wordEnd);
      if (isJoining(this.#tail)) this.#joinerOutsideWord();
      // A run of white space is one character. It counts where it begins, and is read where it ends.
      if (this.#tail < Tail.space) this.#count(firstToken, lastToken);
      this.#tail = whiteSpaceTail(this.#tail, kind);
      return;
    }
    if (this.#tail >= Tail.space) {
      this.#follow(this.#tail === Tail.blankLine ? Sign.newline : Sign.space);
      this.#tail = Tail.gap;
    }
    if (kind === CharacterClass.base) {
      if (this.#tail === Tail.gap) this.#follow(Sign.wordStart);
      else if (this.#tail !== Tail.word) this.#emitJoiner();
      this.#emit(code >>> 3, firstToken, lastToken);
      this.#tail = Tail.word;
    } else if (this.#tail === Tail.word && kind !== CharacterClass.other) {
      if (kind === CharacterClass.extender) {
        this.#emit(code >>> 3, firstToken, lastToken);
        return;
      }
      this.#joinerFirst = firstToken;
      this.#joinerLast = lastToken;
      this.#tail = kind === CharacterClass.apostrophe ? Tail.apostrophe : Tail.hyphen;
    } else {
      if (this.#tail === Tail.word) this.#follow(Sign.wordEnd);
      else if (this.#tail !== Tail.gap) this.#joinerOutsideWord();
      this.#emit(code >>> 3, firstToken, lastToken);
      this.#tail = Tail.gap;
    }
  }

  #joinerOutsideWord(): void {
    this.#follow(Sign.wordEnd);
    this.#emitJoiner();
  }

  #emitJoiner(): void {
    const symbol = this.#tail === Tail.apostrophe ? Sign.apostrophe : Sign.hyphen;
    this.#emit(symbol, this.#joinerFirst, this.#joinerLast);
  }

  #emit(symbol: number, firstToken: number, lastToken: number): void {
    this.#count(firstToken, lastToken);
    this.#follow(symbol);
  }

  #count(firstToken: number, lastToken: number): void {
    const position = this.#index * this.#stride + this.#completed;
    this.#firstTokens[this.#characters & this.#ringMask] = firstToken;
    this.#positions[this.#characters & this.#ringMask] = position;
    this.#characters++;
    this.#completed++;
    this.#lastToken = lastToken;
    this.#endPosition = position + 1;
    if (firstToken === this.#index) this.#begun++;
  }

  #follow(symbol: number): void {
    this.#node = symbol === Sign.none ? 0 : follow(this.#automaton, this.#node, symbol);
    if (this.#automaton.output[this.#node] !== 0) this.#report();
  }

  #report(): void {
    const { output, suffix, gram, depth } = this.#automaton;
    this.#events++;
    this.#eventNode = output[this.#node]!;
    this.#eventCompleted = this.#completed;
    if (this.#sink === null || this.#index < this.#reportFrom) return;
    for (let node = this.#eventNode; node !== 0; node = output[suffix[node]!]!) {
      const first = (this.#characters - depth[node]!) & this.#ringMask;
      this.#sink.match(
        this.#firstTokens[first]!,
        this.#lastToken + 1,
        this.#positions[first]!,
        this.#endPosition,
        gram[node]!,
      );
    }
  }
}

/** Code of every character, `symbol << 3 | class`, computed once each. */
export class CharacterCodes {
  readonly ascii: Int32Array;
  readonly replacement: number;
  readonly #alphabet: ReadonlyMap<number, number>;
  readonly #others = new Map<number, number>();

  constructor(alphabet: ReadonlyMap<number, number>) {
    this.#alphabet = alphabet;
    this.ascii = Int32Array.from({ length: 0x80 }, (_, byte) => characterCode(byte, alphabet));
    this.replacement = characterCode(0xfffd, alphabet);
  }

  of(codePoint: number): number {
    let code = this.#others.get(codePoint);
    if (code === undefined) {
      code = characterCode(codePoint, this.#alphabet);
      this.#others.set(codePoint, code);
    }
    return code;
  }
}

function whiteSpaceTail(tail: number, kind: number): number {
  if (kind === CharacterClass.space) {
    return tail === Tail.carriageReturn ? Tail.newline : Math.max(tail, Tail.space);
  }
  if (tail === Tail.carriageReturn && kind === CharacterClass.lineFeed) return Tail.newline;
  if (tail >= Tail.newline) return Tail.blankLine;
  return kind === CharacterClass.carriageReturn ? Tail.carriageReturn : Tail.newline;
}

/** Length of the UTF-8 sequence that a byte at or above 0x80 starts, 0 if it starts none. */
function sequenceLength(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** Whether a byte goes on with a well-formed sequence: Table 3-7 of the Unicode standard. */
function continues(pending: Uint8Array, count: number, byte: number): boolean {
  if (count === 1) {
    switch (pending[0]) {
      case 0xe0:
        return byte >= 0xa0 && byte <= 0xbf;
      case 0xed:
        return byte >= 0x80 && byte <= 0x9f;
      case 0xf0:
        return byte >= 0x90 && byte <= 0xbf;
      case 0xf4:
        return byte >= 0x80 && byte <= 0x8f;
    }
  }
  return byte >= 0x80 && byte <= 0xbf;
}

function decode(bytes: Uint8Array): number {
  const lead = bytes[0]!;
  if (lead < 0xe0) return (lead & 0x1f) << 6 | bytes[1]! & 0x3f;
  if (lead < 0xf0) return (lead & 0x0f) << 12 | (bytes[1]! & 0x3f) << 6 | bytes[2]! & 0x3f;
  return (lead & 0x07) << 18 | (bytes[1]! & 0x3f) << 12 | (bytes[2]! & 0x3f) << 6 |
    bytes[3]! & 0x3f;
}
