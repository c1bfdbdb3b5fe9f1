import {
  applyTransforms,
  baselineAdvantages,
  type BaselinePreset,
  baselinePreset,
  type BuiltinTransformConfig,
  createTransform,
  type Credit,
  hicra,
  type Transform,
  type TransformConfig,
} from "../advantage/mod.ts";
import { warnOnConsole } from "../batch/internal.ts";
import {
  type Batch,
  checkBatch,
  type CheckedBatch,
  InputRangeError,
  InputTypeError,
  isInputError,
  isTransformed,
  markTransformed,
  type PlanningTokens,
  tokenAdvantages,
} from "../batch/mod.ts";
import { measure, type MetricSums } from "../metrics/mod.ts";
import type { SgMatcher } from "../sg/mod.ts";
import { missingWarnings, phraseWarnings } from "../metrics/internal.ts";
import { checkHookOptions, checkStep, type HookOptions, type HookStep } from "./hook_options.ts";

/** What a hook makes of a batch. Every array is freshly allocated. */
export interface HookResult {
  /** `[tokens]`: the advantages to train with. */
  readonly advantages: Float32Array;
  /** `[tokens]`: what the baseline gave, before the transforms; absent where the loop gave advantages. */
  readonly baselineAdvantages?: Float32Array;
  /** The transforms with the options in force, defaults included, as a configuration names them. */
  readonly transforms: readonly TransformConfig[];
  /** `[tokens]`, 0 or 1: the mask that the transforms acted on last. */
  readonly planningMask: Uint8Array;
  /** `[tokens]`: code of the kind of each planning token, 0 elsewhere; absent when unknown. */
  readonly kinds?: Uint8Array;
  /** `[3 * spans]`: start token, end token, gram index; absent when the mask was given. */
  readonly spans?: Int32Array;
  /** Weight of an entropy bonus that the loop must add to its loss, when a transform asks for it. */
  readonly entropyCoefficient?: number;
  /** Mergeable metrics of the step; absent when switched off or after a failure. */
  readonly metrics?: MetricSums;
  /** Number of batches of this hook that were passed through after a failure, this one included. */
  readonly failures: number;
  /** Number of batches of this hook that had trained tokens and no planning token among them. */
  readonly emptyBatches: number;
}

/**
 * An advantage hook: call it once per batch, after the host's estimator and any whitening, before the
 * loss.
 */
export type AdvantageHook = (batch: Batch, step?: HookStep) => HookResult;

/**
 * Creates an advantage hook for a training loop: batch in; planning mask, advantages and metrics out.
 *
 * The batch is checked, its planning tokens are marked, the transforms run in order on the host's
 * advantages (or on those of `baseline`), and the step is measured. Applying a hook to advantages that
 * a hook returned is an error, as the second application would compound; they are known also after
 * `unpackPadded` and `packPadded`, but not in a copy of the loop's own.
 *
 * @example Usage
 * ```ts
 * import { createHook, hicra, lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2, "Ġno": 3 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
 * const hook = createHook({ matcher, transforms: [hicra({ alpha: 0.25 })] });
 * const { advantages, planningMask } = hook({
 *   offsets: Int32Array.of(0, 4),
 *   tokenIds: Int32Array.of(0, 1, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 *   advantages: Float32Array.of(1), // one per sequence
 * });
 * assert.deepEqual(planningMask, Uint8Array.of(1, 1, 0, 0));
 * assert.deepEqual(advantages, Float32Array.of(1.25, 1.25, 1, 1));
 * ```
 *
 * @param options Matcher, transforms, baseline, metrics and what to do on failure.
 * @returns The hook.
 * @throws {RangeError} If a name is unknown, an option is out of range, or importance ratios are per
 * sequence.
 * @throws {TypeError} If an option is unknown or not of its type.
 */
