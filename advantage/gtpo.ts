import { checkLength, checkOffsets, groupIndexes, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { numberWithin } from "./_schedule_schema.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Options of {@linkcode gtpo}. */
export interface GtpoOptions {
  /** Share of the advantage that entropy divides, in `[0, 1]`; 0.1 by default. */
  readonly beta?: number;
}

/** Arrays and options of {@linkcode gtpoAdvantages}. */
export interface GtpoAdvantagesOptions extends GtpoOptions {
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[sequences]`. */
  readonly groupIds: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
}

const ACTION = "apply GTPO weights";

/** An entropy of exactly 0 has no inverse; below a millionth of a nat all tokens are as certain. */
const ENTROPY_FLOOR = 1e-6;

/**
 * Weighs each token by its share of the entropy at its position, among the rollouts of its group with
 * the same outcome: the token weight of GTPO.
 *
 * `A' = A * (1 - beta + beta * d * q / sum(q))`, where the sum and the count `d` run over the tokens
 * at the same position (the p-th trained token) of the rollouts of the group that are still alive there
 * and whose advantage has the same sign; `q = H` where `A > 0`, `q = 1/H` where `A < 0`. Success is
 * credited to uncertain tokens, failure blamed on certain ones. The weights at a position average 1,
 * so a token alone at its position keeps its advantage. A zero advantage stays zero.
 *
 * GTPO shapes *rewards* this way (`alpha1*r + alpha2*share*d`) and normalizes them over the group
 * afterwards. Here the weight goes on the host's finished advantage, with `alpha1 = 1 - beta` and
 * `alpha2 = beta`, and nothing is normalized again. For the port that uses the surprisal of one
 * sequence instead, see {@linkcode surprisalWeightedAdvantages}.
 *
 * @see {@link https://arxiv.org/abs/2508.04349 | GTPO and GRPO-S}.
 *
 * @example Usage
 * ```ts
 * import { gtpoAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = gtpoAdvantages(Float32Array.of(1, 1, 1), Float32Array.of(3, 1, 2), {
 *   offsets: Int32Array.of(0, 1, 3),
 *   groupIds: Int32Array.of(7, 7),
 *   beta: 0.5,
 * });
 * // At position 0 the shares are 3/4 and 1/4; position 1 is reached by one rollout only.
 * assert.deepEqual(advantages, Float32Array.of(1.25, 0.75, 1));
 * ```
 *
 * @param advantages `[tokens]`.
 * @param entropies `[tokens]`, nats; below 1e-6 they count as 1e-6.
 * @param options The layout of the batch and beta.
 * @returns New advantages, `[tokens]`, computed in f64 and rounded once.
 * @throws {RangeError} If lengths disagree or a sequence with trained tokens has no known group.
 */
export function gtpoAdvantages(
  advantages: Float32Array,
  entropies: Float32Array,
  options: GtpoAdvantagesOptions,
): Float32Array {
  const { offsets, groupIds, lossMask, beta = 0.1 } = options;
  checkLength(ACTION, "entropies", entropies, advantages.length);
  checkLength(ACTION, "lossMask", lossMask, advantages.length);
  checkOffsets(ACTION, offsets, advantages.length);
  checkLength(ACTION, "groupIds", groupIds, offsets.length - 1);
  const { groups, numGroups } = groupIndexes(ACTION, groupIds, offsets, lossMask);

  // One slot for each group, outcome and position: group g owns `starts[g]` to `starts[g + 1]`.
  const starts = new Int32Array(numGroups + 1);
  for (let s = 0; s < groups.length; s++) {
    const group = groups[s]!;
    if (group === -1) continue;
    const length = offsets[s + 1]! - offsets[s]!;
    starts[group + 1] = Math.max(starts[group + 1]!, 2 * length);
  }
  for (let g = 0; g < numGroups; g++) starts[g + 1]! += starts[g]!;
  const sums = new Float64Array(starts[numGroups]!);
  const counts = new Float64Array(starts[numGroups]!);

  const out = advantages.slice();
  for (const isLastPass of [false, true]) {
    for (let s = 0; s < groups.length; s++) {
      if (groups[s] === -1) continue;
      let slot = starts[groups[s]!]!;
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
        if (lossMask?.[i] === 0) continue;
        const advantage = advantages[i]!;
        if (advantage !== 0) {
          const entropy = Math.max(entropies[i]!, ENTROPY_FLOOR);
          const credit = advantage > 0 ? entropy : 1 / entropy;
          const cell = advantage > 0 ? slot : slot + 1;
          if (isLastPass) {
            out[i] = advantage * (1 - beta + beta * counts[cell]! * credit / sums[cell]!);
          } else {
            sums[cell]! += credit;
            counts[cell]! += 1;
          }
        }
        slot += 2;
      }
    }
  }
  return out;
}

const schema = strictOptions({ beta: numberWithin({ min: 0, max: 1 }).default(0.1) });

/**
 * Creates the transform that runs {@linkcode gtpoAdvantages} on every batch.
 *
 * @example Usage
 * ```ts
 * import { gtpo } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(gtpo({ beta: 0.2 }).needs, ["entropies", "groupIds"]);
 * ```
 *
 * @param options Beta.
 * @returns The transform `"gtpo"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function gtpo(options: GtpoOptions = {}): Transform {
  const name = "gtpo";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { beta } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["entropies", "groupIds"],
    apply({ advantages }: Credit, { batch }: TransformContext): Partial<Credit> {
      return {
        advantages: gtpoAdvantages(advantages, required(name, batch, "entropies"), {
          offsets: batch.offsets,
          groupIds: required(name, batch, "groupIds"),
          lossMask: batch.lossMask,
          beta,
        }),
      };
    },
  };
}

/** {@linkcode gtpo} as an entry of a {@linkcode TransformRegistry}. */
export const gtpoDefinition: TransformDefinition<GtpoOptions> = {
  summary: "GTPO: weighs tokens by their share of the entropy at their position in the group",
  source: "https://arxiv.org/abs/2508.04349",
  schema,
  create: gtpo,
};
