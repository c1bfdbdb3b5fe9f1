/**
 * Buffers of one run of a `CreditKernel`; all need `GPUBufferUsage.STORAGE`. `CreditKernel.needs` says
 * which ones its options ask for. Bytes are padded to a multiple of 4.
 */
export interface CreditBuffers {
  /** `[sequences + 1]`, i32: read only. */
  readonly offsets?: GPUBuffer;
  /** `[tokens]`, u8: read only. 0 is not trained, anything else is. */
  readonly lossMask: GPUBuffer;
  /** `[tokens]`, u8: read only. Above 4 counts as 0. */
  readonly kinds?: GPUBuffer;
  /** `[sequences]`, f32: read only, for `from: "rewards"`. */
  readonly rewards?: GPUBuffer;
  /**
   * `[sequences]`, i32: read only. A sequence with -1 enters no baseline and gets 0; in the mode
   * `"baseline-corrected"` it is left alone.
   */
  readonly groupIds?: GPUBuffer;
  /** `[sequences]`, u8: read only. Sequences with 0 enter no baseline and get 0. */
  readonly include?: GPUBuffer;
  /** `[sequences]` or `[tokens]`, f32: read only, for `from: "sequences"` or `"tokens"`. */
  readonly advantages?: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly entropies?: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly oldLogprobs?: GPUBuffer;
  /** `[5]`, f32: read only; what `creditParameters` returns, for a schedule. The options' own when left out. */
  readonly parameters?: GPUBuffer;
  /** `[sequences]`, f32: written with `from: "rewards"`. The group baseline, for metrics. */
  readonly sequenceAdvantages?: GPUBuffer;
  /** `[4 * sequences]`, f32: written where the transform sums over sequences. Scratch. */
  readonly statistics?: GPUBuffer;
  /** `[tokens]`, f32: written. The advantages of the tokens. */
  readonly credited: GPUBuffer;
}

/** How much of the buffers counts, from their start. */
export interface CreditSizes {
  /** Number of sequences, S. */
  readonly numSequences: number;
  /** Number of tokens, N; the last offset. */
  readonly numTokens: number;
}
