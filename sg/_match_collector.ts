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
  /** Matches of the current run: start and end position, start and end token, gram. */
  #matches: Float64Array = new Float64Array(FIELDS * 64);
  #numMatches = 0;
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

  match(startToken: number, endToken: number, start: number, end: number, gram: number): void {
    const kind = this.#kindOfGram[gram]!;
    const { planningMask, kinds } = this;
    const offsets = this.#byteOffsets;
    for (let token = startToken; token < endToken; token++) {
      const id = this.#ids[token]!;
      // A token without bytes spells no part of a match.
      if (planningMask[token] === 1 || offsets[id] === offsets[id + 1]) continue;
      planningMask[token] = 1;
      kinds[token] = kind;
    }
    this.#insert(startToken, endToken, start, end, gram);
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
  }

  /**
   * Keeps the matches sorted by start, the longer first. They come in the order of their ends, so a
   * match moves past the few that overlap it.
   */
  #insert(startToken: number, endToken: number, start: number, end: number, gram: number): void {
    if (FIELDS * this.#numMatches === this.#matches.length) {
      this.#matches = grown(this.#matches, 2 * this.#matches.length);
    }
    const matches = this.#matches;
    let at = FIELDS * this.#numMatches;
    while (at > 0 && comesAfter(matches, at - FIELDS, start, end)) {
      matches.copyWithin(at, at - FIELDS, at);
      at -= FIELDS;
    }
    matches[at] = start;
    matches[at + 1] = end;
    matches[at + 2] = startToken;
    matches[at + 3] = endToken;
    matches[at + 4] = gram;
    this.#numMatches++;
  }
}

function comesAfter(matches: Float64Array, at: number, start: number, end: number): boolean {
  return matches[at]! > start || (matches[at] === start && matches[at + 1]! < end);
}

function grown<A extends Float64Array | Int32Array | Uint8Array>(values: A, length: number): A {
  const larger = new (values.constructor as new (length: number) => A)(length);
  larger.set(values);
  return larger;
}
