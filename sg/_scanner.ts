import { InputRangeError } from "../batch/mod.ts";
import { type Automaton, follow, Sign } from "./_automaton.ts";
import { CharacterClass } from "./_normalize.ts";
import { CharacterCodes, isJoining, type MatchSink, Tail, Walk } from "./_walk.ts";
import type { TokenBytes } from "./token_bytes.ts";

// A state is `node << 3 | tail`. A step packs what a token does to a state: the state it leads to, the
// number of characters it completes, and two flags.
const TAIL_BITS = 3;
const TAIL_MASK = 7;
const STATE_BITS = 24;
const STATE_MASK = (1 << STATE_BITS) - 1;
const COUNT_MASK = 63;
/** No match that is still to end began before the token: a walk never needs to start earlier. */
const FRESH = 1 << 30;
/** In the dense table, where every step is fresh, the bit says that both steps of a token are equal. */
const EQUAL = FRESH;
/** A gram ends inside the token, or the token is too odd for a step; the sign bit. */
const STOP = 1 << 31;
/** What is set in a step that does not lead to one of the two states without a partial match. */
const MATCHING = STOP | (STATE_MASK & ~Tail.word);
/** What is set in a dense step that the tight loop does not take; of `EQUAL`, what is not. */
const COMMON = EQUAL | STOP | (TAIL_MASK & ~Tail.word);

// An event says which gram ends inside a token: `node << 6 | characters completed before`.
const EVENT_BITS = 6;
const NO_EVENT = -1;

// What a token opens with, and what a partial match can go on with, as sets of bits. If they have none in
// common, the token ends all partial matches. Characters share buckets, so the reverse does not hold.
const BUCKETS = 29;
/** In an opening: it ends the word before. Of a node: a gram ends if its word does. */
const WORD_ENDS = 1 << 29;
/** In an opening: not said. Of a node: it has partial matches, so all but the root. */
const ANYTHING = 1 << 30;

/** log2 of the number of remembered steps, 16 bytes each: measured, larger gains little. */
const MEMORY_BITS = 17;
/** State, token, step, event. An entry has two places, side by side in one cache line. */
const ENTRY = 4;
/** How many tokens a phrase may span before its bytes are walked to find its first one. */
const RING = 64;

/**
 * An automaton lifted from characters to tokens.
 *
 * From the two states in which nothing has matched yet (outside a word, inside a word) a dense table
 * gives the step of every token. A partial match that the token cannot go on with leads to the same
 * step. All other steps are computed by walking the token's bytes, and remembered in a table of fixed
 * size. So the common token costs one look-up.
 */
export class TokenAutomaton {
  readonly #tables: ScanTables;
  readonly #codes: CharacterCodes;

