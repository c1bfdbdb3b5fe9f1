import type { Batch } from "./batch.ts";
import { InputRangeError } from "./input_error.ts";

/** Fields whose values may be missing, for some tokens, where nothing but a metric reads them. */
export type MeasuredField = "oldLogprobs" | "entropies";

/**
 * Refuses a field that was not measured for every trained token. {@linkcode checkBatch} lets NaN and the
 * infinities pass there, as a metric leaves such tokens out; what computes with the field cannot.
 *
 * @example Usage
 * ```ts
 * import { checkMeasured } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const entropies = Float32Array.of(NaN, 1, NaN);
 * checkMeasured("weigh tokens", "entropies", { lossMask: Uint8Array.of(0, 1, 0), entropies });
 * assert.throws(
 *   () => checkMeasured("weigh tokens", "entropies", { lossMask: Uint8Array.of(0, 1, 1), entropies }),
 *   /Cannot weigh tokens as batch\.entropies must be finite .*: entropies\[2\] is NaN/,
 * );
 * ```
 *
 * @param action What cannot be done otherwise, such as `apply transform "sepa"`.
 * @param field The field.
 * @param batch The loss mask and the field; a field that is not there is not looked at.
 * @throws {RangeError} If a value is not finite where `lossMask` is 1.
 */
export function checkMeasured(
  action: string,
  field: MeasuredField,
  batch: Pick<Batch, "lossMask" | MeasuredField>,
): void {
  const values = batch[field];
  if (values === undefined) return;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]) || batch.lossMask[i] !== 1) continue;
    throw new InputRangeError(
      `Cannot ${action} as batch.${field} must be finite where lossMask is 1: ${field}[${i}] is ` +
        `${values[i]}, measure it, drop the sequence, or do without what reads it`,
    );
  }
}
