import type { CheckedBatch } from "../batch/mod.ts";

/**
 * Gives batches without log-probabilities and entropies a stand-in for both: the surprisal of each
 * token by its share of all trained tokens of these batches, `-ln(count / total)`, in nats. It is no
 * property of any policy. It lets a control run on recorded text, to see what it does, not whether it
 * helps.
 *
 * @returns The batches, with what was missing filled in.
 */
export function withStandIns<B extends CheckedBatch>(batches: readonly B[]): B[] {
  const counts = new Map<number, number>();
  let total = 0;
  for (const { tokenIds, lossMask } of batches) {
    for (let i = 0; i < lossMask.length; i++) {
      if (lossMask[i] === 0) continue;
      counts.set(tokenIds![i]!, (counts.get(tokenIds![i]!) ?? 0) + 1);
      total++;
    }
  }
  return batches.map((batch) => {
    const surprisals = Float32Array.from(
      batch.tokenIds!,
      (id) => Math.log(total / (counts.get(id) ?? total)),
    );
    return {
      ...batch,
      entropies: batch.entropies ?? surprisals,
      oldLogprobs: batch.oldLogprobs ?? surprisals.map((nats) => -nats),
    };
  });
}
