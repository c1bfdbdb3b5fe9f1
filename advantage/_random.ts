/**
 * Hashes integers into 32 bits, in order (the mixing steps of MurmurHash3).
 *
 * @param hash Hash of what came before.
 * @param values Integers; only their low 32 bits count.
 */
export function hashIntegers(hash: number, values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) {
    let k = Math.imul(values[i]! | 0, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    hash ^= k;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= values.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Seeded numbers in `[0, 1)` (mulberry32): the same on every machine, unlike `Math.random`. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
}
