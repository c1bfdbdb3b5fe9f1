/**
 * Buffers of one run of a `PolicyGradientKernel`; all need `GPUBufferUsage.STORAGE`. The first five
 * are those of the `LogitStatsKernel` that ran before, with the same vocabulary, dtype and temperature.
 */
export interface PolicyGradientBuffers {
  /** `[tokens x vocabSize]` of the kernel's dtype, padded to a multiple of 16 bytes. */
  readonly logits: GPUBuffer;
  /** `[tokens]`, i32: read only. A negative id, such as -100, leaves the token out. */
  readonly tokenIds: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly logprobs: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly entropies: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly logsumexps: GPUBuffer;
  /** `[tokens]`, f32: read only. */
  readonly oldLogprobs: GPUBuffer;
  /** `[tokens]`, f32: read only; with HICRA applied, where it is. */
  readonly advantages: GPUBuffer;
  /** `[tokens]`, f32, at least 0: read only. Loss mask and normalization. */
  readonly weights: GPUBuffer;
  /** `[tokens]`, f32: read only; for kernels compiled with a `klPenalty`. */
  readonly refLogprobs?: GPUBuffer | undefined;
  /** `[tokens]`, f32: written. NaN where a token that counts cannot be computed. */
  readonly losses: GPUBuffer;
  /**
   * `[tokens x vocabSize]`, like the logits: written. The same buffer as `logits` if, and only if, the kernel
   * was compiled to work in place. A token that cannot be computed gets a row of NaN.
   */
  readonly gradients: GPUBuffer;
}
