import { Buffer } from "node:buffer";
import { hashText } from "../_hash.ts";
import type { PrefixRange } from "./_count_options.ts";
import { Field, ROW } from "./_gram_rows.ts";
import { PromptPairs, promptsOf } from "./_prompt_pairs.ts";

/** What tells a gram beside its text. */
export interface GramKey {
  /** The two halves of its hash. */
  low: number;
  high: number;
  /** Its prefix hash. */
  range: number;
  numWords: number;
}

/** Grams that occur in enough prompts, in no order. */
export interface FrequentGrams {
  readonly texts: string[];
  /** Rows, of which `textStart` means nothing any more. */
  readonly rows: Int32Array;
  /** The distinct prompts of gram g, ascending: `prompts[promptOffsets[g] .. promptOffsets[g + 1])`. */
  readonly promptOffsets: Float64Array;
  readonly prompts: Uint32Array;
}

/**
 * Counts of grams by their text, for grams of a range of prefix hashes, in bounded memory.
 *
 * Where memory runs out, the range is halved and what lies beyond is dropped, to be counted in another
 * pass. So the grams below the bound that is left at the end are counted in full. A range of one hash
 * is never halved; then memory grows.
 */
export class GramCounts {
  readonly #from: number;
  readonly #maxBytes: number;
  #bound: number;
  /** Open addressing: index of a gram plus one, or 0. */
  #slots = new Int32Array(32);
  #rows = new Int32Array(16 * ROW);
  #numGrams = 0;
  #units = new Uint16Array(256);
  #numUnits = 0;
  readonly #pairs = new PromptPairs();

  /**
   * @param range The prefix hashes.
   * @param maxBytes The memory; transient copies count.
   */
  constructor([from, to]: PrefixRange, maxBytes: number) {
    this.#from = from;
    this.#bound = to;
    this.#maxBytes = maxBytes;
  }

  /** The rows; another array after the next gram. */
  get rows(): Int32Array {
    return this.#rows;
  }

  /** The prefix hashes that are held are below it. */
  get bound(): number {
    return this.#bound;
  }

