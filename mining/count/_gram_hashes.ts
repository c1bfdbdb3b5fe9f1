import { mixBits } from "../_hash.ts";
import type { CutText } from "../corpus/_cut_text.ts";

/** Hashes of a gram before its first word. */
export const EMPTY_LOW = 0x2545f491;
export const EMPTY_HIGH = 0x1b873593;
/** Prefix hashes are whole numbers below this. */
export const PREFIX_RANGE: number = 2 ** 30;

/** Two 32-bit hashes of every word of a text, over its folded UTF-16 units. */
export class WordHashes {
  low = new Int32Array(0);
  high = new Int32Array(0);

  /** Hashes the words of a text; the hashes of the last one are gone. */
  read({ numWords, starts, ends, folded }: CutText): void {
    if (this.low.length < numWords) {
      this.low = new Int32Array(2 * numWords);
      this.high = new Int32Array(2 * numWords);
    }
    for (let word = 0; word < numWords; word++) {
      let low = 0x811c9dc5 | 0;
      let high = 0;
      for (let i = starts[word]!; i < ends[word]!; i++) {
        low = Math.imul(low ^ folded[i]!, 0x01000193);
        high = Math.imul(high + folded[i]! + 1, 0x2c1b3c6d);
        high ^= high >>> 15;
      }
      this.low[word] = low;
      this.high[word] = high;
    }
  }
}

/** The low hash of a gram with one more word, and how it is joined to it (0 for the first). */
export function extendLow(hash: number, join: number, word: number): number {
  hash = Math.imul(hash ^ word ^ Math.imul(join, 0x3d4d51cb), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** The high hash of a gram with one more word. */
export function extendHigh(hash: number, join: number, word: number): number {
  hash = Math.imul(hash + word + Math.imul(join, 0x165667b1), 0x85ebca77);
  return hash ^ (hash >>> 13);
}

/** The slot of a gram in a filter, before it is masked. */
export function slotHash(low: number, high: number): number {
  return mixBits(low ^ Math.imul(high, 0x27d4eb2f));
}

/** What says in which range of the n-grams a gram is, by the low hash of its first `minWords` words. */
export function prefixHash(low: number): number {
  return mixBits(low) >>> 2;
}
