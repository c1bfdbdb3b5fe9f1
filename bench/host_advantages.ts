import { baselineAdvantages, type BaselinePreset } from "../advantage/mod.ts";
import { type CheckedBatch, tokenAdvantages } from "../batch/mod.ts";

/**
 * Returns the batch with the advantages that the transforms start from: those of the preset where the
 * rollouts have rewards, else those recorded with them.
 *
 * @returns The batch with an advantage per token, or null where the rollouts have neither.
 */
export function withHostAdvantages(
  batch: CheckedBatch,
  preset: BaselinePreset,
): CheckedBatch & { readonly advantages: Float32Array } | null {
  if (batch.rewards !== undefined) {
    return { ...batch, advantages: baselineAdvantages(batch, preset), advantagesPer: "token" };
  }
  if (batch.advantages === undefined) return null;
  return { ...batch, advantages: tokenAdvantages(batch), advantagesPer: "token" };
}
