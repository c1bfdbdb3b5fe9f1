import { z } from "zod";
import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import { checkLength, checkOffsets, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { numberWithin } from "./_schedule_schema.ts";
import { sortedEntropies, topCount } from "./_top_entropy.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Tokens among which entropies are ranked. */
export type EntropyScope = "batch" | "sequence";

/** Options of {@linkcode topEntropyTokenMask}. */
export interface TopEntropyTokenMaskOptions {
  /** Share of the trained tokens to mark, in `[0, 1]`; 0.2 by default. */
  readonly fraction?: number;
  /** `[tokens]`, 0 or 1: mark as many tokens as this mask does, instead of a share. */
  readonly matching?: Uint8Array;
  /** Rank within the whole batch (default) or within each sequence. */
  readonly per?: EntropyScope;
  /** `[tokens]`, 0 or 1: only tokens at 1 are ranked; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** `[sequences + 1]`, for `per: "sequence"`. */
  readonly offsets?: Int32Array;
}

const ACTION = "mark the tokens of highest entropy";

/**
 * Marks the tokens of highest entropy, the *forking tokens* of the 80/20 rule.
 *
 * `mask = 1[H >= tau]` with `tau` the k-th largest entropy of the n trained tokens of the batch (or of
 * the sequence), `k = max(1, floor(fraction*n))`. Tokens that tie with `tau` are all marked. Nothing
 * is marked where n or the fraction is 0. With `matching`, k is the number of trained tokens that mask
 * marks, which makes a control of the same rate.
 *
 * @see {@link https://arxiv.org/abs/2506.01939 | Beyond the 80/20 rule} (rho = 0.2 over the batch).
 *
 * @example Usage
 * ```ts
 * import { topEntropyTokenMask } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const entropies = Float32Array.of(0.1, 2, 0.3, 0.2);
 * assert.deepEqual(topEntropyTokenMask(entropies, { fraction: 0.5 }), Uint8Array.of(0, 1, 1, 0));
 * ```
 *
 * @param entropies `[tokens]`, nats.
 * @param options The share, or the mask to match, and the scope.
 * @returns A mask, `[tokens]`, 0 or 1.
 * @throws {RangeError} If the fraction is out of range or lengths disagree.
 * @throws {TypeError} If `per` is "sequence" and there are no offsets.
 */
export function topEntropyTokenMask(
  entropies: Float32Array,
  options: TopEntropyTokenMaskOptions = {},
): Uint8Array {
  const { fraction = 0.2, matching, per = "batch", lossMask, offsets } = options;
  const numTokens = entropies.length;
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new InputRangeError(
      `Cannot ${ACTION} as fraction must be from 0 to 1: current value is ${fraction}`,
    );
  }
  checkLength(ACTION, "matching", matching, numTokens);
  checkLength(ACTION, "lossMask", lossMask, numTokens);
  const bounds = per === "batch" ? Int32Array.of(0, numTokens) : offsets;
  if (bounds === undefined) {
    throw new InputTypeError(
      `Cannot ${ACTION} as per "sequence" needs offsets: current value is undefined`,
    );
  }
  checkOffsets(ACTION, bounds, numTokens);

  const mask = new Uint8Array(numTokens);
  for (let s = 0; s + 1 < bounds.length; s++) {
    const from = bounds[s]!;
    const to = bounds[s + 1]!;
    const ranked = sortedEntropies(entropies.subarray(from, to), lossMask?.subarray(from, to));
    let k = topCount(ranked.length, fraction);
    if (matching !== undefined) {
      k = 0;
      for (let i = from; i < to; i++) {
        if (matching[i] === 1 && lossMask?.[i] !== 0) k++;
      }
    }
    if (k === 0) continue;
    const threshold = ranked[ranked.length - k]!;
    for (let i = from; i < to; i++) {
      if (entropies[i]! >= threshold && lossMask?.[i] !== 0) mask[i] = 1;
    }
  }
  return mask;
}

/** Options of {@linkcode topEntropyMask}. */
export interface TopEntropyMaskOptions {
  /**
   * Share of the trained tokens to mark, in `[0, 1]`, or `"planning"` for as many as the planning mask
   * marks; 0.2 by default.
   */
  readonly fraction?: number | "planning";
  /** Rank within the whole batch (default) or within each sequence. */
  readonly per?: EntropyScope;
}

const schema = strictOptions({
  fraction: z.union([numberWithin({ min: 0, max: 1 }), z.literal("planning")], {
    error: 'must be a number from 0 to 1 or "planning"',
  }).default(0.2),
  per: z.enum(["batch", "sequence"]).default("batch"),
});

/**
 * Creates the transform that replaces the planning mask by the tokens of highest entropy, so that
 * {@linkcode hicra} after it acts on forking tokens: the control that asks whether planning phrases
 * matter or only uncertainty. With `fraction: "planning"` as many tokens are marked as before.
 *
 * @example Usage
 * ```ts
 * import { applyTransforms, hicra, topEntropyMask } from "@hicra/hicra/advantage";
 * import { checkBatch } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 3),
 *   lossMask: Uint8Array.of(1, 1, 1),
 *   entropies: Float32Array.of(0.1, 2, 0.3),
 * });
 * const { advantages } = applyTransforms(
 *   [topEntropyMask({ fraction: "planning" }), hicra({ alpha: 0.25 })],
 *   { advantages: Float32Array.of(1, 1, 1), planningMask: Uint8Array.of(1, 0, 0) },
 *   { batch },
 * );
 * assert.deepEqual(advantages, Float32Array.of(1, 1.25, 1));
 * ```
 *
 * @param options The share and the scope.
 * @returns The transform `"top-entropy-mask"`; the kinds of the tokens are unknown after it.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function topEntropyMask(options: TopEntropyMaskOptions = {}): Transform {
  const name = "top-entropy-mask";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { fraction, per } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["entropies"],
    apply({ planningMask }: Credit, { batch }: TransformContext): Partial<Credit> {
      return {
        planningMask: topEntropyTokenMask(required(name, batch, "entropies"), {
          ...(fraction === "planning" ? { matching: planningMask } : { fraction }),
          per,
          lossMask: batch.lossMask,
          offsets: batch.offsets,
        }),
      };
    },
  };
}

/** {@linkcode topEntropyMask} as an entry of a {@linkcode TransformRegistry}. */
export const topEntropyMaskDefinition: TransformDefinition<TopEntropyMaskOptions> = {
  summary: "Control: replaces the planning mask by the tokens of highest entropy",
  source: "https://arxiv.org/abs/2506.01939",
  schema,
  create: topEntropyMask,
};
