import { type Automaton, characterCode, follow, Sign } from "./_automaton.ts";
import { CharacterClass } from "./_normalise.ts";
import type { TokenBytes } from "./token_bytes.ts";

/**
 * What the text read so far ends with, as far as it decides how the next character is read. The state
 * of a scan is `node * 8 + tail`.
 */
const Tail = {
  /** The start of the text, or a character outside any word. */
  gap: 0,
  /** A letter, a digit or `_`. */
  word: 1,
  /** An apostrophe after a word character: part of the word if another follows. */
  apostrophe: 2,
  /** White space with no line end, with one, with one that is a CR, with two or more. */
  space: 3,
  newline: 4,
  carriageReturn: 5,
  blankLine: 6,
} as const;

const TAIL_BITS = 3;
const TAIL_MASK = 7;

// A step is the state it leads to and two flags. `WALK`: a gram ends inside the token, or the token
// ends inside a character; the bytes must be walked. `FRESH`: no partial match that is still alive
// began before the token, so a walk never needs to start earlier.
const WALK = 1 << 31;
const FRESH = 1 << 30;
const STATE = FRESH - 1;

/** log2 of the number of remembered steps; 2^15 entries of 16 bytes stay in a core's own cache. */
const MEMORY_BITS = 15;

/** Receives every match: positions are `token * stride + byte`, the end is exclusive. */
export interface MatchSink {
  match(start: number, end: number, gram: number): void;
  /** Every further match starts at or after `position`. */
  settled(position: number): void;
}

/**
 * The tables that lift the automaton from characters to tokens.
 *
 * From the two states in which nothing has matched yet (after a gap, inside a word) a dense table
 * gives the step of every token. From the others a step is found by walking the token's bytes and is
 * then remembered in a fixed direct-mapped table, so that the common token costs one look-up.
 */
export class TokenAutomaton {
  readonly automaton: Automaton;
  readonly tokens: TokenBytes;
  /** Larger than any byte index inside a token. */
  readonly stride: number;
  /** `[2 * vocabSize]`: step of token `t` from the gap at `2 t`, from inside a word at `2 t + 1`. */
  readonly #dense: Int32Array;
  /** `[4 << MEMORY_BITS]`: state, token, step, unused. */
  readonly #memory: Int32Array = new Int32Array(4 << MEMORY_BITS).fill(-1);
  readonly #codes: CharacterCodes;