  constructor(automaton: Automaton, tokens: TokenBytes) {
    const nodes = automaton.suffix.length;
    if (nodes << TAIL_BITS > STATE_MASK) {
      throw new InputRangeError(
        `Cannot compile the lexicon as its grams may spell at most ` +
          `${STATE_MASK >>> TAIL_BITS} different prefixes: they spell ${nodes}, split the lexicon`,
      );
    }
    const { vocabSize } = tokens;
    const codes = new CharacterCodes(automaton.alphabet);
    const dense = new Int32Array(2 * vocabSize);
    const openings = new Int32Array(vocabSize);
    const stride = positionStride(tokens);
    const stepper = new Walk(automaton, tokens, codes, stride, null);
    for (let token = 0; token < vocabSize; token++) {
      const outside = computeStep(stepper, Tail.gap, token);
      const inside = computeStep(stepper, Tail.word, token);
      const equal = outside === inside ? EQUAL : 0;
      dense[2 * token] = outside & ~EQUAL | equal;
      dense[2 * token + 1] = inside & ~EQUAL | equal;
      openings[token] = opening(tokens, token, codes);
    }
    const memory = new Int32Array(ENTRY << MEMORY_BITS).fill(-1);
    this.#codes = codes;
    this.#tables = {
      automaton,
      tokens,
      stride,
      dense,
      openings,
      continuations: continuations(automaton),
      memory,
    };
  }

  /** A scan over runs of tokens that reports to `sink`. */
  scan(sink: MatchSink): Scan {
    const { automaton, tokens, stride } = this.#tables;
    const stepper = new Walk(automaton, tokens, this.#codes, stride, null);
    const walk = new Walk(automaton, tokens, this.#codes, stride, sink);
    return new Scan(this.#tables, stepper, walk, sink);
  }
}

interface ScanTables {
  readonly automaton: Automaton;
  readonly tokens: TokenBytes;
  /** Distance between the positions of two tokens. */
  readonly stride: number;
  /** `[2 * vocabSize]`: step of token `t` outside a word at `2 t`, inside a word at `2 t + 1`. */
  readonly dense: Int32Array;
  /** `[vocabSize]`: what each token opens with. */
  readonly openings: Int32Array;
  /** `[nodes]`: openings that a partial match can go on with. */
  readonly continuations: Int32Array;
  /** `[ENTRY << MEMORY_BITS]`: state, token, step, event of the steps that were computed. */
  readonly memory: Int32Array;
}

/**
 * Reads one run after another. Where a gram ends, the tokens that spell it follow from the characters
 * that each step completed; in the odd cases (several ends in one token, characters spread over tokens)
 * the bytes are walked again from the last fresh token until a token is fresh again. Each token is
 * thus read at most twice, whatever the lexicon.
 */
export class Scan {
  readonly #tables: ScanTables;
  readonly #stepper: Walk;
  readonly #walk: Walk;
  readonly #sink: MatchSink;
  /** Characters completed by each token since the fresh one, and by that. */
  readonly #completed: Uint8Array = new Uint8Array(RING);
  #state = 0;
  /** The last fresh token, and the tail of the text before it. */
  #fresh = 0;
  #freshTail = 0;
  #walking = false;

  constructor(tables: ScanTables, stepper: Walk, walk: Walk, sink: MatchSink) {
    this.#tables = tables;
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
    const { dense, openings, continuations, memory } = this.#tables;
    const { vocabSize } = this.#tables.tokens;
    const completed = this.#completed;
    let i = this.#walking ? this.#walkOn(ids, from, to) : from;
    let state = this.#state;
    let fresh = this.#fresh;
    let freshTail = this.#freshTail;
    while (i < to) {
      if ((state & TAIL_MASK) <= Tail.word) {
        // Most tokens end whatever was going on and lead to the same state wherever they stand.
        const first = i;
        let step = state;
        while (i < to) {
          const token = ids[i]!;
          if (token >>> 0 >= vocabSize) break;
          const next = dense[2 * token]!;
          if ((next & COMMON) !== EQUAL) break;
          if ((continuations[(step & STATE_MASK) >>> TAIL_BITS]! & openings[token]!) !== 0) break;
          step = next;
          i++;
        }
        if (i > first) {
          state = step & STATE_MASK;
          fresh = i - 1;
          freshTail = Tail.gap;
          completed[fresh & (RING - 1)] = step >>> STATE_BITS & COUNT_MASK;
          if (i === to) break;
        }
      }
      const token = ids[i]!;
      if (token >>> 0 >= vocabSize) throw unknownToken(token, i, vocabSize);
      const tail = state & TAIL_MASK;
      let step: number;
      if (
        state <= Tail.word ||
        (tail <= Tail.word && (continuations[state >>> TAIL_BITS]! & openings[token]!) === 0)
      ) {
        step = dense[2 * token + tail]!;
        if ((step & MATCHING) === 0) {
          state = step & STATE_MASK;
          i++;
          continue;
        }
        completed[i & (RING - 1)] = step >>> STATE_BITS & COUNT_MASK;
        fresh = i;
        freshTail = tail;
      } else {
        let at = slot(state, token);
        if (memory[at] !== state || memory[at + 1] !== token) at = this.#recall(at, state, token);
        step = memory[at + 2]!;
        completed[i & (RING - 1)] = step >>> STATE_BITS & COUNT_MASK;
        const event = memory[at + 3]!;
        if (event !== NO_EVENT && i - fresh < RING) {
          this.#report(event, i, fresh);
          step &= ~STOP;
        }
        if (step >= FRESH) {
          fresh = i;
          freshTail = tail;
        }
      }
      if (step < 0) {
        this.#fresh = fresh;
        this.#freshTail = freshTail;
        i = this.#walkFrom(ids, i, to);
        state = this.#state;
        fresh = this.#fresh;
        freshTail = this.#freshTail;
      } else {
        state = step & STATE_MASK;
        i++;
      }
    }
    this.#state = state;
    this.#fresh = fresh;
    this.#freshTail = freshTail;
  }

  /** Ends the run, which decides what the next token might have decided. `to` is its end. */
  end(ids: Int32Array, to: number): void {
    if (!this.#walking && this.#endsInMatch()) this.#walkAgain(ids, to);
    if (this.#walking) this.#walk.end(to);
    this.#walking = false;
  }

  /** The first token, of those before `next`, that a later token can still make planning. */
  undecided(next: number): number {
    return !this.#walking && this.#state <= Tail.word ? next : this.#fresh;
  }

  /** Walks from the fresh token to `to`; matches that end before `to` are known. */
  #walkAgain(ids: Int32Array, to: number): void {
    this.#walk.begin(0, this.#freshTail, to);
    for (let i = this.#fresh; i < to; i++) this.#walk.read(ids[i]!, i);
    this.#walking = true;
  }

  #walkFrom(ids: Int32Array, trigger: number, to: number): number {
    this.#walkAgain(ids, trigger);
    return this.#walkOn(ids, trigger, to);
  }

  /** Walks until a token is fresh again and returns the index after it. */
  #walkOn(ids: Int32Array, from: number, to: number): number {
    const walk = this.#walk;
    const { vocabSize } = this.#tables.tokens;
    for (let i = from; i < to; i++) {
      const token = ids[i]!;
      if (token >>> 0 >= vocabSize) throw unknownToken(token, i, vocabSize);
      const { tail } = walk;
      if (walk.read(token, i) && walk.completed <= COUNT_MASK) {
        this.#walking = false;
        this.#state = walk.node << TAIL_BITS | walk.tail;
        this.#fresh = i;
        this.#freshTail = tail;
        this.#completed[i & (RING - 1)] = walk.completed;
        return i + 1;
      }
    }
    return to;
  }

  #endsInMatch(): boolean {
    const tail = this.#state & TAIL_MASK;
    if (tail !== Tail.word && !isJoining(tail)) return false;
    this.#stepper.begin(this.#state >>> TAIL_BITS, tail, 0);
    this.#stepper.end(0);
    return this.#stepper.events > 0;
  }

  /** The entry of a step that is not in its first place: in the second, or computed now. */
  #recall(at: number, state: number, token: number): number {
    const { memory } = this.#tables;
    const second = at ^ ENTRY;
    if (memory[second] === state && memory[second + 1] === token) return second;
    memory.copyWithin(second, at, at + ENTRY);
    memory[at + 2] = computeStep(this.#stepper, state, token);
    memory[at + 3] = computeEvent(this.#stepper, state);
    memory[at] = state;
    memory[at + 1] = token;
    return at;
  }

  /** Reports the grams that end at an event inside token `index`. */
  #report(event: number, index: number, fresh: number): void {
    const { output, suffix, gram, depth } = this.#tables.automaton;
    const { stride } = this.#tables;
    const completed = this.#completed;
    const inside = event & COUNT_MASK;
    const last = inside > 0 ? index : this.#before(index, fresh);
    const end = inside > 0
      ? index * stride + inside
      : last * stride + completed[last & (RING - 1)]!;
    // The token in which the longest gram begins, and the characters of the token before the gram.
    let first = index;
    let node = event >>> EVENT_BITS;
    let before = inside - depth[node]!;
    while (before < 0 && first > fresh) {
      first = this.#before(first, fresh);
      before += completed[first & (RING - 1)]!;
    }
    while (true) {
      this.#sink.match(first, last + 1, first * stride + before, end, gram[node]!);
      const shorter = output[suffix[node]!]!;
      if (shorter === 0) return;
      before += depth[node]! - depth[shorter]!;
      node = shorter;
      while (first < last && before >= completed[first & (RING - 1)]!) {
        before -= completed[first & (RING - 1)]!;
        first++;
      }
    }
  }

  /** The last token before `index` that completed a character, `fresh` at the earliest. */
  #before(index: number, fresh: number): number {
    do index--; while (index > fresh && this.#completed[index & (RING - 1)] === 0);
    return index;
  }
}

/** The step of a token from a state. */
function computeStep(stepper: Walk, state: number, token: number): number {
  stepper.begin(state >>> TAIL_BITS, state & TAIL_MASK, 0);
  const fresh = stepper.read(token, 0);
  const { completed } = stepper;
  const next = stepper.node << TAIL_BITS | stepper.tail;
  const isOdd = stepper.isPending || completed > COUNT_MASK || carriesJoiner(state, fresh);
  return next | (completed & COUNT_MASK) << STATE_BITS | (fresh ? FRESH : 0) |
    (isOdd || stepper.events > 0 ? STOP : 0);
}

/** The event of the step just computed, `NO_EVENT` where the bytes must be walked to know. */
function computeEvent(stepper: Walk, state: number): number {
  const isOdd = stepper.events !== 1 || stepper.isPending || stepper.completed > COUNT_MASK ||
    isJoining(state & TAIL_MASK);
  if (isOdd) return NO_EVENT;
  const { node, completed } = stepper.event;
  return node << EVENT_BITS | completed;
}

/** A match may begin with the joiner that a token before spells: its place must be walked. */
function carriesJoiner(state: number, fresh: boolean): boolean {
  return isJoining(state & TAIL_MASK) && !fresh;
}

/** The bits of what a token opens with: a character, or a space and a character. */
function opening({ bytes, offsets }: TokenBytes, token: number, codes: CharacterCodes): number {
  let at = offsets[token]!;
  const afterSpace = bytes[at] === 0x20;
  if (afterSpace) at++;
  if (at >= offsets[token + 1]! || bytes[at]! >= 0x80) return ANYTHING;
  const code = codes.ascii[bytes[at]!]!;
  const kind = code & 7;
  if (kind >= CharacterClass.apostrophe) return ANYTHING;
  const endsWord = afterSpace || kind !== CharacterClass.base;
  return (endsWord ? WORD_ENDS : 0) | bucket(code >>> 3, afterSpace);
}

function bucket(symbol: number, afterSpace: boolean): number {
  return symbol === Sign.none ? 0 : 1 << (symbol + (afterSpace ? 0 : 11)) % BUCKETS;
}

/** For each node, the openings that a partial match there can go on with. */
function continuations(automaton: Automaton): Int32Array {
  const { suffix, firstChild, symbols, output, depth, endsWord } = automaton;
  const next = (from: number, afterSpace: boolean): number => {
    let bits = 0;
    // A match that only begins with the next word is no continuation: depth 0.
    for (let node = from; depth[node]! > 0; node = suffix[node]!) {
      for (let child = firstChild[node]!; child < firstChild[node + 1]!; child++) {
        bits |= bucket(symbols[child]!, afterSpace);
      }
    }
    return bits;
  };
  return Int32Array.from(suffix, (_, node) => {
    if (node === 0) return 0;
    // What may end a word may also stand outside one, as an extender does behind a symbol.
    const atEnd = endsWord[symbols[node]!] ? follow(automaton, node, Sign.wordEnd) : node;
    let bits = ANYTHING | (atEnd !== node && output[atEnd] !== 0 ? WORD_ENDS : 0);
    for (const outside of new Set([node, atEnd])) {
      const atSpace = follow(automaton, outside, Sign.space);
      bits |= next(outside, false) | next(follow(automaton, outside, Sign.wordStart), false) |
        next(atSpace, true) | next(follow(automaton, atSpace, Sign.wordStart), true);
    }
    return bits;
  });
}

/**
 * The stride of positions: a token completes at most one character for each of its bytes, and those
 * left pending by the tokens before, which are three bytes or a joiner.
 */
export function positionStride({ offsets, vocabSize }: TokenBytes): number {
  let longest = 0;
  for (let token = 0; token < vocabSize; token++) {
    longest = Math.max(longest, offsets[token + 1]! - offsets[token]!);
  }
  return longest + 8;
}

function slot(state: number, token: number): number {
  return (Math.imul(state, 0x9e3779b1) ^ Math.imul(token, 0x85ebca6b)) >>> (32 - MEMORY_BITS) << 2;
}

/** The error of an id that no token has. */
export function unknownToken(token: number, index: number, vocabSize: number): InputRangeError {
  return new InputRangeError(
    `Cannot match batch.tokenIds as ids must be in the vocabulary, [0, ${vocabSize}): ` +
      `tokenIds[${index}] is ${token}; if the model's vocabulary is padded, load the tokenizer with ` +
      `its vocabSize`,
    { code: "token_outside_vocabulary" },
  );
}
