import { z } from "zod";
import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import { checkLength, checkOffsets, groupIndexes, required } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { scheduleSchema } from "./_schedule_schema.ts";
import { type Schedule, scheduleExtremes, scheduleNeeds, scheduleValue } from "./schedule.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** How {@linkcode hicraAdvantages} adds credit to planning tokens; its doc has the formulas. */
export type HicraMode =
  | "paper"
  | "symmetric"
  | "positive-only"
  | "mass-preserving"
  | "baseline-corrected";

/** One value for each kind of strategic gram, in the order of the codes 1 to 4. */
export interface PerKind<Value> {
  /** Code 1: drawing a conclusion. */
  readonly deduction: Value;
  /** Code 2: taking up another approach or case. */
  readonly branching: Value;
  /** Code 3: going back, checking, correcting. */
  readonly backtracking: Value;
  /** Code 4: any other strategic gram. */
  readonly other: Value;
}

/** Options of {@linkcode hicraAdvantages}. */
export interface HicraAdvantagesOptions {
  /** Amplification, in `[0, 1)`; one for all planning tokens or one for each kind. 0.2. */
  readonly alpha?: number | PerKind<number>;
  /** Formula; `"paper"` by default. */
  readonly mode?: HicraMode;
  /** `[tokens]`, 0 or 1: only tokens at 1 change or count; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** `[tokens]`: kind codes, for an alpha of each kind. */
  readonly kinds?: Uint8Array;
  /** `[sequences + 1]`, for the modes `"mass-preserving"` and `"baseline-corrected"`. */
  readonly offsets?: Int32Array;
  /** `[sequences]`, for the mode `"baseline-corrected"`. */
  readonly groupIds?: Int32Array;
  /**
   * Accept an alpha of 1 or more: 1 zeroes the planning tokens of failed rollouts (and some hosts
   * drop zero advantages from the loss), more flips their sign.
   */
  readonly allowSignChange?: boolean;
}

const ACTION = "apply HICRA";

/**
 * Adds credit to planning tokens: the HICRA advantage.
 *
 * With `m` the planning mask and `a` alpha, token by token:
 *
 * - `"paper"`: `A' = A + a*|A|*m`. A success is amplified, the blame of a failure dampened.
 * - `"symmetric"`: `A' = A + a*A*m`. Success and failure are both amplified: the control that tells
 *   emphasis on planning tokens from the paper's push that does not depend on the outcome.
 * - `"positive-only"`: `A' = A + a*max(A, 0)*m`. Failures are left alone.
 * - `"mass-preserving"`: the paper's `A'`, then every trained token of a sequence is multiplied by
 *   `sum|A| / sum|A'|` over that sequence. A rollout keeps its weight in the loss and only divides
 *   it differently, as OAR does. **Tokens off the mask change too**, in sequences that have planning
 *   tokens.
 * - `"baseline-corrected"`: `A' = A + c - mean(c)` with `c = a*|A|*m` and the mean over all trained
 *   tokens of the group; every trained token of the group receives it, so that the credit added to a
 *   group sums to zero. **Tokens off the mask change too**, and a token whose `|A|` is smaller than
 *   the mean changes its sign. (A mean over the planning tokens alone would cancel the whole effect
 *   where `|A|` is constant in a group, which mean-centered binary rewards at a pass rate of 1/2 are.)
 *
 * The result is computed in f64 and rounded once to f32. In the first three modes it is bit-equal to
 * the input off the mask; in all of them where `lossMask` is 0, and everywhere at alpha 0. Zero
 * advantages stay as they are (`-0` included) except in the last mode. For `a < 1` the first four
 * modes never flip a sign, and scaling the input by a positive number scales the result: apply HICRA
 * after any whitening or centering, with which it does not commute. An advantage near the largest
 * f32 overflows to infinity, which {@linkcode applyTransforms} refuses.
 *
 * @see {@link https://arxiv.org/abs/2509.03646 | HICRA, section 3} for the formula;
 * {@link https://arxiv.org/abs/2601.07408 | OAR} for the preservation of mass. The other modes are
 * controls of this package.
 *
 * @example Usage
 * ```ts
 * import { hicraAdvantages } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const advantages = Float32Array.of(1, 1, -1, -1);
 * const planningMask = Uint8Array.of(1, 0, 1, 0);
 * assert.deepEqual(
 *   hicraAdvantages(advantages, planningMask, { alpha: 0.25 }),
 *   Float32Array.of(1.25, 1, -0.75, -1),
 * );
 * assert.deepEqual(
 *   hicraAdvantages(advantages, planningMask, { alpha: 0.25, mode: "symmetric" }),
 *   Float32Array.of(1.25, 1, -1.25, -1),
 * );
 * ```
 *
 * @param advantages `[tokens]`, finite where `lossMask` is 1.
 * @param planningMask `[tokens]`, 0 or 1.
 * @param options Alpha, the mode, and the arrays that the mode needs.
 * @returns New advantages, `[tokens]`.
 * @throws {RangeError} If alpha is out of range, lengths disagree, a planning token has no kind where
 * alpha depends on it, a group is unknown, or there is no mass left to preserve.
 * @throws {TypeError} If an array that the options ask for is missing.
 */
