import {
  type BaselineName,
  type BaselinePreset,
  baselinePreset,
  type Transform,
} from "../advantage/mod.ts";
import { warnOnConsole } from "../batch/internal.ts";
import { type CheckedBatch, InputTypeError, tokenAdvantages } from "../batch/mod.ts";
import { batchToSafetensors, type Rollout, type RolloutLine } from "../files/mod.ts";
import { createHook, type HookResult, type HookStep } from "../hooks/mod.ts";
import {
  markedLines,
  type MarkedRollout,
  type MarkRolloutsOptions,
  packRollouts,
} from "./mark_rollouts.ts";
import { rewriteLine, rolloutName } from "../files/internal.ts";
import type { RunMetrics } from "./run_config.ts";

/** Options of {@linkcode creditRollouts}. */
export interface CreditRolloutsOptions extends MarkRolloutsOptions {
  /** The transforms, in the order in which they act, as for `createHook`. */
  readonly transforms: readonly Transform[];
  /**
   * How advantages are computed from rewards, where the rollouts bring none: the name of a preset, or
   * a preset. Default: `"paper"`, of which `warn` is told when all went well.
   */
  readonly baseline?: string | BaselinePreset;
  /** Training step and signals, for schedules. */
  readonly step?: Omit<HookStep, "groups">;
  /** What to measure. Under a `groupScope` the groups of several files are joined by `prompt_id`. */
  readonly metrics?: RunMetrics;
}

/** What {@linkcode creditRollouts} returns. */
export interface CreditedRollouts {
  /** The rollouts. Its `advantages` are those before the transforms. */
  readonly batch: CheckedBatch;
  /** Whose advantages they are: `"host"`, the name of a preset, or `"custom"`. */
  readonly baseline: string;
  /** Planning mask, advantages after the transforms, and metrics. */
  readonly result: HookResult;
}

/** A rollout with its planning tokens and advantages, as one line of a file. */
export interface CreditedRollout extends MarkedRollout {
  /** `[tokens]`: after the transforms. */
  readonly advantages: Float32Array;
  /** All other fields of the rollout. */
  readonly [field: string]: unknown;
}

/**
 * Applies a hook to the rollouts of a file as one batch, so groups must be whole.
 *
 * The advantages are those of the rollouts (`advantages` or `advantage`), or those that `baseline`
 * makes of `reward`; never some of each. Rollouts that have been through here are refused, told by
 * their `planning_mask`: the second application would compound. Where all advantages are 0, which no
 * transform changes, `warn` is told why.
 *
 * @param rollouts As `readRollouts` yields them.
 * @param options Matcher, transforms and baseline.
 * @returns The batch and what the hook made of it.
 * @throws {TypeError} If the rollouts have neither advantages nor rewards, or advantages and a baseline
 * is given, or have been through here; and as `createHook` and `rolloutsToBatch` do.
 * @throws {RangeError} If a name is unknown or a value out of range.
 */
export function creditRollouts(
  rollouts: readonly Rollout[],
  options: CreditRolloutsOptions,
): CreditedRollouts {
  const { matcher, transforms, step = {}, metrics = {} } = options;
  const { warn = warnOnConsole } = options;
  const again = rollouts.findIndex((rollout) => rollout.planning_mask !== undefined);
  if (again !== -1) {
    throw new InputTypeError(
      `Cannot apply transforms to ${
        rolloutName(again, rollouts[again]!.prompt_id)
      } as it has a planning_mask: it has been through ` +
        "here, and a second application would compound, start from the host's advantages",
    );
  }
  const { batch: packed, promptIds } = packRollouts(rollouts, options);
  const { groupScope, ...measured } = metrics;
  const baseline = chooseBaseline(packed, options.baseline);
  const hook = createHook({
    matcher,
    transforms,
    metrics: measured,
    warn,
    ...(baseline !== "host" && { baseline: baseline as BaselineName | BaselinePreset }),
  });
  const result = hook(packed, {
    ...step,
    groups: { names: promptIds, ...(groupScope !== undefined && { scope: groupScope }) },
  });
  const { baselineAdvantages } = result;
  const batch: CheckedBatch = baselineAdvantages === undefined
    ? packed
    : { ...packed, advantages: baselineAdvantages, advantagesPer: "token" };
  const name = typeof baseline === "string" ? baseline : "custom";
  if (packed.advantages === undefined && options.baseline === undefined) {
    const { formula } = baselinePreset(DEFAULT_BASELINE);
    warn(
      `hicra: the rollouts have rewards and no advantages: using baseline "${name}", ${formula}`,
    );
  }
  if (isAllZero(batch)) {
    warn(`hicra: all advantages are 0, so there is nothing to credit: ${whyZero(batch, name)}`);
  }
  return { batch, baseline: name, result };
}

