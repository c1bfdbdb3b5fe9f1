import { z } from "zod";
import { forEachRun, InputTypeError } from "../batch/mod.ts";
import { checkLength, checkOffsets } from "./_arrays.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { hashIntegers, seededRandom } from "./_random.ts";
import type { Credit, Transform, TransformContext } from "./transform.ts";
import type { TransformDefinition } from "./transform_registry.ts";

/** What moves as one when a mask is shuffled. */
export type ShuffleUnit = "span" | "token";

/** Arrays and options of {@linkcode shuffledMask}. */
export interface ShuffledMaskOptions {
  /** `[sequences + 1]`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 take part; all of them when left out. */
  readonly lossMask?: Uint8Array;
  /** `[tokens]`: nothing moves from one segment to another. */
  readonly segmentIds?: Int32Array;
  /** `[tokens]`: makes sequences with equal masks shuffle differently. */
  readonly tokenIds?: Int32Array;
  /** `[tokens]`: kind codes, which move with the mask. */
  readonly kinds?: Uint8Array;
  /** Seed, an integer of 32 bits; 0 by default. */
  readonly seed?: number;
  /**
   * Training step, so that the same rollout is shuffled anew at each, or `"fixed"`: then it is shuffled
   * by the seed alone. There is no default.
   */
  readonly step: number | "fixed";
  /** Move whole spans (default) or each planning token on its own. */
  readonly unit?: ShuffleUnit;
}

const ACTION = "shuffle a mask";

/**
 * Moves the planning tokens of each sequence to random places: the placebo that keeps their number and
 * the lengths of their spans but not what they say.
 *
 * Within each run (trained tokens in a row, of one segment) the spans, that is the maximal stretches of
 * ones, are put in random order at random places such that no two touch; every such arrangement is
 * equally likely. With `unit: "token"` the ones of a run are spread over it one by one. A run that is
 * all ones, or all zeros, stays as it is. Where `lossMask` is 0 nothing changes.
 *
 * The random numbers come from `seed`, `step` (unless it is `"fixed"`) and what the sequence holds, never from its place in the
 * batch: permuting sequences permutes the result, and a rollout gets one mask on every rank. Two
 * sequences that are equal in every token are shuffled alike.
 *
 * @example Usage
 * ```ts
 * import { shuffledMask } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const { planningMask } = shuffledMask(Uint8Array.of(1, 1, 1, 0, 0, 0, 0, 0), {
 *   offsets: Int32Array.of(0, 8),
 *   seed: 1,
 *   step: 40,
 * });
 * assert.match(planningMask.join(""), /^0*1110*$/);
 * ```
 *
 * @param planningMask `[tokens]`, 0 or 1.
 * @param options The layout of the batch, the seed, the step, and what moves.
 * @returns The shuffled mask, and the kinds in its order when they were given.
 * @throws {TypeError} If the step is neither an integer nor `"fixed"`.
 * @throws {RangeError} If lengths disagree.
 */
export function shuffledMask(
  planningMask: Uint8Array,
  options: ShuffledMaskOptions,
): { planningMask: Uint8Array; kinds?: Uint8Array } {
  const { offsets, lossMask, segmentIds, tokenIds, kinds, seed = 0, step, unit = "span" } = options;
  const numTokens = planningMask.length;
  if (step !== "fixed" && !Number.isSafeInteger(step)) {
    throw new InputTypeError(
      `Cannot ${ACTION} as step must be the training step, or "fixed" for one mask at every step: ` +
        `current value is ${step}`,
    );
  }
  checkOffsets(ACTION, offsets, numTokens);
  for (const [field, values] of Object.entries({ lossMask, segmentIds, tokenIds, kinds })) {
    checkLength(ACTION, field, values, numTokens);
  }
  const out = planningMask.slice();
  const outKinds = kinds?.slice();
  const base = hashIntegers(0, step === "fixed" ? [seed] : [seed, step]);
  let current = -1;
  let random = seededRandom(base);
  forEachRun(options, (from, to, sequence) => {
    if (sequence !== current) {
      current = sequence;
      const [start, end] = [offsets[sequence]!, offsets[sequence + 1]!];
      let hash = base;
      for (const content of [planningMask, lossMask, segmentIds, tokenIds]) {
        if (content !== undefined) hash = hashIntegers(hash, content.subarray(start, end));
      }
      random = seededRandom(hash);
    }
    placeSpans({ from, to, unit, random, planningMask, kinds, out, outKinds });
  });
  return { planningMask: out, ...(outKinds && { kinds: outKinds }) };
}