export function hicraAdvantages(
  advantages: Float32Array,
  planningMask: Uint8Array,
  options: HicraAdvantagesOptions = {},
): Float32Array {
  const { alpha = 0.2, mode = "paper", lossMask, kinds, offsets, groupIds } = options;
  const numTokens = advantages.length;
  checkLength(ACTION, "planningMask", planningMask, numTokens);
  checkLength(ACTION, "lossMask", lossMask, numTokens);
  checkLength(ACTION, "kinds", kinds, numTokens);
  checkAlpha(alpha, options.allowSignChange ?? false);
  const credit = { alpha, mode, lossMask, kinds };

  if (mode === "mass-preserving" || mode === "baseline-corrected") {
    const added = new Float64Array(numTokens);
    forEachCredit(advantages, planningMask, credit, (i, value) => added[i] = value);
    checkGiven("offsets", offsets, mode);
    checkOffsets(ACTION, offsets, numTokens);
    if (mode === "mass-preserving") {
      return preserveMass(advantages, added, { offsets, lossMask });
    }
    checkGiven("groupIds", groupIds, mode);
    checkLength(ACTION, "groupIds", groupIds, offsets.length - 1);
    return correctBaseline(advantages, added, { offsets, groupIds, lossMask });
  }
  const out = advantages.slice();
  forEachCredit(advantages, planningMask, credit, (i, added) => {
    // An untouched token keeps its bits: -0 + 0 would be 0.
    if (added !== 0) out[i] = advantages[i]! + added;
  });
  return out;
}

/** Visits planning tokens with the credit, in f64, that they gain before any correction. */
function forEachCredit(
  advantages: Float32Array,
  planningMask: Uint8Array,
  { alpha, mode, lossMask, kinds }: {
    alpha: number | PerKind<number>;
    mode: HicraMode;
    lossMask: Uint8Array | undefined;
    kinds: Uint8Array | undefined;
  },
  visit: (index: number, added: number) => void,
): void {
  const byCode = typeof alpha === "number" ? undefined : alphasByCode(alpha);
  if (byCode !== undefined && kinds === undefined) {
    throw new InputTypeError(
      `Cannot ${ACTION} as an alpha for each kind needs the kinds of the planning tokens: current ` +
        `value is undefined, give one alpha for all or match with a lexicon that has kinds`,
    );
  }
  for (let i = 0; i < planningMask.length; i++) {
    if (planningMask[i] === 0 || lossMask?.[i] === 0) continue;
    const a = byCode === undefined ? alpha as number : byCode[kinds![i]!];
    if (a === undefined || Number.isNaN(a)) {
      throw new InputRangeError(
        `Cannot ${ACTION} as the kind of a planning token must be a code from 1 to 4: ` +
          `kinds[${i}] is ${kinds![i]}`,
      );
    }
    const advantage = advantages[i]!;
    if (mode === "symmetric") visit(i, a * advantage);
    else if (mode === "positive-only") visit(i, a * Math.max(advantage, 0));
    else visit(i, a * Math.abs(advantage));
  }
}

