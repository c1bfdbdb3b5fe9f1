/** Buffers of one run of a {@linkcode MatchKernel}; all need `GPUBufferUsage.STORAGE`. */
export interface MatchBuffers {
  /** `[sequences + 1]`, i32: read only. Sequence `s` is tokens `[offsets[s], offsets[s + 1])`. */
  readonly offsets: GPUBuffer;
  /** `[tokens]`, i32: read only. */
  readonly tokenIds: GPUBuffer;
  /** `[tokens]`, u8, padded to a multiple of 4 bytes: read only. A 0 breaks a phrase. */
  readonly lossMask: GPUBuffer;
  /** `[tokens]`, i32: read only. A change breaks a phrase; one segment when left out. */
  readonly segmentIds?: GPUBuffer;
  /** `[tokens]`, u32: scratch, written; of no use afterwards. */
  readonly text: GPUBuffer;
  /** `[tokens]`, u8, padded to a multiple of 4 bytes: written, 0 or 1, the padding with 0. */
  readonly planningMask: GPUBuffer;
  /**
   * `[5 * capacity]`, i32: written, `startToken, startByte, endToken, endByte, gram` of each match, in no
   * order that could be relied on. Its size is the capacity, and a loop that wants the mask alone gives
   * 4 bytes: what does not fit is left out.
   */
  readonly matches: GPUBuffer;
  /**
   * `[2]`, u32: written. The number of matches, also of those for which there was no room; and the first
   * token that is trained on and whose id is outside the vocabulary, `0xffffffff` if none is.
   */
  readonly status: GPUBuffer;
}

/** Sizes of one run of a {@linkcode MatchKernel}. */
export interface MatchSizes {
  /** Number of sequences. */
  readonly numSequences: number;
  /** Number of tokens. */
  readonly numTokens: number;
}
