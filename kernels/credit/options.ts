/**
 * A way to turn the rewards of a group into advantages: the same plain data as `BaselineConvention` of
 * `@hicra/hicra/advantage`, so that `baselinePreset("verl").group` is one.
 */
export interface CreditBaseline {
  /** What is subtracted: the mean of the group (the default), the mean of the others, or nothing. */
  readonly center?: "mean" | "leave-one-out" | "none";
  /**
   * What the centred reward is divided by: nothing (the default), the standard deviation of the
   * group, of the others in the group, or of all rewards; or the mean of the group (MaxRL), where a
   * mean that is not positive gives 0.
   */
  readonly scale?: "none" | "group-std" | "leave-one-out-std" | "batch-std" | "mean";
  /** Standard deviations divide the sum of squares by `n - ddof`; 1 by default. */
  readonly ddof?: 0 | 1;
  /** Guard against small divisors; 1e-6 by default. */
  readonly epsilon?: number;
  /**
   * Where `epsilon` enters: `std + epsilon` ("add", the default), `max(std, epsilon)` ("floor") or
   * `sqrt(std^2 + epsilon)` ("variance"). A divisor of exactly 0 divides nothing.
   */
  readonly epsilonPlace?: "add" | "floor" | "variance";
  /**
   * Advantage of a group of one: 0 (the default), its reward, or an error, which only typed arrays
   * can give.
   */
  readonly singleton?: "zero" | "reward" | "error";
}

/** An amplification for each kind of strategic gram, in the order of the codes 1 to 4. */
export interface CreditAlphas {
  /** Code 1: drawing a conclusion. */
  readonly deduction: number;
  /** Code 2: taking up another approach or case. */
  readonly branching: number;
  /** Code 3: going back, checking, correcting. */
  readonly backtracking: number;
  /** Code 4: any other strategic gram. */
  readonly other: number;
}

/** HICRA on planning tokens; `hicraAdvantages` of `@hicra/hicra/advantage` has the formulas. */
export interface HicraCredit {
  /** Says that this is HICRA. */
  readonly name: "hicra";
  /** Amplification, in `[0, 1)`; one for all planning tokens or one for each kind. 0.2 by default. */
  readonly alpha?: number | CreditAlphas;
  /** Formula; `"paper"` by default. */
  readonly mode?:
    | "paper"
    | "symmetric"
    | "positive-only"
    | "mass-preserving"
    | "baseline-corrected";
  /** Accept an alpha of 1 or more, except in the mode `"mass-preserving"`. */
  readonly allowSignChange?: boolean;
}

/** `A' = A + min(alpha*H, |A|/kappa)`. */
export interface HighEntropyCredit {
  /** Says which transform this is. */
  readonly name: "high-entropy-advantage";
  /** Advantage per nat of entropy, at least 0; 0.4 by default. */
  readonly alpha?: number;
  /** The bonus is at most `|A|/kappa`; more than 1, 2 by default. */
  readonly kappa?: number;
}

/** `A' = A * max(0, 1 + beta*(S/mean(S) - 1))` with the surprisal S, the mean over its sequence. */
export interface SurprisalCredit {
  /** Says which transform this is. */
  readonly name: "surprisal-weighting";
  /** Strength of the weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

/** Surprisal weights after the surprisals of execution tokens were pulled towards their mean. */
export interface SepaCredit {
  /** Says which transform this is. */
  readonly name: "sepa";
  /** Strength of the pooling, in `[0, 1]`; 1 by default. */
  readonly lambda?: number;
  /** Strength of the weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

/** Surprisal weights after the surprisals of planning tokens were raised by `gamma*mean(S)`. */
export interface PlanningBoostCredit {
  /** Says which transform this is. */
  readonly name: "planning-boost";
  /** Boost in units of the mean surprisal, at least 0; 0.3 by default. */
  readonly gamma?: number;
  /** Strength of the weight, at least 0; 0.1 by default. */
  readonly beta?: number;
}

/**
 * A transform by name with its options: the same plain JSON as `createTransform` of
 * `@hicra/hicra/advantage` takes, with a number in the place of a schedule.
 *
 * Not here, as they are no sums and products over tokens and sequences: `official-code`,
 * `top-entropy-mask` and `top-entropy-filter` rank the entropies of a sequence or a batch,
 * `shuffle-mask` draws a mask from a seed, `gtpo` sums over the tokens of a group at the same trained
 * position, which costs a search of the whole group for every token, and `entropy-regularization`
 * changes no advantage. A mask made by one of them is given as `kinds`.
 */
export type CreditTransform =
  | HicraCredit
  | HighEntropyCredit
  | SurprisalCredit
  | SepaCredit
  | PlanningBoostCredit;

/** Options of `creditTokens`, `creditTokensGpu` and `CreditKernel`. */
export interface CreditOptions {
  /**
   * What is given: `"rewards"` (the default) and their groups, or the host's advantages, one per
   * sequence or one per token.
   */
  readonly from?: "rewards" | "sequences" | "tokens";
  /** Convention of the group baseline, for `from: "rewards"`. */
  readonly baseline?: CreditBaseline;
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
