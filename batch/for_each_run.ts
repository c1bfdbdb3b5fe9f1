import type { Batch } from "./batch.ts";

/**
 * Calls `visit` with every run of a batch: a maximal stretch of one sequence whose `lossMask` is 1 and
 * whose `segmentIds` are equal. Runs come in ascending order; what lies outside them is not visited.
 *
 * A run is what the policy wrote in one go: no phrase crosses its ends, and a mask is shuffled within it.
 *
 * @example Usage
 * ```ts
 * import { forEachRun } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const runs: number[][] = [];
 * forEachRun(
 *   { offsets: Int32Array.of(0, 3, 5), lossMask: Uint8Array.of(1, 1, 0, 1, 1) },
 *   (from, to, sequence) => runs.push([from, to, sequence]),
 * );
 * assert.deepEqual(runs, [[0, 2, 0], [3, 5, 1]]);
 * ```
 *
 * @param batch `offsets` and, optionally, `lossMask` (all ones when left out) and `segmentIds`.
 * @param visit Takes the first token, the token after the last, and the index of the sequence.
 */
export function forEachRun(
  { offsets, lossMask, segmentIds }:
    & Pick<Batch, "offsets" | "segmentIds">
    & Partial<Pick<Batch, "lossMask">>,
  visit: (from: number, to: number, sequence: number) => void,
): void {
  // Mostly there are few zeros: one native search finds the next for many sequences.
  let zero = lossMask === undefined ? Infinity : -1;
  for (let s = 0; s + 1 < offsets.length; s++) {
    const end = offsets[s + 1]!;
    let from = offsets[s]!;
    while (from < end) {
      if (lossMask?.[from] === 0) {
        from++;
        continue;
      }
      if (zero < from) {
        zero = lossMask!.indexOf(0, from);
        if (zero === -1) zero = Infinity;
      }
      let to = Math.min(end, zero);
      if (segmentIds !== undefined) to = endOfSegment(segmentIds, from, to);
      visit(from, to, s);
      from = to;
    }
  }
}

function endOfSegment(segmentIds: Int32Array, from: number, to: number): number {
  const segment = segmentIds[from];
  let end = from + 1;
  while (end < to && segmentIds[end] === segment) end++;
  return end;
}
