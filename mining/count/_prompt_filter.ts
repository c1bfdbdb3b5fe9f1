/** Runs of solutions of one prompt are told apart by tags from 1 to this. */
const MAX_TAG = 0xffff;
const BATCH = 1024;

/**
 * A table that never says of a gram that it is rarer than it is. Every gram has a slot by its hash, and
 * a slot counts the runs of solutions of one prompt in which one of its grams occurs, until they are
 * enough: the upper 16 bits are the count, the lower ones the tag of the last run. So a gram whose slot
 * has counted fewer runs than `minPrompts` occurs in fewer prompts. Slots that grams share, and prompts
 * whose solutions do not stand together, only make it count more.
 */
export class PromptFilter {
  readonly #table: Int32Array;
  /** More than a slot can count is never asked of it. */
  readonly #enough: number;
  readonly #batch = new Int32Array(BATCH);
  #numGathered = 0;
  #tag = 0;
  /** Keeps the reads from being optimized away. */
  touched = 0;

  /**
   * @param slots A power of two, at least 32.
   * @param minPrompts The runs that are enough.
   */
  constructor(slots: number, minPrompts: number) {
    this.#table = new Int32Array(slots);
    this.#enough = Math.min(minPrompts, 0xffff);
  }

  /** Begins a run of solutions of one prompt. */
  startRun(): void {
    this.#flush();
    if (this.#tag === MAX_TAG) this.#clearTags();
    this.#tag++;
  }

  /** Counts a gram of the run by its hash. */
  add(hash: number): void {
    if (this.#numGathered === BATCH) this.#flush();
    this.#batch[this.#numGathered++] = hash & (this.#table.length - 1);
  }

  /** A bit of each slot, which is set where the slot has counted enough. */
  candidates(): Int32Array {
    this.#flush();
    const bits = new Int32Array(this.#table.length / 32);
    for (let slot = 0; slot < this.#table.length; slot += 32) {
      let word = 0;
      for (let i = 0; i < 32; i++) {
        if (this.#table[slot + i]! >>> 16 >= this.#enough) word |= 1 << i;
      }
      bits[slot >>> 5] = word;
    }
    return bits;
  }

  /**
   * Slots are gathered and read before they are changed, so that the reads wait for the memory together: 40 ns
   * a slot in 256 MB instead of 70.
   */
  #flush(): void {
    const table = this.#table;
    const tag = this.#tag;
    let touched = 0;
    for (let i = 0; i < this.#numGathered; i++) touched ^= table[this.#batch[i]!]!;
    this.touched = touched;
    for (let i = 0; i < this.#numGathered; i++) {
      const slot = this.#batch[i]!;
      const old = table[slot]!;
      if ((old & 0xffff) !== tag && old >>> 16 < this.#enough) {
        table[slot] = ((old + 0x10000) & ~0xffff) | tag;
      }
    }
    this.#numGathered = 0;
  }

  #clearTags(): void {
    for (let slot = 0; slot < this.#table.length; slot++) this.#table[slot]! &= ~0xffff;
    this.#tag = 0;
  }
}

/** Whether the slot of a hash has counted enough. */
export function isCandidate(candidates: Int32Array, hash: number): boolean {
  const slot = hash & (32 * candidates.length - 1);
  return (candidates[slot >>> 5]! >>> (slot & 31) & 1) === 1;
}
