/** Most runs of solutions of one prompt between two calls of {@linkcode clearTags}: tags are 1 to this. */
export const MAX_TAG = 0xffff;
const BATCH = 1024;

/**
 * A table that never says of a gram that it is rarer than it is. Every gram has a slot by its hash, and
 * a slot counts the runs of solutions of one prompt in which one of its grams occurs, until they are
 * enough: the upper 16 bits are the count, the lower ones the tag of the last run. So a gram whose slot
 * has counted fewer runs than `minPrompts` occurs in fewer prompts. Slots that grams share, and prompts
 * whose solutions do not stand together, only make it count more.
 *
 * The table is shared by the threads. Slots are gathered and read before they are changed, as
 * changes are atomic and would each wait for the memory: half the time of one by one.
 */
export class PromptFilter {
  readonly #table: Int32Array;
  readonly #threshold: number;
  readonly #batch = new Int32Array(BATCH);
  #numGathered = 0;
  #tag = 0;
  /** Keeps the reads from being optimised away. */
  touched = 0;

  /**
   * @param table One element a slot, a power of two of them.
   * @param minPrompts The runs that are enough.
   */
  constructor(table: Int32Array, minPrompts: number) {
    this.#table = table;
    this.#threshold = filterThreshold(minPrompts);
  }

  /** Begins a run of solutions of one prompt. */
  startRun(tag: number): void {
    this.flush();
    this.#tag = tag;
  }

  /** Counts a gram of the run by its hash. */
  add(hash: number): void {
    if (this.#numGathered === BATCH) this.flush();
    this.#batch[this.#numGathered++] = hash & (this.#table.length - 1);
  }

  /** Counts what was gathered. */
  flush(): void {
    const table = this.#table;
    const tag = this.#tag;
    let touched = 0;
    for (let i = 0; i < this.#numGathered; i++) touched ^= table[this.#batch[i]!]!;
    this.touched = touched;
    for (let i = 0; i < this.#numGathered; i++) {
      const slot = this.#batch[i]!;
      let old = Atomics.load(table, slot);
      while ((old & 0xffff) !== tag && old >>> 16 < this.#threshold) {
        const seen = Atomics.compareExchange(table, slot, old, ((old + 0x10000) & ~0xffff) | tag);
        if (seen === old) break;
        old = seen;
      }
    }
    this.#numGathered = 0;
  }
}

/** What a slot must have counted; more than a slot can count is never asked of it. */
function filterThreshold(minPrompts: number): number {
  return Math.min(minPrompts, 0xffff);
}

/** Makes the tags of the slots `[from, to)` free again. */
export function clearTags(table: Int32Array, from: number, to: number): void {
  for (let slot = from; slot < to; slot++) table[slot]! &= ~0xffff;
}

/** Sets the bit of each slot in `[from, to)`, multiples of 32, that has counted enough. */
export function markCandidates(
  table: Int32Array,
  bits: Int32Array,
  [from, to]: readonly [number, number],
  minPrompts: number,
): void {
  const threshold = filterThreshold(minPrompts);
  for (let slot = from; slot < to; slot += 32) {
    let word = 0;
    for (let i = 0; i < 32; i++) if (table[slot + i]! >>> 16 >= threshold) word |= 1 << i;
    bits[slot >>> 5] = word;
  }
}

/** Whether the slot of a hash has counted enough. */
export function isCandidate(bits: Int32Array, hash: number): boolean {
  const slot = hash & (32 * bits.length - 1);
  return (bits[slot >>> 5]! >>> (slot & 31) & 1) === 1;
}
