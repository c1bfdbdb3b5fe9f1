import { hashText, mixBits } from "../_hash.ts";

/** Values of a signature: the standard error of an estimated similarity J is sqrt(J (1 - J) / 64). */
export const SIGNATURE_LENGTH = 64;

/** Words of a shingle. */
export const SHINGLE_WORDS = 5;

/**
 * The MinHash signature (Broder 1997) of the set of word 5-grams of a normalized text, or null where
 * the text is shorter than one. The share of equal values in two signatures estimates the Jaccard
 * similarity of the two sets.
 */
export function minHash(normalized: string): Uint32Array | null {
  const words = wordHashes(normalized);
  if (words.length < SHINGLE_WORDS) return null;
  const signature = new Uint32Array(SIGNATURE_LENGTH).fill(0xffff_ffff);
  for (let w = 0; w + SHINGLE_WORDS <= words.length; w++) {
    let shingle = 0;
    for (let i = 0; i < SHINGLE_WORDS; i++) shingle = mixBits(shingle ^ words[w + i]!) + i;
    for (let p = 0; p < SIGNATURE_LENGTH; p++) {
      const value = mixBits(shingle ^ PERMUTATIONS[p]!) >>> 0;
      if (value < signature[p]!) signature[p] = value;
    }
  }
  return signature;
}

/** Masks that make of one bijection many: far apart, and the same on every machine. */
const PERMUTATIONS: Int32Array = Int32Array.from(
  { length: SIGNATURE_LENGTH },
  (_, p) => mixBits(Math.imul(p + 1, 0x9e37_79b9)),
);

/** The hash of each word: normalized text has one character between words. */
function wordHashes(normalized: string): number[] {
  const hashes: number[] = [];
  let start = 0;
  for (let i = 0; i < normalized.length; i++) {
    const unit = normalized.charCodeAt(i);
    if (unit !== 0x20 && unit !== 0x0a) continue;
    hashes.push(hashText(normalized, start, i));
    start = i + 1;
  }
  if (normalized !== "") hashes.push(hashText(normalized, start));
  return hashes;
}
