import type { MatchSink } from "./_walk.ts";

const FIELDS = 5;

/**
 * Turns matches into a planning mask, the kind of each planning token, and spans. The mask is the
 * union of all matches; spans are the leftmost-longest of a run that do not overlap.
 */
export class MatchCollector implements MatchSink {
  planningMask: Uint8Array;
  kinds: Uint8Array;
  readonly #kindOfGram: Uint8Array;
  readonly #isEmpty: (index: number) => boolean;
  /** Matches of the current run: start and end character, start and end token, gram. */
  #matches: Int32Array = new Int32Array(FIELDS * 64);
  #numMatches = 0;
  /** Start token, end token, gram. */
  #spans: Int32Array = new Int32Array(3 * 64);
  #numSpans = 0;

  constructor(numTokens: number, kindOfGram: Uint8Array, isEmpty: (index: number) => boolean) {
    this.planningMask = new Uint8Array(numTokens);
    this.kinds = new Uint8Array(numTokens);
    this.#kindOfGram = kindOfGram;
    this.#isEmpty = isEmpty;
  }

  /** `[3 * spans]` of the runs that have ended. */
  get spans(): Int32Array {
    return this.#spans.slice(0, 3 * this.#numSpans);
  }

  /** Makes room for more tokens. */
  grow(numTokens: number): void {
    this.planningMask = grown(this.planningMask, numTokens);
    this.kinds = grown(this.kinds, numTokens);
  }

  match(
    startToken: number,
    endToken: number,
    startCharacter: number,
    endCharacter: number,
    gram: number,
  ): void {
    const kind = this.#kindOfGram[gram]!;
    for (let token = startToken; token < endToken; token++) {
      if (this.planningMask[token] === 1 || this.#isEmpty(token)) continue;
      this.planningMask[token] = 1;
      this.kinds[token] = kind;
    }
    this.#insert(startCharacter, endCharacter, startToken, endToken, gram);
  }

  /** Selects the spans of the run. */
  endRun(): void {
    const matches = this.#matches;
    let free = 0;
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
      this.#spans.set([startToken, endToken, gram], 3 * this.#numSpans);
      this.#numSpans++;
    }
    this.#numMatches = 0;
  }

  /**
   * Keeps the matches sorted by start, the longer first. They come in the order of their ends, so a
   * match moves past the few that overlap it.
   */
  #insert(
    startCharacter: number,
    endCharacter: number,
    startToken: number,
    endToken: number,
    gram: number,
  ): void {
    if (FIELDS * this.#numMatches === this.#matches.length) {
      this.#matches = grown(this.#matches, 2 * this.#matches.length);
    }
    const matches = this.#matches;
    let at = FIELDS * this.#numMatches;
    while (at > 0 && comesAfter(matches, at - FIELDS, startCharacter, endCharacter)) {
      matches.copyWithin(at, at - FIELDS, at);
      at -= FIELDS;
    }
    matches[at] = startCharacter;
    matches[at + 1] = endCharacter;
    matches[at + 2] = startToken;
    matches[at + 3] = endToken;
    matches[at + 4] = gram;
    this.#numMatches++;
  }
}

function comesAfter(matches: Int32Array, at: number, start: number, end: number): boolean {
  return matches[at]! > start || (matches[at] === start && matches[at + 1]! < end);
}

function grown<A extends Int32Array | Uint8Array>(values: A, length: number): A {
  const larger = new (values.constructor as new (length: number) => A)(length);
  larger.set(values);
  return larger;
}
