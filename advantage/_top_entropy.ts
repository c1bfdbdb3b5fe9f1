/**
 * The entropy that the top `fraction` of the trained tokens reaches: the k-th largest with
 * `k = max(1, floor(fraction*n))`, infinity where n or the fraction is 0.
 */
export function topEntropyThreshold(
  entropies: Float32Array,
  fraction: number,
  lossMask: Uint8Array | undefined,
): number {
  const ranked = sortedEntropies(entropies, lossMask);
  const k = topCount(ranked.length, fraction);
  return k === 0 ? Infinity : ranked[ranked.length - k]!;
}

/** How many of n tokens the top `fraction` is: at least one, none where there is nothing. */
export function topCount(n: number, fraction: number): number {
  return n === 0 || fraction === 0 ? 0 : Math.max(1, Math.floor(fraction * n));
}

/** Entropies of the trained tokens, ascending. */
export function sortedEntropies(
  entropies: Float32Array,
  lossMask: Uint8Array | undefined,
): Float32Array {
  if (lossMask === undefined) return entropies.slice().sort();
  const kept = new Float32Array(entropies.length);
  let n = 0;
  for (let i = 0; i < entropies.length; i++) {
    if (lossMask[i] === 1) kept[n++] = entropies[i]!;
  }
  return kept.subarray(0, n).sort();
}
