import { broadcastToTokens } from "../../batch/mod.ts";
import { checkCredit } from "./_check_credit.ts";
import { groupAdvantages } from "./_group_advantages.ts";
import { resolveCredit } from "./_resolve_credit.ts";
import { transformTokens } from "./_transform_tokens.ts";
import type { CreditBatch, CreditOptions } from "./options.ts";

/**
 * Credits tokens: from the rewards of a batch to the advantages of its tokens.
 *
 * `A[s] = (r[s] - b) / d` by the group baseline, repeated over the tokens of each sequence, then
 * transformed: by default of `hicra` `A'[t] = A[t] + alpha[kind[t]] * |A[t]|` (arXiv 2509.03646,
 * section 3). This is `groupBaseline`, `broadcastToTokens` and one transform of
 * `@hicra/hicra/advantage` in one call, equal to them bit for bit: each of the steps is computed in
 * f64 and rounded once to f32. A whitening over tokens, as REINFORCE++ has it, is not among them.
 * An alpha of 1 or more is refused in the mode `mass-preserving`.
 *
 * Tokens whose `lossMask` is 0 keep the advantage of their sequence, or the given one to the bit;
 * so do execution tokens in the first three modes of HICRA. An empty batch gives an empty result.
 *
 * @example Usage
 * ```ts
 * import { creditTokens } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const batch = {
 *   offsets: Int32Array.of(0, 2, 4),
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 *   rewards: Float32Array.of(1, 0),
 *   groupIds: Int32Array.of(7, 7),
 *   kinds: Uint8Array.of(0, 1, 0, 1),
 * };
 * assert.deepEqual(
 *   creditTokens(batch, { transform: { name: "hicra", alpha: 0.25 } }),
 *   Float32Array.of(0.5, 0.625, -0.5, -0.375),
 * );
 * ```
 *
 * @param batch Rewards and groups or advantages, and what the transform needs.
 * @param options Where to begin, the convention of the baseline and the transform.
 * @returns Advantages, `[tokens]`, freshly allocated.
 * @throws {TypeError} If an array that is needed is missing or of the wrong type.
 * @throws {RangeError} If an option, a length or a value breaks its rule, a group is unknown, or a
 * group of one meets `singleton: "error"`.
 */
export function creditTokens(batch: CreditBatch, options: CreditOptions = {}): Float32Array {
  const credit = resolveCredit(options);
  checkCredit(batch, credit);
  const { offsets } = batch;
  const given = credit.from === "rewards"
    ? broadcastToTokens(groupAdvantages(batch, credit.baseline), offsets)
    : credit.from === "sequences"
    ? broadcastToTokens(batch.advantages!, offsets)
    : batch.advantages!.slice();
  return transformTokens(given, batch, credit);
}
