import { type Batch, checkBatch, type CheckedBatch, InputTypeError } from "../../batch/mod.ts";

/** A checked batch that has token ids. */
export type TokenBatch = CheckedBatch & { readonly tokenIds: Int32Array };

/** Checks what matching reads of a batch. */
export function checkTokens(batch: Batch): TokenBatch {
  const checked = checkBatch(batch);
  const { tokenIds } = checked;
  if (tokenIds === undefined) {
    throw new InputTypeError(
      "Cannot match strategic grams as batch.tokenIds is missing: pass the ids of the sampled tokens",
    );
  }
  return { ...checked, tokenIds };
}
