/** What {@linkcode countNgrams} says while it works. */
export interface NgramProgress {
  /**
   * What is done with the solutions: `store` writes them to the disk if they are no stored corpus,
   * `filter` finds by hash which n-grams may occur in enough prompts, `count` counts those by
   * text, `examples` reads examples. If memory is short, `filter` and `count` are repeated.
   */
  readonly stage: "store" | "filter" | "count" | "examples";
  /** Solutions with which the stage is through. */
  readonly solutions: number;
  /** Solutions of the corpus; not known while it is stored. */
  readonly numSolutions?: number;
}
