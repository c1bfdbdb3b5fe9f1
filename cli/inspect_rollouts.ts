import { warnOnConsole } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import type { CreditedRollouts } from "./credit_rollouts.ts";
import { type MarkRolloutsOptions, packRollouts, warnOfOwnMask } from "./mark_rollouts.ts";
import type { Rollout } from "../files/mod.ts";
import { type Trace, traceRollouts } from "../view/mod.ts";

/** Options of {@linkcode inspectRollouts}. */
export interface InspectRolloutsOptions extends MarkRolloutsOptions {
  /** Only rollouts of this prompt. */
  readonly promptId?: string;
  /** Only correct, or only incorrect rollouts. */
  readonly correct?: boolean;
  /** At most so many rollouts. Default: all. */
  readonly limit?: number;
  /** A rollout is correct if its reward is above this. @default {0} */
  readonly correctAbove?: number;
  /** What the numbers count, where it is not tokens. */
  readonly unit?: "byte";
  /** What `creditRollouts` made of the same rollouts, to show what it did to the advantages. */
  readonly credited?: CreditedRollouts;
}

/**
 * Selects rollouts and turns them into traces. Without `credited` it reads one rollout after the
 * other and stops when it has enough.
 *
 * @param rollouts As `readRollouts` yields them.
 * @param options Matcher, selection and what the transforms did.
 * @returns The traces, in the order of the rollouts.
 * @throws {RangeError} If `credited` is of another number of rollouts.
 */
export async function* inspectRollouts(
  rollouts: Iterable<Rollout> | AsyncIterable<Rollout>,
  options: InspectRolloutsOptions,
): AsyncGenerator<Trace, void, undefined> {
  const { matcher, credited, promptId, correct, limit = Infinity, correctAbove = 0 } = options;
  const { unit } = options;
  const { warn = warnOnConsole } = options;
  if (limit <= 0) return;
  const isCorrect = (reward: number): boolean => Math.fround(reward) > Math.fround(correctAbove); // as `measure` compares them
  const isSelected = ({ prompt_id: id, reward }: Rollout): boolean =>
    (promptId === undefined || id === promptId) &&
    (correct === undefined || (reward !== undefined && isCorrect(reward) === correct));
  let shown = 0;
  if (credited !== undefined) {
    const all = await Array.fromAsync(rollouts);
    const { batch, result } = credited;
    if (all.length !== batch.numSequences) {
      throw new InputRangeError(
        `Cannot inspect rollouts as credited must be of the same ones, ${all.length}: it is of ` +
          batch.numSequences,
      );
    }
    const sequences = [...all.keys()].filter((s) => isSelected(all[s]!)).slice(0, limit);
    shown = sequences.length;
    yield* traceRollouts(batch, result, {
      matcher,
      rollouts: all,
      sequences,
      correctAbove,
      ...(unit && { unit }),
    });
  } else {
    let firstIndex = -1;
    for await (const rollout of rollouts) {
      firstIndex++;
      if (!isSelected(rollout)) continue;
      if (shown === 0) warnOfOwnMask([rollout], options);
      const { batch } = packRollouts([rollout], { ...options, firstIndex });
      const marks = matcher.match(batch);
      yield* traceRollouts(batch, marks, {
        matcher,
        rollouts: [rollout],
        correctAbove,
        ...(unit && { unit }),
      });
      if (++shown === limit) return;
    }
  }
  if (shown === 0) warn("hicra: no rollout was selected");
}