/** Writes the spans of the run `[from, to)` to places drawn at random. */
function placeSpans({ from, to, unit, random, planningMask, kinds, out, outKinds }: {
  from: number;
  to: number;
  unit: ShuffleUnit;
  random: () => number;
  planningMask: Uint8Array;
  kinds: Uint8Array | undefined;
  out: Uint8Array;
  outKinds: Uint8Array | undefined;
}): void {
  const spans: { start: number; length: number }[] = [];
  let numOnes = 0;
  for (let i = from; i < to; i++) {
    if (planningMask[i] === 0) continue;
    numOnes++;
    if (unit === "span" && i > from && planningMask[i - 1] === 1) spans.at(-1)!.length++;
    else spans.push({ start: i, length: 1 });
  }
  if (numOnes === 0 || numOnes === to - from) return;
  for (let i = spans.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [spans[i], spans[j]] = [spans[j]!, spans[i]!];
  }
  out.fill(0, from, to);
  outKinds?.fill(0, from, to);
  // A span and the zero behind it, which keeps the next one off, fill one slot; any other zero fills
  // one too. Drawing which slots hold spans draws an arrangement. (The last zero may lie outside.)
  const gap = unit === "span" ? 1 : 0;
  let slotsLeft = to - from - numOnes + (gap === 1 ? 1 : spans.length);
  let placed = 0;
  for (let at = from; placed < spans.length; slotsLeft--) {
    if (random() * slotsLeft >= spans.length - placed) {
      at++;
      continue;
    }
    const { start, length } = spans[placed++]!;
    out.fill(1, at, at + length);
    outKinds?.set(kinds!.subarray(start, start + length), at);
    at += length + gap;
  }
}

/** Options of {@linkcode shuffleMask}. */
export interface ShuffleMaskOptions {
  /** Seed, an integer of 32 bits; 0 by default. */
  readonly seed?: number;
  /**
   * Draw by the seed and the training step (`"current"`, the default), which the loop must then give,
   * or by the seed alone (`"fixed"`): a rollout has one mask at every step.
   */
  readonly step?: "current" | "fixed";
  /** Move whole spans (default) or each planning token on its own. */
  readonly unit?: ShuffleUnit;
}

const schema = strictOptions({
  seed: z.int32().default(0),
  step: z.enum(["current", "fixed"]).default("current"),
  unit: z.enum(["span", "token"]).default("span"),
});

/**
 * Creates the transform that replaces the planning mask by {@linkcode shuffledMask} of it, so that
 * {@linkcode hicra} after it credits random tokens at the same rate.
 *
 * @example Usage
 * ```ts
 * import { shuffleMask } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * assert.equal(shuffleMask({ seed: 7 }).name, "shuffle-mask");
 * ```
 *
 * @param options The seed, whether the step counts, and what moves.
 * @returns The transform `"shuffle-mask"`; unless its step is `"fixed"` it needs the training step.
 * @throws {RangeError} If a value is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 */
export function shuffleMask(options: ShuffleMaskOptions = {}): Transform {
  const name = "shuffle-mask";
  const checked = checkOptions(`create transform "${name}"`, schema, options);
  const { seed, step, unit } = checked;
  return {
    name,
    options: { ...checked },
    needs: [],
    clock: step === "fixed" ? [] : [{ option: "seed", step: true }],
    apply({ planningMask, kinds }: Credit, context: TransformContext): Partial<Credit> {
      const { offsets, lossMask, segmentIds, tokenIds } = context.batch;
      return shuffledMask(planningMask, {
        offsets,
        lossMask,
        ...(segmentIds && { segmentIds }),
        ...(tokenIds && { tokenIds }),
        ...(kinds && { kinds }),
        seed,
        step: step === "fixed" ? step : context.step!,
        unit,
      });
    },
  };
}

/** {@linkcode shuffleMask} as an entry of a {@linkcode TransformRegistry}. */
export const shuffleMaskDefinition: TransformDefinition<ShuffleMaskOptions> = {
  summary: "Placebo: moves planning spans to random places of their response",
  schema,
  create: shuffleMask,
};
