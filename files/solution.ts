/** One solution of a corpus, as a miner reads it. */
export interface Solution {
  /** The model's text, without the prompt. */
  readonly text: string;
  /** Names the prompt: solutions of one prompt count as one source. */
  readonly promptId: string;
  /** Whether the solution reached the right answer; absent when nobody said. */
  readonly succeeded?: boolean;
}
