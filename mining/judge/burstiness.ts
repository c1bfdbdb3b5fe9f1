/**
 * Says how much a phrase piles up inside single solutions: its occurrences per solution that has it,
 * over what chance would give. Were the occurrences of a phrase that is in a share `q` of the solutions
 * spread by a Poisson process, a solution that has it would have `lambda / q` of them, with
 * `lambda = -log(1 - q)`; so
 *
 * `burstiness = (occurrences / solutions) / (-log(1 - q) / q)`, `q = solutions / numSolutions`.
 *
 * It is near 1 for a phrase that is used sparingly, as the paper asks of strategic grams (section 2.1), and
 * large for the matter of a problem, which one solution repeats and the others lack, as for a tic that
 * every solution is full of. The idea is that of Church and Gale's residual inverse document frequency
 * (Natural Language Engineering 1(2), 1995), which compares the same two counts. Where every solution
 * has the phrase, q is taken half a solution lower.
 *
 * @example Usage
 * ```ts
 * import { burstiness } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * // In 10 of 1,000 solutions each: once, and eight times.
 * const ratios = burstiness(Uint32Array.of(10, 80), Uint32Array.of(10, 10), 1_000);
 * assert.deepEqual(ratios.map((ratio) => Math.round(10 * ratio) / 10), Float64Array.of(1, 8));
 * ```
 *
 * @param occurrences Occurrences of each phrase, `[G]`.
 * @param solutions Solutions that hold it, at least 1, `[G]`.
 * @param numSolutions Solutions of the corpus.
 * @returns The ratios, `[G]`.
 */
export function burstiness(
  occurrences: Uint32Array,
  solutions: Uint32Array,
  numSolutions: number,
): Float64Array {
  return Float64Array.from(occurrences, (count, g) => {
    const share = Math.min(solutions[g]! / numSolutions, 1 - 0.5 / numSolutions);
    return (count / solutions[g]!) * share / -Math.log1p(-share);
  });
}
