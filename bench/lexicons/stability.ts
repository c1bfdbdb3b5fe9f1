import { InputRangeError } from "../../batch/mod.ts";

/**
 * Jaccard similarity of what two lexicons match on the same traces: code units of both over code units
 * of either.
 *
 * @param a What the first matches in each trace, from `coverTraces`.
 * @param b What the second matches.
 * @returns The similarity, 0 to 1; 1 where neither matches anything.
 * @throws {RangeError} If the two are not of the same traces.
 */
export function jaccardOfCovers(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  if (a.length !== b.length || a.some((cover, t) => cover.length !== b[t]!.length)) {
    throw new InputRangeError(
      `Cannot compare covers as they must be of the same traces: there are ${a.length} and ` +
        `${b.length}, or their lengths differ`,
    );
  }
  let both = 0;
  let either = 0;
  for (const [t, cover] of a.entries()) {
    const other = b[t]!;
    for (let i = 0; i < cover.length; i++) {
      both += cover[i]! & other[i]!;
      either += cover[i]! | other[i]!;
    }
  }
  return either === 0 ? 1 : both / either;
}
