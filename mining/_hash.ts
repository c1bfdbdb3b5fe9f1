/** FNV-1a over the UTF-16 units `[from, to)` of a text, by default all; 32 bits. */
export function hashText(text: string, from = 0, to: number = text.length): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = from; i < to; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** Spreads every bit of a hash over all 32: the finalizer of MurmurHash3 (Appleby, public domain). */
export function mixBits(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
