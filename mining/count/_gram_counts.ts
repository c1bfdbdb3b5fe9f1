import { Buffer } from "node:buffer";
import { MAX_EXAMPLES } from "./_examples.ts";
import { PREFIX_RANGE } from "./_gram_hashes.ts";
import { hashText } from "../_hash.ts";

/** Fields of a row: what is known of a gram, 32 integers or two cache lines. */
export const Field = {
  low: 0,
  high: 1,
  /** Prefix hash. */
  range: 2,
  textStart: 3,
  textLength: 4,
  /** FNV-1a of the text, for the priorities of examples. */
  textHash: 5,
  numWords: 6,
  occurrences: 7,
  solutions: 8,
  lastSolution: 9,
  sentenceStarts: 10,
  paragraphStarts: 11,
  mathSentences: 12,
  followedByMath: 13,
  lastPrompt: 14,
  numExamples: 15,
  /** Four fields each of up to four examples, best first. */
  examples: 16,
} as const;

/** Fields of an example: those of {@linkcode Quotation}. */
const EXAMPLE = 4;
export const ROW: number = Field.examples + EXAMPLE * MAX_EXAMPLES;
/** Fields that add up. */
const SUMS = [
  Field.occurrences,
  Field.solutions,
  Field.sentenceStarts,
  Field.paragraphStarts,
  Field.mathSentences,
  Field.followedByMath,
] as const;

/** What tells a gram beside its text. */
export interface GramKey {
  /** The two halves of its hash. */
  low: number;
  high: number;
  /** Its prefix hash. */
  range: number;
  numWords: number;
}

/** Where an example is cut out of the text of a solution, and its priority as a signed integer. */
export interface Quotation {
  readonly priority: number;
  /** Number of the solution in the corpus. */
  readonly solution: number;
  readonly from: number;
  readonly to: number;
}

/** Plain data of {@linkcode GramCounts}, to be sent between threads. */
export interface PackedCounts {
  /** Rows of the grams. */
  readonly rows: Int32Array;
  /** Texts of the grams. */
  readonly units: Uint16Array;
  /** Pairs of a gram and a prompt that holds it; a pair may stand there more than once. */
  readonly pairGrams: Int32Array;
  readonly pairPrompts: Int32Array;
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
 * The range is shared with other threads: `bound` holds its end. Where memory runs out, the range is
 * halved and what lies beyond is dropped, to be counted in another pass. So the grams below the bound
 * that is left at the end are counted in full by every thread. A range of one hash is never halved; then memory
 * grows.
 */
export class GramCounts {
  readonly #from: number;
  readonly #bound: Int32Array;
  readonly #maxBytes: number;
  /** The bound up to which grams are held. */
  #to: number;
  /** Open addressing: index of a gram plus one, or 0. */
  #slots = new Int32Array(32);
  #rows = new Int32Array(16 * ROW);
  #numGrams = 0;
  #units = new Uint16Array(256);
  #numUnits = 0;
  #pairGrams = new Int32Array(32);
  #pairPrompts = new Int32Array(32);
  #numPairs = 0;
  /** Pairs that may repeat one before. */
  #numDisordered = 0;

  /**
   * @param from The least prefix hash.
   * @param bound One shared element: the prefix hashes are below it.
   * @param maxBytes The memory; transient copies count.
   */
  constructor(from = 0, bound: Int32Array = Int32Array.of(PREFIX_RANGE), maxBytes = Infinity) {
    this.#from = from;
    this.#bound = bound;
    this.#maxBytes = maxBytes;
    this.#to = bound[0]!;
  }

  /** The rows; another array after the next gram. */
  get rows(): Int32Array {
    return this.#rows;
  }