function alphasByCode(
  { deduction, branching, backtracking, other }: PerKind<number>,
): Float64Array {
  return Float64Array.of(NaN, deduction, branching, backtracking, other);
}

function preserveMass(
  advantages: Float32Array,
  added: Float64Array,
  { offsets, lossMask }: { offsets: Int32Array; lossMask: Uint8Array | undefined },
): Float32Array {
  const out = advantages.slice();
  for (let s = 0; s + 1 < offsets.length; s++) {
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    let before = 0;
    let after = 0;
    let isCredited = false;
    for (let i = from; i < to; i++) {
      if (lossMask?.[i] === 0) continue;
      isCredited ||= added[i] !== 0;
      before += Math.abs(advantages[i]!);
      after += Math.abs(advantages[i]! + added[i]!);
    }
    if (!isCredited) continue;
    if (after === 0) {
      throw new InputRangeError(
        `Cannot ${ACTION} as alpha leaves sequence ${s} no mass to rescale: sum|A| was ${before} ` +
          `and is 0, use an alpha below 1`,
      );
    }
    const scale = before / after;
    for (let i = from; i < to; i++) {
      // Scaling -0 + 0 would lose its sign.
      if (lossMask?.[i] === 0 || advantages[i] === 0) continue;
      out[i] = (advantages[i]! + added[i]!) * scale;
    }
  }
  return out;
}

function correctBaseline(
  advantages: Float32Array,
  added: Float64Array,
  { offsets, groupIds, lossMask }: {
    offsets: Int32Array;
    groupIds: Int32Array;
    lossMask: Uint8Array | undefined;
  },
): Float32Array {
  const { groups, numGroups } = groupIndexes(ACTION, groupIds, offsets, lossMask);
  const sums = new Float64Array(numGroups);
  const counts = new Float64Array(numGroups);
  for (let s = 0; s < groups.length; s++) {
    const group = groups[s]!;
    if (group === -1) continue;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      if (lossMask?.[i] === 0) continue;
      sums[group]! += added[i]!;
      counts[group]! += 1;
    }
  }
  const out = advantages.slice();
  for (let s = 0; s < groups.length; s++) {
    const group = groups[s]!;
    if (group === -1 || sums[group] === 0) continue;
    const mean = sums[group]! / counts[group]!;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      if (lossMask?.[i] !== 0) out[i] = advantages[i]! + (added[i]! - mean);
    }
  }
  return out;
}

function checkGiven<Value>(
  field: string,
  value: Value | undefined,
  mode: HicraMode,
): asserts value is Value {
  if (value === undefined) {
    throw new InputTypeError(
      `Cannot ${ACTION} as mode "${mode}" needs ${field}: current value is undefined`,
    );
  }
}

function checkAlpha(alpha: number | PerKind<number>, allowSignChange: boolean): void {
  const entries = typeof alpha === "number"
    ? [["alpha", alpha] as const]
    : Object.entries(alpha).map(([kind, value]) => [`alpha.${kind}`, value as number] as const);
  for (const [field, value] of entries) {
    if (!Number.isFinite(value) || value < 0) {
      throw new InputRangeError(
        `Cannot ${ACTION} as ${field} must be finite and not negative: current value is ${value}`,
      );
    }
    if (value >= 1 && !allowSignChange) {
      throw new InputRangeError(
        `Cannot ${ACTION} as ${field} ${BELOW_ONE}: current value is ${value}`,
      );
    }
  }
}

const BELOW_ONE = "must be less than 1, as 1 zeroes the planning tokens of failed rollouts and " +
  "more flips their sign (allowSignChange: true permits it)";

