import type { BaselineConvention, BuiltinTransformConfig } from "../../advantage/mod.ts";

/**
 * A transform as `createTransform` of `@hicra/hicra/advantage` takes it, with a number in the place of a
 * schedule.
 *
 * Not here, as they are no sums and products over tokens and sequences: `top-entropy-mask` and
 * `top-entropy-filter` rank the entropies of a sequence or a batch, `shuffle-mask` draws a mask from a
 * seed, `gtpo` sums over the tokens of a group at the same trained position, which costs a search of
 * the whole group for every token, and `entropy-regularization` changes no advantage. A mask made by
 * one of them is given as `kinds`.
 */
export type CreditTransform = Extract<
  BuiltinTransformConfig,
  {
    readonly name:
      | "hicra"
      | "high-entropy-advantage"
      | "surprisal-weighting"
      | "sepa"
      | "planning-boost";
  }
>;

/** Options of `CreditKernel`. */
export interface CreditOptions {
  /**
   * What is given: `"rewards"` (the default) and their groups, or the host's advantages, one per
   * sequence or one per token.
   */
  readonly from?: "rewards" | "sequences" | "tokens";
  /** Convention of the group baseline, such as `baselinePreset("verl").group`, for `from: "rewards"`. */
  readonly baseline?: BaselineConvention;
  /** What is made of the advantages; left out, they are only repeated over the tokens. */
  readonly transform?: CreditTransform;
}

/** What is credited: the contract of a batch with the planning tokens. Only what is needed is read. */
export interface CreditBatch {
  /** `[sequences + 1]`: sequence `s` is tokens `[offsets[s], offsets[s + 1])`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: only tokens at 1 are transformed or counted. */
  readonly lossMask: Uint8Array;
  /** `[tokens]`: 0 for an execution token, 1 to 4 for the kind of a planning token. A planning mask of
   * 0 and 1 goes with one alpha for all. */
  readonly kinds?: Uint8Array;
  /** `[sequences]`, for `from: "rewards"`. */
  readonly rewards?: Float32Array;
  /** `[sequences]`: equal ids are rollouts of one prompt, in any order; -1 is unknown. */
  readonly groupIds?: Int32Array;
  /** `[sequences]`, 0 or 1: sequences with 0 enter no baseline and get 0. All 1 when left out. */
  readonly include?: Uint8Array;
  /** `[sequences]` or `[tokens]`, for `from: "sequences"` or `"tokens"`. */
  readonly advantages?: Float32Array;
  /** `[tokens]`, nats, for `high-entropy-advantage`. */
  readonly entropies?: Float32Array;
  /** `[tokens]`, nats, for `surprisal-weighting`, `sepa` and `planning-boost`. */
  readonly oldLogprobs?: Float32Array;
}
