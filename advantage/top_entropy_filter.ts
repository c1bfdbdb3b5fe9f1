import { checkLength, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { numberWithin } from "./_schedule_schema.ts";
import { topEntropyTokenMask } from "./top_entropy_mask.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Options of {@linkcode topEntropyFilter}. */
export interface TopEntropyFilterOptions {
  /** Share of the trained tokens of the batch that keep their advantage, in `(0, 1]`; 0.2. */
  readonly fraction?: number;
}

/**
 * Keeps the advantage of the tokens of highest entropy and zeroes the rest: the 80/20 rule.
 *
 * `A' = A * 1[H >= tau]` with `tau` the entropy that the top 20 % of the trained tokens of the batch
 * reach, exactly as in {@linkcode topEntropyTokenMask}. Tokens whose `lossMask` is 0 are left alone. The
 * paper leaves the zeroed tokens in the denominator of the loss; so must the host (some drop tokens
 * whose advantage is zero).
 *
 * @see {@link https://arxiv.org/abs/2506.01939 | Beyond the 80/20 rule} (rho = 0.2).
 *
 * @example Usage
 * ```ts
 * import { topEntropyAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = Float32Array.of(1, 1, -1, -1);
 * const entropies = Float32Array.of(0.1, 2, 0.3, 0.2);
 * assert.deepEqual(
 *   topEntropyAdvantages(advantages, entropies, { fraction: 0.5 }),
 *   Float32Array.of(0, 1, -1, 0),
 * );
 * ```
 *
 * @param advantages `[tokens]`.
 * @param entropies `[tokens]`, nats.
 * @param options `fraction`, and `lossMask` (`[tokens]`, 0 or 1).
 * @returns New advantages, `[tokens]`.
 * @throws {RangeError} If lengths disagree or the fraction is out of range.
 */
export function topEntropyAdvantages(
  advantages: Float32Array,
  entropies: Float32Array,
  options: TopEntropyFilterOptions & { readonly lossMask?: Uint8Array } = {},
): Float32Array {
  const { lossMask } = options;
  checkLength("filter by entropy", "entropies", entropies, advantages.length);
  const mask = topEntropyTokenMask(entropies, options);
  const out = advantages.slice();
  for (let i = 0; i < out.length; i++) {
    if (mask[i] === 0 && lossMask?.[i] !== 0) out[i] = 0;
  }
  return out;
}

const schema = strictOptions({
  fraction: numberWithin({ min: 0, max: 1 }).gt(0).default(0.2),
});

/**
 * Creates the transform that runs {@linkcode topEntropyAdvantages} on every batch.
 *
 * @example Usage
 * ```ts
 * import { topEntropyFilter } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(topEntropyFilter().needs, ["entropies"]);
 * ```
 *
 * @param options The share.
 * @returns The transform `"top-entropy-filter"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function topEntropyFilter(options: TopEntropyFilterOptions = {}): Transform {
  const name = "top-entropy-filter";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { fraction } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["entropies"],
    apply({ advantages }: Credit, { batch }: TransformContext): Partial<Credit> {
      const { lossMask } = batch;
      const entropies = required(name, batch, "entropies");
      return { advantages: topEntropyAdvantages(advantages, entropies, { fraction, lossMask }) };
    },
  };
}

/** {@linkcode topEntropyFilter} as an entry of a {@linkcode TransformRegistry}. */
export const topEntropyFilterDefinition: TransformDefinition<TopEntropyFilterOptions> = {
  summary: "Control: zeroes the advantage of all but the tokens of highest entropy (80/20)",
  source: "https://arxiv.org/abs/2506.01939",
  schema,
  create: topEntropyFilter,
};