  /**
   * The place of a gram in `rows`, which is new if it was not there; -1 if it is beyond the bound now. The
   * text is `units[start, end)`.
   */
  find(key: Readonly<GramKey>, units: Uint16Array, start: number, end: number): number {
    const { low, high } = key;
    for (;;) {
      if (this.#pairs.isFull) this.#makeRoomForPairs();
      if (key.range >= this.#bound) return -1;
      const mask = this.#slots.length - 1;
      let slot = low & mask;
      for (;;) {
        const gram = this.#slots[slot]! - 1;
        if (gram < 0) break;
        const row = gram * ROW;
        if (
          this.#rows[row] === low && this.#rows[row + Field.high] === high &&
          this.#hasText(row, units, start, end)
        ) return row;
        slot = (slot + 1) & mask;
      }
      if (this.#makeRoom(end - start)) continue;
      this.#slots[slot] = ++this.#numGrams;
      return this.#insert((this.#numGrams - 1) * ROW, key, units, start, end);
    }
  }

  /** Notes that the gram at `row`, which was just found, occurs in a prompt. */
  addPrompt(row: number, prompt: number): void {
    const last = this.#rows[row + Field.lastPrompt]!;
    if (last === prompt) return;
    this.#rows[row + Field.lastPrompt] = prompt;
    this.#pairs.add(row / ROW, prompt, prompt < last);
  }

  /** The grams below the bound that occur in at least `minPrompts` prompts. */
  frequent(minPrompts: number): FrequentGrams {
    const lists = this.#pairs.lists(this.#numGrams);
    const kept = Array.from(lists.lengths.keys())
      .filter((gram) => lists.lengths[gram]! >= minPrompts);
    const rows = new Int32Array(kept.length * ROW);
    const promptOffsets = new Float64Array(kept.length + 1);
    for (const [index, gram] of kept.entries()) {
      rows.set(this.#rows.subarray(gram * ROW, (gram + 1) * ROW), index * ROW);
      promptOffsets[index + 1] = promptOffsets[index]! + lists.lengths[gram]!;
    }
    const prompts = new Uint32Array(promptOffsets[kept.length]!);
    for (const [index, gram] of kept.entries()) {
      prompts.set(promptsOf(lists, gram), promptOffsets[index]!);
    }
    const texts = kept.map((gram) => {
      const row = gram * ROW;
      return textOf(
        this.#units,
        this.#rows[row + Field.textStart]!,
        this.#rows[row + Field.textLength]!,
      );
    });
    return { texts, rows, promptOffsets, prompts };
  }

  #hasText(row: number, units: Uint16Array, start: number, end: number): boolean {
    if (this.#rows[row + Field.textLength] !== end - start) return false;
    const offset = this.#rows[row + Field.textStart]! - start;
    for (let i = start; i < end; i++) if (this.#units[offset + i] !== units[i]) return false;
    return true;
  }

  #insert(
    row: number,
    { low, high, range, numWords }: Readonly<GramKey>,
    units: Uint16Array,
    start: number,
    end: number,
  ): number {
    const rows = this.#rows;
    rows.fill(0, row, row + ROW);
    rows[row + Field.low] = low;
    rows[row + Field.high] = high;
    rows[row + Field.range] = range;
    rows[row + Field.textStart] = this.#numUnits;
    rows[row + Field.textLength] = end - start;
    rows[row + Field.textHash] = hashText(textOf(units, start, end - start));
    rows[row + Field.numWords] = numWords;
    rows[row + Field.lastSolution] = rows[row + Field.lastPrompt] = -1;
    this.#units.set(units.subarray(start, end), this.#numUnits);
    this.#numUnits += end - start;
    return row;
  }

  /** Sees to it that a gram can be added; true if that moved grams, so that its slot is another. */
  #makeRoom(length: number): boolean {
    if (2 * (this.#numGrams + 1) > this.#slots.length) {
      if (this.#mayAllocate(2 * this.#slots.byteLength)) {
        this.#slots = new Int32Array(2 * this.#slots.length);
        this.#fillSlots();
      }
      return true;
    }
    if ((this.#numGrams + 1) * ROW > this.#rows.length) {
      if (!this.#mayAllocate(2 * this.#rows.byteLength)) return true;
      const rows = new Int32Array(2 * this.#rows.length);
      rows.set(this.#rows);
      this.#rows = rows;
    }
    if (this.#numUnits + length > this.#units.length) {
      const capacity = Math.max(2 * this.#units.length, this.#numUnits + length);
      if (!this.#mayAllocate(2 * capacity)) return true;
      const units = new Uint16Array(capacity);
      units.set(this.#units);
      this.#units = units;
    }
    return false;
  }

  /** Sees to it that a pair can be added; drops grams if need be. */
  #makeRoomForPairs(): void {
    this.#pairs.compact(this.#numGrams);
    while (this.#pairs.isFull) {
      if (this.#mayAllocate(2 * this.#pairs.byteLength)) this.#pairs.grow();
    }
  }

  /** Whether that much more memory may be taken; if not, the range is halved and grams are dropped. */
  #mayAllocate(bytes: number): boolean {
    const used = this.#slots.byteLength + this.#rows.byteLength + this.#units.byteLength +
      this.#pairs.byteLength;
    if (used + bytes <= this.#maxBytes || this.#bound - this.#from <= 1) return true;
    this.#bound = this.#from + ((this.#bound - this.#from) >> 1);
    this.#dropBeyond();
    return false;
  }

  /** Drops the grams from the bound on. */
  #dropBeyond(): void {
    const rows = this.#rows;
    const places = new Int32Array(this.#numGrams).fill(-1);
    let numGrams = 0;
    let numUnits = 0;
    for (let gram = 0; gram < this.#numGrams; gram++) {
      const row = gram * ROW;
      if (rows[row + Field.range]! >= this.#bound) continue;
      const start = rows[row + Field.textStart]!;
      const length = rows[row + Field.textLength]!;
      this.#units.copyWithin(numUnits, start, start + length);
      rows[row + Field.textStart] = numUnits;
      numUnits += length;
      rows.copyWithin(numGrams * ROW, row, row + ROW);
      places[gram] = numGrams++;
    }
    this.#pairs.renumber(places);
    this.#numGrams = numGrams;
    this.#numUnits = numUnits;
    this.#fillSlots();
  }

  #fillSlots(): void {
    const slots = this.#slots.fill(0);
    const mask = slots.length - 1;
    for (let gram = 0; gram < this.#numGrams; gram++) {
      let slot = this.#rows[gram * ROW]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = gram + 1;
    }
  }
}

function textOf(units: Uint16Array, start: number, length: number): string {
  return Buffer.from(units.buffer, units.byteOffset + 2 * start, 2 * length).toString("utf16le");
}