/** Options of {@linkcode hicra}. */
export interface HicraOptions {
  /**
   * Amplification, in `[0, 1)`: a number, a schedule over training, or one of these for each kind of
   * strategic gram. The paper's 0.2 by default.
   */
  readonly alpha?: Schedule | PerKind<Schedule>;
  /** Formula, see {@linkcode hicraAdvantages}; `"paper"` by default. */
  readonly mode?: HicraMode;
  /** Accept an alpha of 1 or more; see {@linkcode HicraAdvantagesOptions.allowSignChange}. */
  readonly allowSignChange?: boolean;
}

const schedule = scheduleSchema({ min: 0 });

const schema = strictOptions({
  alpha: z.union([
    schedule,
    strictOptions({
      deduction: schedule,
      branching: schedule,
      backtracking: schedule,
      other: schedule,
    }),
  ], { error: "must be a number, a schedule, or one of these for each kind" }).default(0.2),
  mode: z.enum(["paper", "symmetric", "positive-only", "mass-preserving", "baseline-corrected"])
    .default("paper"),
  allowSignChange: z.boolean().default(false),
}).superRefine(({ alpha, allowSignChange }, context) => {
  if (allowSignChange) return;
  const schedules = isPerKind(alpha) ? Object.values(alpha) as Schedule[] : [alpha];
  if (schedules.flatMap(scheduleExtremes).some((value) => value >= 1)) {
    context.addIssue({ code: "custom", path: ["alpha"], message: BELOW_ONE });
  }
});

/**
 * Creates the HICRA transform: {@linkcode hicraAdvantages} on every batch, with an alpha that may
 * change over training.
 *
 * @example Usage
 * ```ts
 * import { hicra } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const transform = hicra({
 *   alpha: { type: "linear", from: 0, to: 0.2, steps: 100 },
 *   mode: "mass-preserving",
 * });
 * assert.equal(transform.name, "hicra");
 * assert.throws(() => hicra({ alpha: 1 }), /alpha must be less than 1/);
 * ```
 *
 * @param options Alpha and the mode.
 * @returns The transform `"hicra"`; it needs `groupIds` in the mode `"baseline-corrected"`, and kinds
 * (a matched lexicon) when alpha depends on them, and with every batch what its schedules read.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function hicra(options: HicraOptions = {}): Transform {
  const name = "hicra";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { alpha, mode, allowSignChange } = checked;
  return {
    name,
    options: { ...checked },
    needs: mode === "baseline-corrected" ? ["groupIds"] : [],
    clock: isPerKind(alpha)
      ? Object.entries(alpha).flatMap(([kind, one]) => scheduleNeeds(`alpha.${kind}`, one))
      : scheduleNeeds("alpha", alpha),
    apply(credit: Credit, context: TransformContext): Partial<Credit> {
      const { batch } = context;
      const advantages = hicraAdvantages(credit.advantages, credit.planningMask, {
        alpha: alphaAt(alpha, context),
        mode,
        allowSignChange,
        lossMask: batch.lossMask,
        offsets: batch.offsets,
        ...(credit.kinds && { kinds: credit.kinds }),
        ...(mode === "baseline-corrected" &&
          { groupIds: required(name, batch, "groupIds") }),
      });
      return { advantages };
    },
  };
}

function alphaAt(
  alpha: Schedule | PerKind<Schedule>,
  context: TransformContext,
): number | PerKind<number> {
  if (!isPerKind(alpha)) return scheduleValue(alpha, context);
  return {
    deduction: scheduleValue(alpha.deduction, context),
    branching: scheduleValue(alpha.branching, context),
    backtracking: scheduleValue(alpha.backtracking, context),
    other: scheduleValue(alpha.other, context),
  };
}

function isPerKind(alpha: Schedule | PerKind<Schedule>): alpha is PerKind<Schedule> {
  return typeof alpha === "object" && !("type" in alpha);
}

/** {@linkcode hicra} as an entry of a {@linkcode TransformRegistry}. */
export const hicraDefinition: TransformDefinition<HicraOptions> = {
  summary: "HICRA: adds alpha*|A| to the advantage of planning tokens",
  source: "https://arxiv.org/abs/2509.03646",
  schema,
  create: hicra,
};
