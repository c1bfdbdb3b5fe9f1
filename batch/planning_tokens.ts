/** Where strategic grams stand in a batch: a matcher tells all of it, a mask made elsewhere only itself. */
export interface PlanningTokens {
  /** `[tokens]`, 0 or 1: the token spells part of a strategic gram. */
  readonly planningMask: Uint8Array;
  /**
   * `[tokens]`: 0 off the mask, else the code of the gram's kind, `GRAM_KINDS[code - 1]`. A token in
   * several grams takes the kind of the span that covers it, or of the first match to end when none
   * does.
   */
  readonly kinds?: Uint8Array;
  /**
   * `[3 * spans]`: `startToken, endToken, gramIndex` of the leftmost-longest, non-overlapping
   * matches, ascending. Token positions count from the start of the batch, the end is exclusive.
   */
  readonly spans?: Int32Array;
}
