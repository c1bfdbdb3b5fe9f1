import { mixBits } from "../_hash.ts";
import { SIGNATURE_LENGTH } from "./_min_hash.ts";

/** Bands are chosen so that they miss at most this share of the pairs at the threshold. */
const MAX_MISSED = 0.02;

/**
 * MinHash signatures in `b` bands of `r` rows (Leskovec, Rajaraman and Ullman 2014, section 3.4): two
 * signatures are compared where a whole band is equal, which happens with probability
 * `1 - (1 - J^r)^b` at similarity J. Memory is 4 bytes a value and at most 12 a band, with room to grow.
 */
export class NearDuplicates {
  readonly #rows: number;
  readonly #bands: number;
  readonly #minEqual: number;
  #size = 0;
  #capacity = 64;
  #signatures = new Uint32Array(this.#capacity * SIGNATURE_LENGTH);
  /** The entry last added to a bucket, and the one before each entry; -1 ends the chain. */
  #heads: Int32Array;
  #previous: Int32Array;

  /** @param similarity Least share of equal values, in `(0, 1]`. */
  constructor(similarity: number) {
    this.#rows = bandRows(similarity);
    this.#bands = SIGNATURE_LENGTH / this.#rows;
    // Not rounded up by the last bit of a product such as 0.9 * 64.
    this.#minEqual = Math.ceil(similarity * SIGNATURE_LENGTH - 1e-9);
    this.#heads = emptyBuckets(this.#capacity * this.#bands);
    this.#previous = new Int32Array(this.#capacity * this.#bands);
  }

  /** Whether a signature added before is as similar. */
  has(signature: Uint32Array): boolean {
    for (let band = 0; band < this.#bands; band++) {
      let entry = this.#heads[this.#bucket(signature, 0, band)]!;
      for (; entry >= 0; entry = this.#previous[entry]!) {
        if (this.#isSimilar(signature, Math.floor(entry / this.#bands))) return true;
      }
    }
    return false;
  }

  /** Adds a signature. */
  add(signature: Uint32Array): void {
    if (this.#size === this.#capacity) this.#grow();
    this.#signatures.set(signature, this.#size * SIGNATURE_LENGTH);
    this.#link(this.#size++);
  }

  #isSimilar(signature: Uint32Array, index: number): boolean {
    const start = index * SIGNATURE_LENGTH;
    let equal = 0;
    for (let i = 0; i < SIGNATURE_LENGTH; i++) {
      if (signature[i] === this.#signatures[start + i]) equal++;
    }
    return equal >= this.#minEqual;
  }

  /** Bands that differ may share a bucket: that costs a comparison and changes nothing. */
  #bucket(signatures: Uint32Array, start: number, band: number): number {
    let hash = band;
    const first = start + band * this.#rows;
    for (let i = first; i < first + this.#rows; i++) hash = mixBits(hash ^ signatures[i]!) + 1;
    return hash & (this.#heads.length - 1);
  }

  #link(index: number): void {
    for (let band = 0; band < this.#bands; band++) {
      const bucket = this.#bucket(this.#signatures, index * SIGNATURE_LENGTH, band);
      const entry = index * this.#bands + band;
      this.#previous[entry] = this.#heads[bucket]!;
      this.#heads[bucket] = entry;
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    const signatures = new Uint32Array(this.#capacity * SIGNATURE_LENGTH);
    signatures.set(this.#signatures);
    this.#signatures = signatures;
    this.#heads = emptyBuckets(this.#capacity * this.#bands);
    this.#previous = new Int32Array(this.#capacity * this.#bands);
    for (let index = 0; index < this.#size; index++) this.#link(index);
  }
}

/** The most rows, hence the fewest comparisons, that still find the pairs at the threshold. */
function bandRows(similarity: number): number {
  let rows = SIGNATURE_LENGTH;
  while (rows > 1 && (1 - similarity ** rows) ** (SIGNATURE_LENGTH / rows) > MAX_MISSED) rows /= 2;
  return rows;
}

/** `size` is a power of two, as capacity and the number of bands are. */
function emptyBuckets(size: number): Int32Array {
  return new Int32Array(size).fill(-1);
}
