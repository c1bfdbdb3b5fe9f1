/** What the shaders find in a batch. */
export interface FoundMatches {
  /** `[tokens]`, 0 or 1: the token spells part of a match. */
  readonly planningMask: Uint8Array;
  /** `[5 * matches]`, as `SgMatcher.planningTokens` takes them. */
  readonly matches: Int32Array;
}

/** Number of values of a match. */
export const MATCH_FIELDS = 5;

/**
 * Brings matches that were found in any order into the order that `SgMatcher.planningTokens` asks for: that of
 * their ends, of those with one end the longest first.
 */
export function sortMatches(matches: Int32Array): Int32Array {
  const order = Int32Array.from({ length: matches.length / MATCH_FIELDS }, (_, k) => k).sort(
    (a, b) => {
      // A byte says nothing across tokens, so the tokens are compared first.
      for (const field of [2, 3, 0, 1]) {
        const difference = matches[MATCH_FIELDS * a + field]! - matches[MATCH_FIELDS * b + field]!;
        if (difference !== 0) return difference;
      }
      return 0;
    },
  );
  const sorted = new Int32Array(matches.length);
  order.forEach((from, to) => {
    const at = MATCH_FIELDS * from;
    sorted.set(matches.subarray(at, at + MATCH_FIELDS), MATCH_FIELDS * to);
  });
  return sorted;
}
