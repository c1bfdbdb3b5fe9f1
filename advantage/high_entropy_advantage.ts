import { checkLength, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { z } from "zod";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Options of {@linkcode highEntropyAdvantage}. */
export interface HighEntropyAdvantageOptions {
  /** Advantage per nat of entropy, at least 0; 0.4 by default. */
  readonly alpha?: number;
  /** The bonus is at most `|A|/kappa`; more than 1 keeps the sign. 2 by default. */
  readonly kappa?: number;
}

const ACTION = "add the entropy term";

/**
 * Adds a bounded entropy term to every advantage: `A' = A + min(alpha*H, |A|/kappa)`.
 *
 * With `kappa > 1` no sign flips, and a zero advantage stays zero. HICRA is the saturated case with
 * the planning mask in the place of the entropy: its alpha of 0.2 is a kappa of 5. Computed in f64 and
 * rounded once; bit-equal where `lossMask` is 0.
 *
 * @see {@link https://arxiv.org/abs/2506.14758 | Reasoning with Exploration: An Entropy Perspective}
 * (Cheng et al.). The defaults, 0.4 and 2, are those of public training configurations of the method.
 *
 * @example Usage
 * ```ts
 * import { highEntropyAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = highEntropyAdvantages(
 *   Float32Array.of(1, 1, -1),
 *   Float32Array.of(0, 0.5, 9),
 *   { alpha: 0.5, kappa: 2 },
 * );
 * assert.deepEqual(advantages, Float32Array.of(1, 1.25, -0.5));
 * ```
 *
 * @param advantages `[tokens]`.
 * @param entropies `[tokens]`, nats.
 * @param options `alpha`, `kappa`, and `lossMask` (`[tokens]`, 0 or 1: only tokens at 1 change).
 * @returns New advantages, `[tokens]`.
 * @throws {RangeError} If lengths disagree.
 */
export function highEntropyAdvantages(
  advantages: Float32Array,
  entropies: Float32Array,
  options: HighEntropyAdvantageOptions & { readonly lossMask?: Uint8Array } = {},
): Float32Array {
  const { alpha = 0.4, kappa = 2, lossMask } = options;
  checkLength(ACTION, "entropies", entropies, advantages.length);
  checkLength(ACTION, "lossMask", lossMask, advantages.length);
  const out = advantages.slice();
  for (let i = 0; i < out.length; i++) {
    const advantage = advantages[i]!;
    if (lossMask?.[i] === 0 || advantage === 0) continue;
    out[i] = advantage + Math.min(alpha * entropies[i]!, Math.abs(advantage) / kappa);
  }
  return out;
}

const schema = strictOptions({
  alpha: z.number().min(0).default(0.4),
  kappa: z.number().gt(1).default(2),
});

/**
 * Creates the transform that runs {@linkcode highEntropyAdvantages} on every batch: the control that
 * credits uncertainty instead of planning.
 *
 * @example Usage
 * ```ts
 * import { highEntropyAdvantage } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(highEntropyAdvantage({ alpha: 0.1 }).needs, ["entropies"]);
 * ```
 *
 * @param options Alpha and kappa.
 * @returns The transform `"high-entropy-advantage"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function highEntropyAdvantage(options: HighEntropyAdvantageOptions = {}): Transform {
  const name = "high-entropy-advantage";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { alpha, kappa } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["entropies"],
    apply({ advantages }: Credit, { batch }: TransformContext): Partial<Credit> {
      const { lossMask } = batch;
      const entropies = required(name, batch, "entropies");
      return {
        advantages: highEntropyAdvantages(advantages, entropies, { alpha, kappa, lossMask }),
      };
    },
  };
}

/** {@linkcode highEntropyAdvantage} as an entry of a {@linkcode TransformRegistry}. */
export const highEntropyAdvantageDefinition: TransformDefinition<HighEntropyAdvantageOptions> = {
  summary: "Control: adds min(alpha*H, |A|/kappa) to every advantage",
  source: "https://arxiv.org/abs/2506.14758",
  schema,
  create: highEntropyAdvantage,
};