  constructor(automaton: Automaton, tokens: TokenBytes) {
    if (automaton.suffix.length * (TAIL_MASK + 1) > STATE) {
      throw new RangeError(
        `Cannot compile the lexicon as its automaton may have at most ` +
          `${STATE >>> TAIL_BITS} nodes: it has ${automaton.suffix.length}`,
      );
    }
    this.automaton = automaton;
    this.tokens = tokens;
    this.stride = longestToken(tokens) + 1;
    this.#codes = new CharacterCodes(automaton.alphabet);
    this.#dense = new Int32Array(2 * tokens.vocabSize);
    const walk = new Walk(automaton, tokens, this.#codes, this.stride, null);
    for (let token = 0; token < tokens.vocabSize; token++) {
      this.#dense[2 * token] = walk.step(Tail.gap, token);
      this.#dense[2 * token + 1] = walk.step(Tail.word, token);
    }
  }

  /** A scan over runs of tokens that reports to `sink`. */
  scan(sink: MatchSink): Scan {
    const { automaton, tokens, stride } = this;
    const stepper = new Walk(automaton, tokens, this.#codes, stride, null);
    const walk = new Walk(automaton, tokens, this.#codes, stride, sink);
    return new Scan(tokens.vocabSize, this.#dense, this.#memory, stepper, walk, sink);
  }
}

/**
 * Reads one run after another. Tokens are stepped over by table look-up; where a gram ends, the
 * bytes are walked again from the last fresh token, which is never far. Each token is thus read at
 * most twice, whatever the lexicon.
 */
export class Scan {
  readonly #vocabSize: number;
  readonly #dense: Int32Array;
  readonly #memory: Int32Array;
  /** Computes steps that are not remembered. */
  readonly #stepper: Walk;
  /** Finds matches. */
  readonly #walk: Walk;
  readonly #sink: MatchSink;
  #state = 0;
  /** Index of the last fresh token, and the tail of the text before it. */
  #fresh = 0;
  #freshTail = 0;
  #walking = false;

  constructor(
    vocabSize: number,
    dense: Int32Array,
    memory: Int32Array,
    stepper: Walk,
    walk: Walk,
    sink: MatchSink,
  ) {
    this.#vocabSize = vocabSize;
    this.#dense = dense;
    this.#memory = memory;
    this.#stepper = stepper;
    this.#walk = walk;
    this.#sink = sink;
  }

  /** Starts a run whose first token is `ids[from]`. */
  begin(from: number): void {
    this.#state = 0;
    this.#fresh = from;
    this.#freshTail = Tail.gap;
    this.#walking = false;
  }

  /** Reads `ids[from, to)`, which follow what the run has read so far. */
  read(ids: Int32Array, from: number, to: number): void {
    const vocabSize = this.#vocabSize;
    const dense = this.#dense;
    const memory = this.#memory;
    let i = this.#walking ? this.#walkOn(ids, from, to) : from;
    let state = this.#state;
    let fresh = this.#fresh;
    let freshTail = this.#freshTail;
    while (i < to) {
      const token = ids[i]!;
      if (token >>> 0 >= vocabSize) throw unknownToken(token, i, vocabSize);
      let step: number;
      if (state <= Tail.word) {
        step = dense[2 * token + state]!;
      } else {
        const at = slot(state, token);
        step = memory[at] === state && memory[at + 1] === token
          ? memory[at + 2]!
          : this.#remember(at, state, token);
      }
      if (step < 0) {
        this.#fresh = fresh;
        this.#freshTail = freshTail;
        i = this.#walkFrom(ids, i, to);
        state = this.#state;
        fresh = this.#fresh;
        freshTail = this.#freshTail;
        continue;
      }
      if ((step & FRESH) !== 0) {
        fresh = i;
        freshTail = state & TAIL_MASK;
      }
      state = step & STATE;
      i++;
    }
    this.#state = state;
    this.#fresh = fresh;
    this.#freshTail = freshTail;
  }

  /** Ends the run: what the next token might have decided is decided. `to` is the end of the run. */
  end(ids: Int32Array, to: number): void {
    if (!this.#walking && this.#stepper.endsInMatch(this.#state)) {
      this.#walk.begin(this.#freshTail, to);
      for (let i = this.#fresh; i < to; i++) this.#walk.read(ids[i]!, i);
      this.#walking = true;
    }
    if (this.#walking) this.#walk.end();
    this.#walking = false;
    this.#sink.settled(Infinity);
  }

  /** Index of the first token that a later token can still make planning, given `next` were read. */
  undecided(next: number): number {
    return !this.#walking && this.#state <= Tail.word ? next : this.#fresh;
  }

  #walkFrom(ids: Int32Array, trigger: number, to: number): number {
    this.#walk.begin(this.#freshTail, trigger);
    for (let i = this.#fresh; i < trigger; i++) this.#walk.read(ids[i]!, i);
    return this.#walkOn(ids, trigger, to);
  }

  /** Walks until a token is fresh again and returns the index after it. */
  #walkOn(ids: Int32Array, from: number, to: number): number {
    const walk = this.#walk;
    for (let i = from; i < to; i++) {
      const token = ids[i]!;
      if (token >>> 0 >= this.#vocabSize) throw unknownToken(token, i, this.#vocabSize);
      const tail = walk.tail;
      if (walk.read(token, i)) {
        this.#walking = false;
        this.#state = walk.state;
        this.#fresh = i;
        this.#freshTail = tail;
        this.#sink.settled(i * walk.stride);
        return i + 1;
      }
    }
    this.#walking = true;
    return to;
  }

  #remember(at: number, state: number, token: number): number {
    const step = this.#stepper.step(state, token);
    this.#memory[at] = state;
    this.#memory[at + 1] = token;
    this.#memory[at + 2] = step;
    return step;
  }
}

/** Reads the bytes of tokens, character by character. */
class Walk {
  readonly stride: number;
  readonly #automaton: Automaton;
  readonly #tokens: TokenBytes;
  readonly #codes: CharacterCodes;
  readonly #sink: MatchSink | null;
  /** Start positions of the last characters, a ring. */
  readonly #starts: Float64Array;
  readonly #ringMask: number;

  #node = 0;
  #tail: number = Tail.gap;
  /** Bytes of a character that is not complete, and their positions. */
  readonly #pending = new Uint8Array(4);
  readonly #pendingAt = new Float64Array(4);
  #pendingCount = 0;
  /** Start and end of the apostrophe that `Tail.apostrophe` speaks of. */
  #apostropheAt = -1;
  #apostropheEnd = -1;

  /** Number of characters read; the ring holds the last of them. */
  #count = 0;
  /** Position after the last character read. */
  #lastEnd = 0;
  /** Position of the first byte of the current token, and the characters read that begin there. */
  #tokenAt = 0;
  #begun = 0;
  /** Matches that end before this token were reported by an earlier walk. */
  #reportFrom = 0;
  #matched = false;

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
    this.stride = stride;
    this.#sink = sink;
    const size = 2 << Math.ceil(Math.log2(automaton.longest + 1));
    this.#starts = new Float64Array(size);
    this.#ringMask = size - 1;
  }

  get tail(): number {
    return this.#tail;
  }

  /** No gram starts with white space, so at the root it is a gap like any other. */
  get state(): number {
    if (this.#node === 0 && this.#tail >= Tail.space) return Tail.gap;
    return this.#node << TAIL_BITS | this.#tail;
  }

  /** Starts after a text that ends with `tail` and of which nothing matters any more. */
  begin(tail: number, reportFrom: number): void {
    this.#node = 0;
    this.#tail = tail;
    this.#pendingCount = 0;
    this.#apostropheAt = -1;
    this.#reportFrom = reportFrom;
  }

  /** Reads one token and says whether it is fresh. */
  read(token: number, index: number): boolean {
    const wasPending = this.#pendingCount > 0;
    this.#matched = false;
    this.#tokenAt = index * this.stride;
    this.#begun = 0;
    const { bytes, offsets } = this.#tokens;
    const end = offsets[token + 1]!;
    let position = this.#tokenAt;
    for (let at = offsets[token]!; at < end; at++) this.#byte(bytes[at]!, position++);
    return !wasPending && this.#pendingCount === 0 &&
      this.#automaton.depth[this.#node]! <= this.#begun &&
      (this.#tail !== Tail.apostrophe || this.#apostropheAt >= this.#tokenAt);
  }

  /** Reads the end of the run. */
  end(): void {
    this.#tokenAt = Infinity;
    this.#flushPending();
    if (this.#tail === Tail.word) this.#mark(Sign.wordEnd);
    if (this.#tail === Tail.apostrophe) this.#apostropheOutsideWord();
    this.#tail = Tail.gap;
  }

  /** The step of a token from a state: where it leads, and whether it is fresh or must be walked. */
  step(state: number, token: number): number {
    this.begin(state & TAIL_MASK, 0);
    this.#node = state >>> TAIL_BITS;
    const fresh = this.read(token, 0);
    if (this.#matched || this.#pendingCount > 0) return WALK;
    return this.state | (fresh ? FRESH : 0);
  }

  /** Whether a gram ends if the run ends in this state. */
  endsInMatch(state: number): boolean {
    const tail = state & TAIL_MASK;
    if (tail !== Tail.word && tail !== Tail.apostrophe) return false;
    this.begin(tail, 0);
    this.#node = state >>> TAIL_BITS;
    this.#matched = false;
    this.end();
    return this.#matched;
  }

  #byte(byte: number, position: number): void {
    if (this.#pendingCount === 0) {
      if (byte < 0x80) this.#character(this.#codes.ascii[byte]!, position, position + 1);
      else this.#lead(byte, position);
      return;
    }
    if (!continues(this.#pending, this.#pendingCount, byte)) {
      this.#flushPending();
      this.#byte(byte, position);
      return;
    }
    this.#pending[this.#pendingCount] = byte;
    this.#pendingAt[this.#pendingCount] = position;
    this.#pendingCount++;
    if (this.#pendingCount === sequenceLength(this.#pending[0]!)) {
      this.#pendingCount = 0;
      this.#character(
        this.#codes.of(decode(this.#pending)),
        this.#pendingAt[0]!,
        position + 1,
      );
    }
  }

  #lead(byte: number, position: number): void {
    if (sequenceLength(byte) === 0) {
      this.#character(this.#codes.replacement, position, position + 1);
      return;
    }
    this.#pending[0] = byte;
    this.#pendingAt[0] = position;
    this.#pendingCount = 1;
  }

  /** Each byte of a character that never became complete is invalid by itself. */
  #flushPending(): void {
    const count = this.#pendingCount;
    this.#pendingCount = 0;
    for (let k = 0; k < count; k++) {
      const position = this.#pendingAt[k]!;
      this.#character(this.#codes.replacement, position, position + 1);
    }
  }

  #character(code: number, start: number, end: number): void {
    const kind = code & 7;
    if (kind >= CharacterClass.space) {
      if (this.#tail === Tail.word) this.#mark(Sign.wordEnd);
      if (this.#tail === Tail.apostrophe) this.#apostropheOutsideWord();
      this.#tail = whiteSpaceTail(this.#tail, kind);
      return;
    }
    if (this.#tail >= Tail.space) {
      // White space neither starts nor ends a gram: its positions are never asked for.
      this.#emit(this.#tail === Tail.blankLine ? Sign.newline : Sign.space, -1, -1);
      this.#tail = Tail.gap;
    }
    const symbol = code >>> 3;
    if (kind === CharacterClass.word) {
      if (this.#tail === Tail.gap) this.#mark(Sign.wordStart);
      else if (this.#tail === Tail.apostrophe) this.#emitApostrophe();
      this.#emit(symbol, start, end);
      this.#tail = Tail.word;
    } else if (kind === CharacterClass.apostrophe && this.#tail === Tail.word) {
      this.#apostropheAt = start;
      this.#apostropheEnd = end;
      this.#tail = Tail.apostrophe;
    } else {
      if (this.#tail === Tail.word) this.#mark(Sign.wordEnd);
      else if (this.#tail === Tail.apostrophe) this.#apostropheOutsideWord();
      this.#emit(symbol, start, end);
      this.#tail = Tail.gap;
    }
  }

  #apostropheOutsideWord(): void {
    this.#mark(Sign.wordEnd);
    this.#emitApostrophe();
  }

  #emitApostrophe(): void {
    this.#emit(Sign.apostrophe, this.#apostropheAt, this.#apostropheEnd);
  }

  #mark(symbol: number): void {
    if (this.#node === 0 && symbol === Sign.wordEnd) return;
    this.#node = follow(this.#automaton, this.#node, symbol);
    if (this.#automaton.output[this.#node] !== 0) this.#report();
  }

  #emit(symbol: number, start: number, end: number): void {
    this.#count = (this.#count + 1) & this.#ringMask;
    this.#starts[this.#count] = start;
    this.#lastEnd = end;
    if (start >= this.#tokenAt) this.#begun++;
    this.#node = symbol === Sign.none ? 0 : follow(this.#automaton, this.#node, symbol);
    if (this.#automaton.output[this.#node] !== 0) this.#report();
  }

  #report(): void {
    this.#matched = true;
    if (this.#sink === null || this.#tokenAt < this.#reportFrom * this.stride) return;
    const { output, suffix, gram, depth } = this.#automaton;
    for (let node = output[this.#node]!; node !== 0; node = output[suffix[node]!]!) {
      const first = (this.#count - depth[node]! + 1) & this.#ringMask;
      this.#sink.match(this.#starts[first]!, this.#lastEnd, gram[node]!);
    }
  }
}

/** Code of every character, `symbol << 3 | class`, computed once each. */
class CharacterCodes {
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

function slot(state: number, token: number): number {
  return (Math.imul(state, 0x9e3779b1) ^ Math.imul(token, 0x85ebca6b)) >>> (32 - MEMORY_BITS) << 2;
}

function longestToken({ offsets, vocabSize }: TokenBytes): number {
  let longest = 0;
  for (let token = 0; token < vocabSize; token++) {
    longest = Math.max(longest, offsets[token + 1]! - offsets[token]!);
  }
  return longest;
}

function unknownToken(token: number, index: number, vocabSize: number): RangeError {
  return new RangeError(
    `Cannot match batch.tokenIds as ids must be in the vocabulary, [0, ${vocabSize}): ` +
      `tokenIds[${index}] is ${token}; if the model's vocabulary is padded, load the tokenizer with ` +
      `its vocabSize`,
  );
}
