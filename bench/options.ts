import { Command, InvalidArgumentError } from "commander";
import { DEFAULT_LEXICON } from "../sg/mod.ts";
import { DEFAULT_PYTHON } from "./python/session.ts";
import type { CorpusSize } from "./corpora.ts";
import type { SampleOptions } from "./sample.ts";
import { BUILT_IN_TOKENIZERS } from "./tokenizers.ts";

/** What a run of the bench is asked to do. */
export interface BenchOptions extends SampleOptions {
  /** How much is measured; `full` adds all built-in tokenizers, and larger lexicons. */
  readonly size: CorpusSize;
  /** The interpreter of the comparison with Python; undefined leaves it out. */
  readonly python?: string;
  /** Print tables as Markdown. */
  readonly markdown?: boolean;
  /** Path of the HTML report. */
  readonly out: string;
  /** Path of the figures as JSON. */
  readonly json?: string;
}

const TOKENIZERS = Object.keys(BUILT_IN_TOKENIZERS);

/** The command; `action` runs it. */
export function benchCommand(action: (options: BenchOptions) => Promise<void>): Command {
  return new Command("deno task bench")
    .description("Measures hicra on real rollouts, beside its peers, and writes an HTML report.")
    .option(
      "--rollouts <FILE...>",
      "rollouts as JSON Lines, plain or gzip (default: those shipped)",
    )
    .option(
      "--tokenizer <SOURCE>",
      "a tokenizer.json, its folder, a model in the Hugging Face cache, or npm:PACKAGE/PATH " +
        `(default: ${TOKENIZERS[0]})`,
    )
    .option("--lexicon <NAME|FILE>", "lexicon of strategic grams", DEFAULT_LEXICON)
    .option("--baseline <NAME>", "how advantages are made of rewards", "paper")
    .option("--alpha <NUMBER>", "alpha of HICRA and of its controls", alpha, 0.2)
    .option("--quick", "a small sample and few rounds: no figure to quote")
    .option(
      "--full",
      `all of every file and more rounds, planning shares under ${TOKENIZERS.length} tokenizers, and ` +
        "matching with 2,500 and 25,000 grams; fetches 110 MB",
    )
    .option(
      "--python [FILE]",
      "also beside packages of PyPI, in the interpreter that bash bench/peers/setup.sh makes",
    )
    .option("--markdown", "print tables as Markdown")
    .option("--json <FILE>", "all figures, for programs")
    .option("--out <FILE>", "the report", "report/index.html")
    .action(({ python, quick, full, ...options }) =>
      action({
        ...options,
        size: quick ? "quick" : full ? "full" : "default",
        ...(python !== undefined && { python: python === true ? DEFAULT_PYTHON : python }),
      })
    );
}

function alpha(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError("It must be a number from 0 and below 1.");
  }
  return value;
}
