import type { MatchSink } from "./_walk.ts";
import type { TokenBytes } from "./token_bytes.ts";

const FIELDS = 5;

/**
 * Turns matches into a planning mask, the kind of each planning token, and spans. The mask is the
 * union of all matches; spans are the leftmost-longest of a run that do not overlap.
 */
export class MatchCollector implements MatchSink {
  planningMask: Uint8Array;
  kinds: Uint8Array;
  readonly #kindOfGram: Uint8Array;
  readonly #byteOffsets: Int32Array;
  #ids: Int32Array;
  /**
   * The longest match from each start in the current run, by ascending start: start and end position,
   * start and end token, gram.
   */
  #matches: Float64Array = new Float64Array(FIELDS * 64);
  #numMatches = 0;
  /** Start and end position of the last match that was marked. */
  #markedStart = 0;
  #markedEnd = -1;
  /** Start token, end token, gram. */
  #spans: Int32Array = new Int32Array(3 * 64);
  #numSpans = 0;

  constructor(ids: Int32Array, tokens: TokenBytes, kindOfGram: Uint8Array) {
    this.planningMask = new Uint8Array(ids.length);
    this.kinds = new Uint8Array(ids.length);
    this.#ids = ids;
    this.#byteOffsets = tokens.offsets;
    this.#kindOfGram = kindOfGram;
  }

  /** `[3 * spans]` of the runs that have ended. */
  get spans(): Int32Array {
    return this.#spans.slice(0, 3 * this.#numSpans);
  }

  /** Goes on with a longer array of the same ids. */
  grow(ids: Int32Array): void {
    this.planningMask = grown(this.planningMask, ids.length);
    this.kinds = grown(this.kinds, ids.length);
    this.#ids = ids;
  }

  /** Takes a match. They come in the order of their ends; of those with one end the longest first. */
  match(startToken: number, endToken: number, start: number, end: number, gram: number): void {
    // A suffix of the match before has the same end: its tokens are marked.
    if (end !== this.#markedEnd || start < this.#markedStart) {
      this.#mark(startToken, endToken, this.#kindOfGram[gram]!);
      this.#markedStart = start;
      this.#markedEnd = end;
    }
    this.#keep(startToken, endToken, start, end, gram);
  }

  #mark(startToken: number, endToken: number, kind: number): void {
    const { planningMask, kinds } = this;
    const offsets = this.#byteOffsets;
    for (let token = startToken; token < endToken; token++) {
      const id = this.#ids[token]!;
      // A token without bytes spells no part of a match.
      if (planningMask[token] === 1 || offsets[id] === offsets[id + 1]) continue;
      planningMask[token] = 1;
      kinds[token] = kind;
    }
  }

  /** Selects the spans of the run. */
  endRun(): void {
    const matches = this.#matches;
    let free = -Infinity;
    let shared = 0;
    for (let at = 0; at < FIELDS * this.#numMatches; at += FIELDS) {
      if (matches[at]! < free) continue;
      free = matches[at + 1]!;
      const startToken = matches[at + 2]!;
      const endToken = matches[at + 3]!;
      const gram = matches[at + 4]!;
      const kind = this.#kindOfGram[gram]!;
      // A token that the span before shares keeps that span's kind.
      for (let token = Math.max(startToken, shared); token < endToken; token++) {
        if (this.planningMask[token] === 1) this.kinds[token] = kind;
      }
      shared = endToken;
      if (3 * this.#numSpans === this.#spans.length) {
        this.#spans = grown(this.#spans, 6 * this.#numSpans);
      }
      this.#spans[3 * this.#numSpans] = startToken;
      this.#spans[3 * this.#numSpans + 1] = endToken;
      this.#spans[3 * this.#numSpans + 2] = gram;
      this.#numSpans++;
    }
    this.#numMatches = 0;
    this.#markedEnd = -1;
  }

  /** Keeps a match in its place; of two with one start the later ends later and replaces the other. */
  #keep(startToken: number, endToken: number, start: number, end: number, gram: number): void {
    if (FIELDS * this.#numMatches === this.#matches.length) {
      this.#matches = grown(this.#matches, 2 * this.#matches.length);
    }
    const matches = this.#matches;
    const at = FIELDS * this.#place(start);
    if (at === FIELDS * this.#numMatches || matches[at] !== start) {
      matches.copyWithin(at + FIELDS, at, FIELDS * this.#numMatches);
      this.#numMatches++;
    }
    matches[at] = start;
    matches[at + 1] = end;
    matches[at + 2] = startToken;
    matches[at + 3] = endToken;
    matches[at + 4] = gram;
  }

  /** Index of the first match that does not start before `start`: mostly there is none. */
  #place(start: number): number {
    const matches = this.#matches;
    let low = 0;
    let high = this.#numMatches;
    if (high === 0 || matches[FIELDS * (high - 1)]! < start) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (matches[FIELDS * middle]! < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function grown<A extends Float64Array | Int32Array | Uint8Array>(values: A, length: number): A {
  const larger = new (values.constructor as new (length: number) => A)(length);
  larger.set(values);
  return larger;
}
