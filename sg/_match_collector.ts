import type { MatchSink } from "./_scanner.ts";

/**
 * Turns matches into a planning mask, the kind of each planning token, and spans.
 *
 * The mask is the union of all matches. Spans are the leftmost-longest of them that do not overlap:
 * a match waits until nothing that starts before it can still come.
 */
export class MatchCollector implements MatchSink {
  planningMask: Uint8Array;
  kinds: Uint8Array;
  /** `startToken, endToken, gramIndex` of each span. */
  readonly spans: number[] = [];
  readonly #kindOfGram: Uint8Array;
  readonly #stride: number;
  readonly #isEmpty: (index: number) => boolean;

  /** Matches that wait, in the order in which they were found. */
  #waiting: { start: number; end: number; gram: number }[] = [];
  /** Where the last span of this run ends. */
  #spanEnd = 0;

  constructor(
    numTokens: number,
    kindOfGram: Uint8Array,
    stride: number,
    isEmpty: (index: number) => boolean,
  ) {
    this.planningMask = new Uint8Array(numTokens);
    this.kinds = new Uint8Array(numTokens);
    this.#kindOfGram = kindOfGram;
    this.#stride = stride;
    this.#isEmpty = isEmpty;
  }

  /** Makes room for more tokens. */
  grow(numTokens: number): void {
    const { planningMask, kinds } = this;
    this.planningMask = new Uint8Array(numTokens);
    this.planningMask.set(planningMask);
    this.kinds = new Uint8Array(numTokens);
    this.kinds.set(kinds);
  }

  match(start: number, end: number, gram: number): void {
    this.#waiting.push({ start, end, gram });
    const kind = this.#kindOfGram[gram]!;
    const last = this.#tokenBefore(end);
    for (let token = this.#tokenAt(start); token <= last; token++) {
      if (this.planningMask[token] === 1 || this.#isEmpty(token)) continue;
      this.planningMask[token] = 1;
      this.kinds[token] = kind;
    }
  }

  settled(position: number): void {
    if (this.#waiting.length > 0) this.#settle(position);
    if (position === Infinity) this.#spanEnd = 0;
  }

  #settle(position: number): void {
    this.#waiting.sort((a, b) => a.start - b.start || b.end - a.end);
    let next = 0;
    for (; next < this.#waiting.length; next++) {
      const { start, end, gram } = this.#waiting[next]!;
      if (start >= position) break;
      if (start < this.#spanEnd) continue;
      const first = this.#tokenAt(start);
      const last = this.#tokenBefore(end);
      const kind = this.#kindOfGram[gram]!;
      // A token that the span before shares keeps that span's kind.
      const shared = this.#spanEnd > 0 ? this.#tokenBefore(this.#spanEnd) : -1;
      for (let token = Math.max(first, shared + 1); token <= last; token++) {
        if (this.planningMask[token] === 1) this.kinds[token] = kind;
      }
      this.spans.push(first, last + 1, gram);
      this.#spanEnd = end;
    }
    this.#waiting = this.#waiting.slice(next);
  }

  #tokenAt(position: number): number {
    return Math.floor(position / this.#stride);
  }

  #tokenBefore(end: number): number {
    return Math.floor((end - 1) / this.#stride);
  }
}
