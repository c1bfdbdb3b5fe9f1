/** Characters before and after a span in its excerpt. */
const MARGIN = 40;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text as bytes, each of them a token, and what masks over bytes mean for its characters. */
export class ByteText {
  readonly #bytes: Uint8Array;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.#bytes = ENCODER.encode(text);
  }

  /** The bytes as a batch of one sequence. */
  get batch(): { offsets: Int32Array; tokenIds: Int32Array; lossMask: Uint8Array } {
    const { length } = this.#bytes;
    return {
      offsets: Int32Array.of(0, length),
      tokenIds: Int32Array.from(this.#bytes),
      lossMask: new Uint8Array(length).fill(1),
    };
  }

  /** The characters (code points) that begin where a mask is 1; without one, all. */
  countCharacters(mask?: Uint8Array): number {
    let count = 0;
    for (let b = 0; b < this.#bytes.length; b++) {
      if (this.#beginsCharacter(b) && mask?.[b] !== 0) count++;
    }
    return count;
  }

  /** A mask over bytes as one over UTF-16 units. */
  toUnits(mask: Uint8Array): Uint8Array {
    if (mask.length === this.#text.length) return mask;
    const units = new Uint8Array(this.#text.length);
    let unit = 0;
    for (let b = 0; b < mask.length; b++) {
      if (!this.#beginsCharacter(b)) continue;
      const width = this.#bytes[b]! >= 0xf0 ? 2 : 1;
      units.fill(mask[b]!, unit, unit + width);
      unit += width;
    }
    return units;
  }

  /** The bytes `[start, end)` in their context, in one line. */
  excerpt(start: number, end: number): string {
    let from = Math.max(0, start - MARGIN);
    let to = Math.min(this.#bytes.length, end + MARGIN);
    while (from < start && !this.#beginsCharacter(from)) from++;
    while (to > end && to < this.#bytes.length && !this.#beginsCharacter(to)) to--;
    const text = DECODER.decode(this.#bytes.subarray(from, to)).replace(/\s+/g, " ").trim();
    return `${from > 0 ? "..." : ""}${text}${to < this.#bytes.length ? "..." : ""}`;
  }

  #beginsCharacter(b: number): boolean {
    return (this.#bytes[b]! & 0xc0) !== 0x80;
  }
}