export function createHook(options: HookOptions = {}): AdvantageHook {
  checkHookOptions(options);
  const { matcher, importanceSampling = "token", metrics = {}, onFailure = "raise" } = options;
  const { warn = warnOnConsole } = options;
  if (importanceSampling === "sequence") {
    throw new InputRangeError(
      'Cannot create a hook as importanceSampling is "sequence": a ratio per sequence averages token ' +
        "advantages, so planning tokens get no credit of their own, use token-level ratios",
    );
  }
  const transforms = (options.transforms ?? [hicra()]).map((transform) =>
    isTransform(transform) ? transform : createTransform(transform)
  );
  const configs = transforms.map(({ name, options }) => ({ name, ...options }));
  const baseline = typeof options.baseline === "string"
    ? baselinePreset(options.baseline)
    : options.baseline;
  let failures = 0;
  let emptyBatches = 0;
  /** What the transforms were seen to do, in the first batch that tells. */
  let effect: Effect = "none";
  const warned = new Set<string>();
  const warnOnce = (warning: string): void => {
    if (!warned.has(warning)) warn(warning);
    warned.add(warning);
  };

  const run = (input: CheckedBatch, { groups, ...clock }: HookStep): HookResult => {
    const batch = withTokenAdvantages(input, baseline);
    const planning = findPlanning(batch, matcher);
    if (!planning.planningMask.includes(1) && batch.lossMask.includes(1)) {
      if (++emptyBatches === 1) {
        warn(
          "hicra: no planning token in a batch; is the tokenizer the one that sampled it, and the " +
            "lexicon in its language? Further such batches are only counted",
        );
      }
    }
    const { planningMask, kinds, spans } = planning;
    const credit = applyTransforms(
      transforms,
      { advantages: batch.advantages!, planningMask, ...(kinds && { kinds }) },
      { batch, ...clock, ...(spans && { spans }) },
    );
    if (transforms.length > 0 && effect === "none") {
      effect = effectOf(batch, planning, credit);
      if (effect === "mask") {
        warn(
          "hicra: the transforms change the planning mask and no advantage, so this trains without " +
            'credit; is one missing behind them, such as { name: "hicra" }?',
        );
      }
    }
    const result = {
      ...credit,
      ...(baseline && { baselineAdvantages: batch.advantages! }),
      transforms: configs,
      ...(spans && { spans }),
      failures,
      emptyBatches,
    };
    if (metrics === false) return result;
    const marks = { planningMask: credit.planningMask, ...(spans && { spans }) };
    const measured = measure(batch, marks, {
      ...metrics,
      ...(groups && { groups }),
      after: credit.advantages,
    });
    const textOf = (gram: number): string => matcher?.lexicon.grams[gram]?.text ?? `gram ${gram}`;
    missingWarnings(measured).forEach(warnOnce);
    phraseWarnings(measured, textOf).forEach(warnOnce);
    return { ...result, metrics: measured };
  };

  return (batch, step = {}) => {
    if (batch.advantages !== undefined && isTransformed(batch.advantages)) {
      throw new InputTypeError(
        "Cannot apply a hook as batch.advantages were returned by a hook: a second application would " +
          "compound, keep the host's advantages and apply the hook once per batch",
      );
    }
    checkStep(step);
    const checked = checkBatch(batch);
    let result: HookResult;
    try {
      result = run(checked, step);
    } catch (error) {
      // What is wrong with what the loop gives would be so again, and is for the loop to mend.
      if (onFailure === "raise" || isInputError(error) || checked.advantages === undefined) {
        throw error;
      }
      failures++;
      warn(`hicra: batch passed through unchanged, failure ${failures}: ${messageOf(error)}`);
      const planningMask = new Uint8Array(checked.numTokens);
      const advantages = tokenAdvantages(checked);
      result = { advantages, transforms: configs, planningMask, failures, emptyBatches };
    }
    markTransformed(result.advantages);
    return result;
  };
}

function isTransform(transform: Transform | BuiltinTransformConfig): transform is Transform {
  return typeof (transform as Partial<Transform> | null)?.apply === "function";
}

/** The batch with one advantage per token, the host's or the baseline's. */
function withTokenAdvantages(
  batch: CheckedBatch,
  baseline: BaselinePreset | undefined,
): CheckedBatch {
  if (baseline === undefined && batch.advantages === undefined) {
    throw new InputTypeError(
      "Cannot apply a hook as the batch has no advantages: pass the host's, or create the hook with a " +
        'baseline such as "trl" and pass rewards and groupIds',
    );
  }
  if (baseline !== undefined && batch.advantages !== undefined) {
    throw new InputTypeError(
      "Cannot apply a hook as the batch has advantages and the hook a baseline: leave one of them out",
    );
  }
  const advantages = baseline === undefined
    ? tokenAdvantages(batch)
    : baselineAdvantages(batch, baseline);
  return { ...batch, advantages, advantagesPer: "token" };
}

function findPlanning(
  batch: CheckedBatch,
  matcher: SgMatcher | undefined,
): PlanningTokens {
  if (batch.planningMask !== undefined) return { planningMask: batch.planningMask };
  if (matcher === undefined) {
    throw new InputTypeError(
      "Cannot apply a hook as it has no matcher and the batch no planningMask: give it one of them",
    );
  }
  return matcher.match(batch);
}

type Effect = "none" | "mask" | "credit";

/** Whether transforms moved an advantage, or else, of a batch that has any to move, the mask. */
function effectOf(
  { advantages, lossMask }: CheckedBatch,
  { planningMask }: PlanningTokens,
  credit: Credit,
): Effect {
  let effect: Effect = "none";
  for (let i = 0; i < lossMask.length; i++) {
    if (!Object.is(advantages![i], credit.advantages[i])) return "credit";
    const isOther = planningMask[i] !== credit.planningMask[i] && advantages![i] !== 0;
    if (isOther && lossMask[i] === 1) effect = "mask";
  }
  return effect;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
