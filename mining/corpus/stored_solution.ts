/** A solution of a stored corpus. */
export interface StoredSolution {
  /** The model's text, without the prompt. */
  readonly text: string;
  /** Names the prompt. */
  readonly promptId: string;
  /** The number of the prompt: 0, 1, ... as the prompts first appear in the corpus. */
  readonly prompt: number;
}
