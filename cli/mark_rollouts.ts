import { warnOnConsole } from "../batch/internal.ts";
import { type CheckedBatch, InputRangeError } from "../batch/mod.ts";
import type { SgMatcher } from "../sg/mod.ts";
import type { HookResult } from "../hooks/mod.ts";
import { type Encode, type Rollout, type RolloutBatch, rolloutsToBatch } from "../files/mod.ts";
import { rolloutName } from "../files/internal.ts";

/** Options of {@linkcode markRollouts}. */
export interface MarkRolloutsOptions {
  /** Marks planning tokens. */
  readonly matcher: SgMatcher;
  /** Encodes the completion of a rollout without `token_ids`. */
  readonly encode?: Encode;
  /** Told of each rollout that was marked: its planning tokens among its trained ones. */
  readonly onMarked?: (share: { readonly sum: number; readonly count: number }) => void;
  /** Told of what deserves attention and is no error. Default: `console.warn`. */
  readonly warn?: (message: string) => void;
}

/** A rollout with its planning tokens, as one line of a file. Positions count from its first token. */
export interface MarkedRollout {
  /** That of the rollout. */
  readonly "prompt_id": string;
  /** `[tokens]`: those of the rollout, or of its encoded completion. */
  readonly "token_ids": Int32Array;
  /** `[tokens]`, 0 or 1. */
  readonly "planning_mask": Uint8Array;
  /** Start token, end token (exclusive) and gram index of each span. */
  readonly spans: readonly (readonly [start: number, end: number, gramIndex: number])[];
}

/** The fields of a rollout that its planning mask depends on, for `readRollouts`. */
export const MASK_FIELDS: readonly string[] = [
  "prompt_id",
  "token_ids",
  "completion",
  "loss_mask",
  "segment_ids",
];

/**
 * Marks the planning tokens of rollouts, one after the other, so that a file of any size passes in
 * bounded memory. Fields that the mask does not depend on ({@linkcode MASK_FIELDS} lists the others) are
 * not looked at.
 *
 * @param rollouts As `readRollouts` yields them.
 * @param options Matcher and encoder.
 * @returns The marked rollouts, in order.
 * @throws {RangeError | TypeError} If a rollout cannot be packed, or a trained token is not in the
 * vocabulary; the message says which rollout.
 */
export async function* markRollouts(
  rollouts: Iterable<Rollout> | AsyncIterable<Rollout>,
  options: MarkRolloutsOptions,
): AsyncGenerator<MarkedRollout, void, undefined> {
  const { matcher, warn = warnOnConsole } = options;
  let index = 0;
  let numTokens = 0;
  let isEmpty = true;
  for await (const rollout of rollouts) {
    const { batch } = packRollouts([onlyMaskFields(rollout)], { ...options, firstIndex: index++ });
    const marks = matcher.match(batch);
    numTokens += batch.numTokens;
    isEmpty &&= !marks.planningMask.includes(1);
    options.onMarked?.({
      sum: countOnes(marks.planningMask),
      count: countOnes(batch.lossMask),
    });
    const [marked] = markedLines(batch, marks);
    yield { "prompt_id": rollout.prompt_id, ...marked! };
  }
  if (isEmpty && numTokens > 0) {
    warn(
      `hicra: no planning token in ${numTokens} tokens; is the tokenizer the one that sampled them, ` +
        "and the lexicon in their language?",
    );
  }
}

function countOnes(mask: Uint8Array): number {
  return mask.reduce((sum, one) => sum + one, 0);
}

function onlyMaskFields(rollout: Rollout): Rollout {
  const own = MASK_FIELDS.filter((field) => rollout[field] !== undefined);
  return Object.fromEntries(own.map((field) => [field, rollout[field]])) as unknown as Rollout;
}

/** Tells of rollouts that bring a mask, which commands that mark anew do not look at. */
export function warnOfOwnMask(
  rollouts: readonly Rollout[],
  { matcher, warn = warnOnConsole }: MarkRolloutsOptions,
): void {
  const index = rollouts.findIndex((rollout) => rollout.planning_mask !== undefined);
  if (index === -1) return;
  warn(
    `hicra: ${
      rolloutName(index, rollouts[index]!.prompt_id)
    } has a planning_mask, and maybe advantages ` +
      `after transforms: here its planning tokens are those of lexicon "${matcher.lexicon.name}", and ` +
      "its advantages are taken as the host's",
  );
}

/** Packs rollouts, and checks their ids where the message can still say whose they are. */
export function packRollouts(
  rollouts: readonly Rollout[],
  { matcher, encode, firstIndex = 0 }: MarkRolloutsOptions & { readonly firstIndex?: number },
): RolloutBatch {
  const packed = rolloutsToBatch(rollouts, { firstIndex, ...(encode && { encode }) });
  const { offsets, tokenIds, lossMask } = packed.batch;
  const { vocabSize } = matcher.tokens;
  for (let s = 0; s < rollouts.length; s++) {
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      if ((tokenIds![i]! >= 0 && tokenIds![i]! < vocabSize) || lossMask[i] === 0) continue;
      const name = rolloutName(firstIndex + s, rollouts[s]!.prompt_id);
      throw new InputRangeError(
        `Cannot mark ${name} as its ids must be in the vocabulary, [0, ${vocabSize}): ` +
          `token_ids[${i - offsets[s]!}] is ${
            tokenIds![i]
          }; pass the tokenizer that sampled them, or ` +
          `the model's vocabulary size where it is padded`,
      );
    }
  }
  return packed;
}

/** Cuts the marks of a batch into those of its rollouts. */
export function* markedLines(
  { offsets, tokenIds }: CheckedBatch,
  { planningMask, spans = new Int32Array() }: Pick<HookResult, "planningMask" | "spans">,
): Generator<Omit<MarkedRollout, "prompt_id">, void, undefined> {
  let k = 0;
  for (let s = 0; s + 1 < offsets.length; s++) {
    const start = offsets[s]!;
    const end = offsets[s + 1]!;
    const own: [number, number, number][] = [];
    for (; k < spans.length && spans[k]! < end; k += 3) {
      own.push([spans[k]! - start, spans[k + 1]! - start, spans[k + 2]!]);
    }
    yield {
      "token_ids": tokenIds!.slice(start, end),
      "planning_mask": planningMask.slice(start, end),
      spans: own,
    };
  }
}
