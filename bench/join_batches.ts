import type { CheckedBatch } from "../batch/mod.ts";

/**
 * Joins what the matcher reads of batches into one, in order and `copies` times over. Every run
 * (trained tokens in a row, of one segment) becomes a sequence of its own, so that decoded sequences
 * are what phrases may lie in.
 *
 * @param batches Batches with token ids.
 * @param copies How often the result holds each of them.
 * @returns A batch with all ones for a loss mask.
 */
export function joinBatches(batches: readonly CheckedBatch[], copies: number = 1): CheckedBatch {
  const runs = batches.flatMap((batch) => [...runsOf(batch)]);
  const numTokens = copies * runs.reduce((sum, { length }) => sum + length, 0);
  const numSequences = copies * runs.length;
  const offsets = new Int32Array(numSequences + 1);
  const tokenIds = new Int32Array(numTokens);
  for (let s = 0; s < numSequences; s++) {
    const run = runs[s % runs.length]!;
    tokenIds.set(run, offsets[s]!);
    offsets[s + 1] = offsets[s]! + run.length;
  }
  const lossMask = new Uint8Array(numTokens).fill(1);
  return { offsets, tokenIds, lossMask, numSequences, numTokens };
}

function* runsOf(batch: CheckedBatch): Generator<Int32Array> {
  const { offsets, lossMask, segmentIds } = batch;
  for (let s = 0; s < batch.numSequences; s++) {
    const end = offsets[s + 1]!;
    let from = offsets[s]!;
    while (from < end) {
      let to = from + 1;
      while (
        to < end && lossMask[to] === lossMask[from] && segmentIds?.[to] === segmentIds?.[from]
      ) to++;
      if (lossMask[from] === 1) yield batch.tokenIds!.subarray(from, to);
      from = to;
    }
  }
}
