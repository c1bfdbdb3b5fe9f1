const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * SplitMix64 (Steele, Lea and Flood 2014, https://doi.org/10.1145/2714064.2660195), as in
 * https://prng.di.unimi.it/splitmix64.c: the same numbers on every machine for one seed.
 */
export function splitMix64(seed: bigint): () => bigint {
  let state = seed & MASK;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  };
}

/** A whole number in `[0, length)`. The bias, below `length / 2^64`, is far under what a draw shows. */
export function drawIndex(next: () => bigint, length: number): number {
  return Number(next() % BigInt(length));
}