const DEFAULT_BASELINE = "paper";

function chooseBaseline(
  { advantages, rewards }: CheckedBatch,
  baseline: string | BaselinePreset | undefined,
): string | BaselinePreset {
  if (advantages !== undefined) {
    if (baseline === undefined) return "host";
    throw new InputTypeError(
      "Cannot compute a baseline as the rollouts have advantages: leave the baseline out, or take " +
        "advantage and advantages out of the rollouts",
    );
  }
  if (rewards === undefined) {
    throw new InputTypeError(
      "Cannot apply transforms as rollouts must have advantages, advantage or reward: they have none " +
        "of them",
    );
  }
  return baseline ?? DEFAULT_BASELINE;
}

/** Whether there are trained tokens, and each has advantage 0. */
function isAllZero(batch: CheckedBatch): boolean {
  const advantages = tokenAdvantages(batch);
  return batch.lossMask.includes(1) &&
    !advantages.some((advantage, i) => advantage !== 0 && batch.lossMask[i] === 1);
}

function whyZero({ rewards, groupIds }: CheckedBatch, baseline: string): string {
  if (baseline === "host") return "they are so in the rollouts";
  const isSingle = groupIds!.length === new Set(groupIds).size;
  const isEqual = rewards!.every((reward, s) =>
    reward === rewards![groupIds!.indexOf(groupIds![s]!)]
  );
  const gives = `baseline "${baseline}" gives`;
  if (isSingle) return `every prompt_id has one rollout, and ${gives} a group of one 0`;
  if (isEqual) return `the rollouts of each prompt_id have equal rewards, and ${gives} them 0`;
  return `${gives} every rollout 0`;
}

/**
 * Adds to each rollout what {@linkcode creditRollouts} made of it. Of its own fields only those that
 * {@linkcode CreditedRollout} names change. For rollouts that were read from a file,
 * {@linkcode creditedJsonl} also keeps what a JavaScript number cannot hold.
 *
 * @param rollouts Those given to `creditRollouts`.
 * @param credited What it returned.
 * @returns One object per rollout, in order.
 */
export function* creditedLines(
  rollouts: readonly Rollout[],
  { batch, result }: CreditedRollouts,
): Generator<CreditedRollout, void, undefined> {
  let s = 0;
  for (const marked of markedLines(batch, result)) {
    const advantages = result.advantages.slice(batch.offsets[s], batch.offsets[s + 1]);
    yield { ...rollouts[s++]!, ...marked, advantages };
  }
}

/**
 * Writes what {@linkcode creditRollouts} made of each rollout into the line that it was read from:
 * `planning_mask`, `spans` and `advantages`, and `token_ids` where the line has none. They replace a
 * field of that name, at every place where the line repeats it, or are appended. Everything else keeps
 * its bytes, such as the digits of a number that no float64 holds.
 *
 * @param lines As `readRolloutLines` yields them; their rollouts are those given to `creditRollouts`.
 * @param credited What it returned.
 * @returns One line per rollout, in order, each with its line end.
 * @throws {RangeError} If an advantage is not finite, as JSON cannot hold it.
 */
export function* creditedJsonl(
  lines: readonly RolloutLine[],
  { batch, result }: CreditedRollouts,
): Generator<string, void, undefined> {
  let s = 0;
  for (const { token_ids: tokenIds, ...marks } of markedLines(batch, result)) {
    const { line, rollout } = lines[s]!;
    const advantages = result.advantages.slice(batch.offsets[s], batch.offsets[s + 1]);
    const ids = rollout.token_ids === undefined ? { "token_ids": tokenIds } : {};
    yield rewriteLine(line, { ...ids, ...marks, advantages }) + "\n";
    s++;
  }
}

/**
 * Encodes credited rollouts as safetensors: the tensors of the batch contract with the advantages
 * after the transforms, `planning_mask`, and `spans` `[spans, 3]` with positions in the batch. The
 * header says `base: transformed`, so that nobody transforms them again.
 *
 * @param credited What {@linkcode creditRollouts} returned.
 * @param metadata Further text for the header.
 * @returns A complete file.
 */
export function creditedSafetensors(
  { batch, result }: CreditedRollouts,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { advantages, planningMask, spans = new Int32Array() } = result;
  return batchToSafetensors({ ...batch, advantages, planningMask, advantagesPer: "token" }, {
    tensors: { spans: { dtype: "I32", shape: [spans.length / 3, 3], data: spans } },
    metadata: { ...metadata, base: "transformed" },
  });
}