  /** Follows a bound that another thread has lowered; returns it. */
  follow(): number {
    const bound = Atomics.load(this.#bound, 0);
    if (bound < this.#to) this.#drop(bound);
    return bound;
  }

  /**
   * The place of a gram in `rows`, which is new if it was not there; -1 if it is beyond the bound now. The
   * text is `units[start, end)`.
   */
  find(
    key: Readonly<GramKey>,
    units: Uint16Array,
    start: number,
    end: number,
  ): number {
    const { low, high } = key;
    for (;;) {
      if (this.#numPairs === this.#pairGrams.length) this.#makeRoomForPairs();
      if (key.range >= this.#to) return -1;
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
    if (prompt < last) this.#numDisordered++;
    this.#rows[row + Field.lastPrompt] = prompt;
    this.#pairGrams[this.#numPairs] = row / ROW;
    this.#pairPrompts[this.#numPairs++] = prompt;
  }

  /** Whether an example of that priority may be one of the best of the gram at `row`. */
  takesExample(row: number, priority: number): boolean {
    const worst = row + ROW - EXAMPLE;
    return this.#rows[row + Field.numExamples]! < MAX_EXAMPLES ||
      priority >>> 0 <= this.#rows[worst]! >>> 0;
  }

  /**
   * Keeps the best examples of the gram at `row`: those of the least unsigned priority, then of the first
   * solution, one a solution. Of equal ones of a solution the first call counts.
   */
  addExample(row: number, { priority, solution, from, to }: Quotation): void {
    const rows = this.#rows;
    const first = row + Field.examples;
    let end = first + EXAMPLE * rows[row + Field.numExamples]!;
    const comesBefore = (place: number): boolean =>
      priority >>> 0 < rows[place]! >>> 0 ||
      (priority === rows[place]! && solution < rows[place + 1]!);
    let place = first;
    while (place < end && rows[place + 1] !== solution) place += EXAMPLE;
    if (place < end) {
      if (!comesBefore(place)) return;
      end -= EXAMPLE;
    } else if (end === row + ROW) {
      place = end -= EXAMPLE;
      if (!comesBefore(place)) return;
    }
    // The example at `place` is replaced, and moves up past those it comes before.
    while (place > first && comesBefore(place - EXAMPLE)) {
      rows.copyWithin(place, place - EXAMPLE, place);
      place -= EXAMPLE;
    }
    rows[place] = priority;
    rows[place + 1] = solution;
    rows[place + 2] = from;
    rows[place + 3] = to;
    rows[row + Field.numExamples] = (end - first) / EXAMPLE + 1;
  }

  /** Adds the counts of another thread, of other solutions. */
  merge({ rows, units, pairGrams, pairPrompts }: PackedCounts): void {
    const places = new Int32Array(rows.length / ROW);
    const key: GramKey = { low: 0, high: 0, range: 0, numWords: 0 };
    for (let other = 0; other < rows.length; other += ROW) {
      key.low = rows[other]!;
      key.high = rows[other + Field.high]!;
      key.range = rows[other + Field.range]!;
      key.numWords = rows[other + Field.numWords]!;
      const start = rows[other + Field.textStart]!;
      const row = this.find(key, units, start, start + rows[other + Field.textLength]!);
      for (const field of SUMS) this.#rows[row + field]! += rows[other + field]!;
      for (const example of examplesOf(rows, other)) this.addExample(row, example);
      places[other / ROW] = row;
    }
    for (let i = 0; i < pairGrams.length; i++) {
      if (this.#numPairs === this.#pairGrams.length) this.#makeRoomForPairs();
      this.addPrompt(places[pairGrams[i]!]!, pairPrompts[i]!);
    }
  }

  /** All counts below the bound. */
  pack(): PackedCounts {
    this.follow();
    return {
      rows: this.#rows.slice(0, this.#numGrams * ROW),
      units: this.#units.slice(0, this.#numUnits),
      pairGrams: this.#pairGrams.slice(0, this.#numPairs),
      pairPrompts: this.#pairPrompts.slice(0, this.#numPairs),
    };
  }

  /** The grams below the bound that occur in at least `minPrompts` prompts. */
  frequent(minPrompts: number): FrequentGrams {
    this.follow();
    const lists = this.#promptLists();
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
      prompts.set(listOf(lists, gram), promptOffsets[index]!);
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
    if (this.#numDisordered > this.#numPairs / 4) {
      const lists = this.#promptLists();
      this.#numPairs = this.#numDisordered = 0;
      for (let gram = 0; gram < this.#numGrams; gram++) {
        const list = listOf(lists, gram);
        this.#pairPrompts.set(list, this.#numPairs);
        this.#pairGrams.fill(gram, this.#numPairs, this.#numPairs += list.length);
      }
      if (this.#numPairs < 0.75 * this.#pairGrams.length) return;
    }
    while (this.#numPairs === this.#pairGrams.length) {
      if (!this.#mayAllocate(4 * this.#pairGrams.byteLength)) continue;
      const grams = new Int32Array(2 * this.#pairGrams.length);
      const prompts = new Int32Array(grams.length);
      grams.set(this.#pairGrams);
      prompts.set(this.#pairPrompts);
      this.#pairGrams = grams;
      this.#pairPrompts = prompts;
    }
  }

  /** Whether that much more memory may be taken; if not, the range is halved and grams are dropped. */
  #mayAllocate(bytes: number): boolean {
    const used = this.#slots.byteLength + this.#rows.byteLength + this.#units.byteLength +
      2 * this.#pairGrams.byteLength;
    if (used + bytes <= this.#maxBytes || this.#to - this.#from <= 1) return true;
    const half = this.#from + ((this.#to - this.#from) >> 1);
    let bound = Atomics.load(this.#bound, 0);
    while (bound > half) {
      const seen = Atomics.compareExchange(this.#bound, 0, bound, half);
      bound = seen === bound ? half : seen;
    }
    this.#drop(bound);
    return false;
  }

  /** Drops the grams from a bound on. */
  #drop(bound: number): void {
    const rows = this.#rows;
    const places = new Int32Array(this.#numGrams).fill(-1);
    let numGrams = 0;
    let numUnits = 0;
    for (let gram = 0; gram < this.#numGrams; gram++) {
      const row = gram * ROW;
      if (rows[row + Field.range]! >= bound) continue;
      const start = rows[row + Field.textStart]!;
      const length = rows[row + Field.textLength]!;
      this.#units.copyWithin(numUnits, start, start + length);
      rows[row + Field.textStart] = numUnits;
      numUnits += length;
      rows.copyWithin(numGrams * ROW, row, row + ROW);
      places[gram] = numGrams++;
    }
    let numPairs = 0;
    for (let pair = 0; pair < this.#numPairs; pair++) {
      const place = places[this.#pairGrams[pair]!]!;
      if (place < 0) continue;
      this.#pairGrams[numPairs] = place;
      this.#pairPrompts[numPairs++] = this.#pairPrompts[pair]!;
    }
    this.#to = bound;
    this.#numGrams = numGrams;
    this.#numUnits = numUnits;
    this.#numPairs = numPairs;
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

  #promptLists(): PromptLists {
    const starts = new Float64Array(this.#numGrams + 1);
    for (let pair = 0; pair < this.#numPairs; pair++) starts[this.#pairGrams[pair]! + 1]!++;
    for (let gram = 0; gram < this.#numGrams; gram++) starts[gram + 1]! += starts[gram]!;
    const lengths = new Int32Array(this.#numGrams);
    const prompts = new Uint32Array(this.#numPairs);
    for (let pair = 0; pair < this.#numPairs; pair++) {
      const gram = this.#pairGrams[pair]!;
      prompts[starts[gram]! + lengths[gram]!++] = this.#pairPrompts[pair]!;
    }
    if (this.#numDisordered > 0) {
      for (let gram = 0; gram < this.#numGrams; gram++) {
        lengths[gram] = sortDistinct(prompts.subarray(starts[gram]!, starts[gram + 1]!));
      }
    }
    return { prompts, starts, lengths };
  }
}

/** The examples of the gram at `row`, best first. */
export function examplesOf(rows: Int32Array, row: number): Quotation[] {
  return Array.from({ length: rows[row + Field.numExamples]! }, (_, example) => {
    const at = row + Field.examples + EXAMPLE * example;
    return {
      priority: rows[at]!,
      solution: rows[at + 1]!,
      from: rows[at + 2]!,
      to: rows[at + 3]!,
    };
  });
}

/** The distinct prompts of every gram, ascending: `lengths[g]` of them from `prompts[starts[g]]` on. */
interface PromptLists {
  readonly prompts: Uint32Array;
  readonly starts: Float64Array;
  readonly lengths: Int32Array;
}

function listOf({ prompts, starts, lengths }: PromptLists, gram: number): Uint32Array {
  return prompts.subarray(starts[gram]!, starts[gram]! + lengths[gram]!);
}

/** Sorts, moves the distinct values to the front, and returns how many they are. */
function sortDistinct(values: Uint32Array): number {
  values.sort();
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    if (i === 0 || values[i] !== values[i - 1]) values[length++] = values[i]!;
  }
  return length;
}

function textOf(units: Uint16Array, start: number, length: number): string {
  return Buffer.from(units.buffer, units.byteOffset + 2 * start, 2 * length).toString("utf16le");
}
