import { checkLength, checkOffsets, groupIndexes, required } from "./_arrays.ts";
import { checkOptions, numberWithin, scheduleSchema, strictOptions } from "./_options.ts";
import { topEntropyThreshold } from "./_top_entropy.ts";
import { type Schedule, scheduleValue } from "./schedule.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** Arrays and options of {@linkcode officialCodeAdvantages}. */
export interface OfficialCodeAdvantagesOptions {
  /** `[tokens]`, nats. */
  readonly entropies: Float32Array;
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[sequences]`. */
  readonly groupIds: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** Amplification, 0.2 by default. */
  readonly alpha?: number;
  /** Share of the tokens of a sequence that count as high in entropy, 0.3 by default. */
  readonly fraction?: number;
}

const ACTION = "apply the official-code variant";

/**
 * Amplifies planning tokens and, in long correct rollouts, tokens of high entropy: the rule of the
 * authors' veRL code **as second-hand reported and unverified**. It is not the paper's formula.
 *
 * `A' = A * (1 + alpha*sign(A))` where `m` is 1 or the token is forking; `A` elsewhere. A token is
 * forking when all of this holds:
 *
 * - its entropy is strictly above the threshold of its own sequence: the k-th largest of its n
 *   trained tokens, `k = max(1, floor(0.3*n))`, so that fewer than 30 % pass (2 of 10);
 * - its sequence is correct, which means a positive advantage, read at its first trained token;
 * - its sequence is strictly longer, in trained tokens, than the mean of its whole group. (The quoted
 *   variable is called `avg_length_of_correct`, but averages correct and incorrect alike.)
 *
 * Planning tokens have neither gate, but **a group without a correct sequence is skipped as a whole**,
 * planning tokens included. Without a planning mask only forking tokens change: pass zeros.
 *
 * The quoted line assigns through two boolean indices (`advantages[g][mask] *= c`), which in torch and
 * numpy changes a temporary copy: if the quotation is literal, the authors' line does nothing at all.
 * What is implemented here is the apparent intent.
 *
 * @see {@link https://github.com/huggingface/trl/pull/4997 | TRL pull request 4997}, whose comments
 * headed "# VeRL:" are the only source.
 *
 * @example Usage
 * ```ts
 * import { officialCodeAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = officialCodeAdvantages(
 *   Float32Array.of(1, 1, 1, 1, -1, -1),
 *   Uint8Array.of(0, 0, 0, 0, 0, 1),
 *   {
 *     entropies: Float32Array.of(3, 2, 1, 0, 3, 0),
 *     offsets: Int32Array.of(0, 4, 6),
 *     groupIds: Int32Array.of(0, 0),
 *     alpha: 0.25,
 *     fraction: 0.5,
 *   },
 * );
 * assert.deepEqual(advantages, Float32Array.of(1.25, 1, 1, 1, -1, -0.75));
 * ```
 *
 * @param advantages `[tokens]`.
 * @param planningMask `[tokens]`, 0 or 1.
 * @param options Entropies, the layout of the batch, alpha and the share.
 * @returns New advantages, `[tokens]`, computed in f64 and rounded once.
 * @throws {RangeError} If lengths disagree or a sequence with trained tokens has no known group.
 */
export function officialCodeAdvantages(
  advantages: Float32Array,
  planningMask: Uint8Array,
  options: OfficialCodeAdvantagesOptions,
): Float32Array {
  const { entropies, offsets, groupIds, lossMask, alpha = 0.2, fraction = 0.3 } = options;
  const numTokens = advantages.length;
  checkLength(ACTION, "planningMask", planningMask, numTokens);
  checkLength(ACTION, "entropies", entropies, numTokens);
  checkLength(ACTION, "lossMask", lossMask, numTokens);
  checkOffsets(ACTION, offsets, numTokens);
  checkLength(ACTION, "groupIds", groupIds, offsets.length - 1);

  const numSequences = groupIds.length;
  const { groups, numGroups } = groupIndexes(ACTION, groupIds, offsets, lossMask);
  const lengths = new Float64Array(numSequences);
  const isCorrect = new Uint8Array(numSequences);
  const groupLengths = new Float64Array(numGroups);
  const groupSizes = new Float64Array(numGroups);
  const hasCorrect = new Uint8Array(numGroups);
  for (let s = 0; s < numSequences; s++) {
    const group = groups[s]!;
    if (group === -1) continue;
    let first = -1;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      if (lossMask?.[i] === 0) continue;
      if (first === -1) first = i;
      lengths[s]! += 1;
    }
    groupLengths[group]! += lengths[s]!;
    groupSizes[group]! += 1;
    if (advantages[first]! > 0) {
      isCorrect[s] = 1;
      hasCorrect[group] = 1;
    }
  }

  const out = advantages.slice();
  for (let s = 0; s < numSequences; s++) {
    const group = groups[s]!;
    if (group === -1 || hasCorrect[group] === 0) continue;
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    const isLong = lengths[s]! > groupLengths[group]! / groupSizes[group]!;
    const threshold = isCorrect[s] === 1 && isLong
      ? topEntropyThreshold(
        entropies.subarray(from, to),
        fraction,
        lossMask?.subarray(from, to),
      )
      : Infinity;
    for (let i = from; i < to; i++) {
      if (lossMask?.[i] === 0) continue;
      if (planningMask[i] === 1 || entropies[i]! > threshold) {
        out[i] = advantages[i]! * (1 + alpha * Math.sign(advantages[i]!));
      }
    }
  }
  return out;
}

/** Options of {@linkcode officialCode}. */
export interface OfficialCodeOptions {
  /** Amplification, in `[0, 1]`, or a schedule of it; the quoted `target_scaler` 0.2 by default. */
  readonly alpha?: Schedule;
  /** Share of the tokens of a sequence that count as high in entropy; the quoted 0.3 by default. */
  readonly fraction?: number;
}

const schema = strictOptions({
  alpha: scheduleSchema({ min: 0, max: 1 }).default(0.2),
  fraction: numberWithin({ min: 0, max: 1 }).default(0.3),
});

/**
 * Creates the transform that runs {@linkcode officialCodeAdvantages}: the authors' code **as
 * second-hand reported and unverified**, to be compared with the paper's formula.
 *
 * @example Usage
 * ```ts
 * import { officialCode } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(officialCode().needs, ["entropies", "groupIds"]);
 * ```
 *
 * @param options Alpha and the share.
 * @returns The transform `"official-code"`.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function officialCode(options: OfficialCodeOptions = {}): Transform {
  const name = "official-code";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { alpha, fraction } = checked;
  return {
    name,
    options: { ...checked },
    needs: ["entropies", "groupIds"],
    apply({ advantages, planningMask }: Credit, context: TransformContext): Partial<Credit> {
      const { batch } = context;
      return {
        advantages: officialCodeAdvantages(advantages, planningMask, {
          entropies: required(name, batch, "entropies"),
          groupIds: required(name, batch, "groupIds"),
          offsets: batch.offsets,
          lossMask: batch.lossMask,
          alpha: scheduleValue(alpha, context),
          fraction,
        }),
      };
    },
  };
}

/** {@linkcode officialCode} as an entry of a {@linkcode TransformRegistry}. */
export const officialCodeDefinition: TransformDefinition<OfficialCodeOptions> = {
  summary: "The authors' code as second-hand reported, unverified: also entropy, gated by length",
  source: "https://github.com/huggingface/trl/pull/4997",
  schema,
  create: officialCode,
};
