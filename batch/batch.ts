/**
 * The one data contract of this package: a ragged batch of S sequences and N response tokens in
 * compressed-row form, the layout of jagged tensors, Arrow lists and `cu_seqlens`.
 *
 * Arrays of length `[tokens]` hold one value for each of the N response tokens; arrays of length
 * `[sequences]` one value for each of the S sequences. Inputs are never modified, outputs are
 * freshly allocated.
 */
export interface Batch {
  /** Row boundaries, `[sequences + 1]`: sequence `s` is tokens `[offsets[s], offsets[s + 1])`. */
  readonly offsets: Int32Array;
  /** `[tokens]`, 0 or 1: sampled by the policy and trained on. A 0 breaks a phrase. */
  readonly lossMask: Uint8Array;
  /** `[tokens]`: the id of the token that `advantages[i]` credits. */
  readonly tokenIds?: Int32Array;
  /** `[tokens]` or `[sequences]`: the host's final advantages; one per sequence is broadcast. */
  readonly advantages?: Float32Array;
  /**
   * What one advantage stands for. The length says it, except in a ragged batch that happens to hold
   * as many tokens as sequences: there it must be given.
   */
  readonly advantagesPer?: "token" | "sequence";
  /**
   * `[sequences]`: scalar rewards, for metrics and for loops that let us compute the baseline; NaN, or
   * an infinity, where a rollout was not scored.
   */
  readonly rewards?: Float32Array;
  /** `[sequences]`: equal ids are rollouts of one prompt; -1 is unknown. */
  readonly groupIds?: Int32Array;
  /**
   * `[tokens]`, nats: log-probability of the sampled token under the rollout-time policy; NaN where it
   * was not measured.
   */
  readonly oldLogprobs?: Float32Array;
  /**
   * `[tokens]`, nats: entropy of the next-token distribution under the rollout-time policy; NaN where it
   * was not measured.
   */
  readonly entropies?: Float32Array;
  /** `[sequences]`: bit set of {@linkcode Flag} values. */
  readonly flags?: Uint8Array;
  /** `[tokens]`: message or turn of each token; a change breaks a phrase. */
  readonly segmentIds?: Int32Array;
  /** `[tokens]`, 0 or 1: a mask computed elsewhere, which replaces matching on `tokenIds`. */
  readonly planningMask?: Uint8Array;
}

/** A {@linkcode Batch} that passed {@linkcode checkBatch}: its sizes are known and its arrays agree. */
export interface CheckedBatch extends Batch {
  /** Number of sequences, S. */
  readonly numSequences: number;
  /** Number of tokens, N. */
  readonly numTokens: number;
}

/** Meaning of the bits in {@linkcode Batch.flags}. */
export const Flag: {
  /** The completion was cut at the length limit. */
  readonly truncated: 1;
  /** A row the host added to fill a batch; it carries no rollout. */
  readonly padding: 2;
  /** Keep the row out of every metric. */
  readonly excludeFromMetrics: 4;
} = { truncated: 1, padding: 2, excludeFromMetrics: 4 };
