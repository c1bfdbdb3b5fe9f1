/**
 * The command line, `hicra`: planning masks, HICRA advantages, coloured traces and metrics of rollout
 * files, and tools for lexicons. It only parses and calls; all it does is in `./hooks`.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import process from "node:process";
import { inspect as shown } from "node:util";
import { visibleLine, visibleText } from "../batch/internal.ts";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";
import {
  baselinePreset,
  baselinePresets,
  builtinTransforms,
  checkClock,
  type Schedule,
  type ScheduleClock,
  scheduleValue,
  type Transform,
  type TransformConfig,
} from "../advantage/mod.ts";
import {
  creditedJsonl,
  type CreditedRollouts,
  creditedSafetensors,
  creditRollouts,
  type CreditRolloutsOptions,
} from "./credit_rollouts.ts";
import { inspectRollouts } from "./inspect_rollouts.ts";
import { markRollouts, MASK_FIELDS } from "./mark_rollouts.ts";
import {
  type Encode,
  loadLexicon,
  loadTokenizer,
  matcherProvenance,
  type ParseRolloutOptions,
  readRolloutLines,
  type Rollout,
  type RolloutLine,
  writeJsonl,
  writeOutput,
} from "../files/mod.ts";
import { BUILT_IN_LEXICONS, DEFAULT_LEXICON, SgMatcher } from "../sg/mod.ts";
import { measureRollouts } from "./measure_rollouts.ts";
import { metricsReport } from "./metrics_report.ts";
import { parseRunConfig, type RunConfig } from "./run_config.ts";
import { traceAnsi, traceLegendAnsi, tracesPage } from "../view/mod.ts";
import { COLOR, finiteNumber, isColored, OUT, wholeNumber } from "./arguments.ts";
import { addLexiconCommand } from "./lexicon_command.ts";
import { addMineCommand } from "./mine_command.ts";
import { addServeCommand } from "./serve_command.ts";
import { VERSION } from "./version.ts";
import {
  ALPHA_EXAMPLES,
  APPLY,
  INSPECT,
  type Manual,
  MASK,
  METRICS,
  QWEN,
  ROLLOUTS_HELP,
  SHELL_FUNCTION,
} from "./manual.ts";
import { type OptionSchema, optionValues } from "./option_values.ts";
import { lexiconFile, type NamedPath, refuseOverwriting } from "./refuse_overwriting.ts";
import { UsageError } from "./usage_error.ts";
import type { MetricSums } from "../metrics/mod.ts";
import { readWhole, systemReason } from "../files/internal.ts";

/**
 * Runs the command line.
 *
 * @example Usage
 * ```ts
 * import { main } from "@hicra/hicra/cli";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await main(["mask", "missing.jsonl", "--tokenizer", "missing.json"]), 1);
 * ```
 *
 * @param args The arguments after the program's name.
 * @returns The exit code: 0, 1 for a failure such as what a file holds, 2 for a mistake in the
 * arguments. Both say in one line on standard error what is wrong, and nothing else; a failure shows
 * its stack where `HICRA_DEBUG` is set to 1.
 */
export async function main(args: string[]): Promise<number> {
  // Kept until the command has succeeded: beside a failure they would only distract.
  const warnings: string[] = [];
  try {
    const program = createProgram((message) => warnings.push(message));
    await program.parseAsync(unknownCommand(program, args) ?? args, { from: "user" });
    warnings.forEach(say);
    return 0;
  } catch (error) {
    // Commander has written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (process.env.HICRA_DEBUG === "1") console.error(visibleText(shown(error)));
    else say(`hicra: ${messageOf(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The arguments up to a command that there is not: commander would answer `--help` behind one with its own. */
function unknownCommand(program: Command, args: readonly string[]): string[] | undefined {
  const names: string[] = [];
  let command = program;
  for (const name of args.filter((arg) => !arg.startsWith("-") && arg !== "help")) {
    if (command.commands.length === 0) return undefined;
    names.push(name);
    const found = command.commands.find((one) => one.name() === name);
    if (found === undefined) return names;
    command = found;
  }
  return undefined;
}

type Warn = (message: string) => void;

interface MatchFlags {
  readonly tokenizer: string;
  readonly vocabSize?: number;
  readonly lexicon?: string;
}

interface CreditFlags {
  readonly config?: string;
  readonly alpha?: number;
  readonly mode?: string;
  readonly transform?: TransformConfig[];
  readonly baseline?: string;
  readonly step?: number;
  readonly signal?: Record<string, number>;
}

interface OutFlag {
  readonly out: string;
}

interface InspectFlags {
  readonly prompt?: string;
  readonly correct?: true;
  readonly incorrect?: true;
  readonly limit?: number;
  readonly color: "auto" | "always" | "never";
  readonly html?: string;
}

interface MetricsFlags {
  readonly reference?: string;
}

function createProgram(warn: Warn): Command {
  const program = new Command("hicra")
    .description(
      "Planning-aware credit assignment (HICRA, arXiv 2509.03646) for files of rollouts: marks the " +
        'tokens of strategic grams such as "let\'s try a different angle", amplifies their ' +
        "advantages, shows and measures what happened.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      outputError: (message, write) => write(visibleMistake(message)),
    })
    .showHelpAfterError("Run it with --help to see how it is used.")
    .addHelpText("after", `\n${ROLLOUTS_HELP}\n\nhicra COMMAND --help has examples.`);

  matchOptions(subcommand(program, "mask", MASK))
    .addOption(OUT)
    .action((path: string, flags: MatchFlags & OutFlag) => mask(path, flags, warn));
  creditOptions(matchOptions(subcommand(program, "apply", APPLY)))
    .addOption(OUT)
    .action((path: string, flags: MatchFlags & CreditFlags & OutFlag) => apply(path, flags, warn));
  creditOptions(matchOptions(subcommand(program, "inspect", INSPECT)))
    .option("--prompt <ID>", "only rollouts of this prompt")
    .addOption(new Option("--correct", "only correct rollouts").conflicts("incorrect"))
    .option("--incorrect", "only incorrect rollouts")
    .option("--limit <N>", "at most N rollouts (default: 10, with --html all)", wholeNumber)
    .addOption(COLOR)
    .option("--html <FILE>", "write one self-contained page instead")
    .action((path: string, flags: MatchFlags & CreditFlags & InspectFlags) =>
      inspect(path, flags, warn)
    );
  creditOptions(matchOptions(subcommand(program, "metrics", METRICS)))
    .option("--reference <METRICS.json>", "metrics of step 0, for figures relative to it")
    .addOption(OUT)
    .action((path: string, flags: MatchFlags & CreditFlags & MetricsFlags & OutFlag) =>
      metrics(path, flags, warn)
    );
  addMineCommand(program, warn);
  addLexiconCommand(program);
  addServeCommand(program);
  program.command("list")
    .summary("list transforms, baselines and lexicons")
    .description("Lists every transform with its options, every baseline preset and every lexicon.")
    .action(list);
  return program;
}

async function mask(path: string, flags: MatchFlags & OutFlag, warn: Warn): Promise<void> {
  await refuseOverwriting([["--out", flags.out]], filesOf(path, flags));
  const match = await loadMatcher(flags, {}, warn);
  const rollouts = rolloutsOf(path, { fields: MASK_FIELDS });
  await writeJsonl(flags.out, markRollouts(rollouts, match));
}

async function apply(
  path: string,
  flags: MatchFlags & CreditFlags & OutFlag,
  warn: Warn,
): Promise<void> {
  const config = await loadConfig(flags);
  await refuseOverwriting([["--out", flags.out]], filesOf(path, flags, config));
  const credit = creditOf(flags, config);
  const match = await loadMatcher(flags, config, warn);
  const lines = await Array.fromAsync(rolloutLinesOf(path));
  const rollouts = lines.map(({ rollout }) => rollout);
  const credited = creditRollouts(rollouts, { ...match, ...credit });
  const { entropyCoefficient } = credited.result;
  if (entropyCoefficient !== undefined) {
    warn(`hicra: the loop must add an entropy bonus of weight ${entropyCoefficient} to its loss`);
  }
  if (!flags.out.endsWith(".safetensors")) {
    return await writeOutput(flags.out, creditedJsonl(lines, credited));
  }
  const metadata = {
    ...matcherProvenance(match.matcher),
    "vocab_size": String(match.matcher.tokens.vocabSize),
    baseline: credited.baseline,
    transforms: JSON.stringify(credited.result.transforms),
    ...(flags.step !== undefined && { step: String(flags.step) }),
    "prompt_ids": JSON.stringify([...new Set(rollouts.map(({ prompt_id: id }) => id))]),
    version: VERSION,
    ...(entropyCoefficient !== undefined && { "entropy_coefficient": String(entropyCoefficient) }),
  };
  await writeOutput(flags.out, [creditedSafetensors(credited, metadata)]);
}

async function inspect(
  path: string,
  flags: MatchFlags & CreditFlags & InspectFlags,
  warn: Warn,
): Promise<void> {
  const { prompt, correct, incorrect, html, limit = html === undefined ? 10 : undefined } = flags;
  const config = await loadConfig(flags);
  await refuseOverwriting([["--html", html ?? "-"]], filesOf(path, flags, config));
  const credit = asksForCredit(flags, config) ? creditOf(flags, config) : undefined;
  const match = await loadMatcher(flags, config, warn);
  let rollouts: AsyncIterable<Rollout> | Rollout[] = rolloutsOf(path);
  let credited: CreditedRollouts | undefined;
  if (credit !== undefined) {
    rollouts = await Array.fromAsync(rollouts);
    credited = creditRollouts(rollouts, { ...match, ...credit });
  }
  const traces = inspectRollouts(rollouts, {
    ...match,
    ...(prompt !== undefined && { promptId: prompt }),
    ...((correct || incorrect) && { correct: correct === true }),
    ...(limit !== undefined && { limit }),
    ...(config.metrics?.correctAbove !== undefined && {
      correctAbove: config.metrics.correctAbove,
    }),
    ...(credited && { credited }),
  });
  if (html !== undefined) {
    const { lexicon } = match.matcher;
    const notes = [
      `Planning tokens by lexicon ${lexicon.name}, ${lexicon.grams.length} grams; ` +
      `tokenizer ${flags.tokenizer}.`,
      ...(credit && credited ? creditNotes(credited.baseline, credit) : []),
    ];
    const title = path === "-" ? "Rollouts" : path.replace(/^.*[/\\]/, "");
    return await writeOutput(html, tracesPage(traces, { title, notes }));
  }
  const color = isColored(flags.color);
  await writeOutput(
    "-",
    (async function* () {
      yield traceLegendAnsi({ color });
      for await (const trace of traces) yield `\n${traceAnsi(trace, { color })}`;
    })(),
  );
}

async function metrics(
  path: string,
  flags: MatchFlags & CreditFlags & MetricsFlags & OutFlag,
  warn: Warn,
): Promise<void> {
  const config = await loadConfig(flags);
  await refuseOverwriting([["--out", flags.out]], [
    ...filesOf(path, flags, config),
    ["--reference", flags.reference],
  ]);
  const credit = asksForCredit(flags, config) ? creditOf(flags, config) : undefined;
  const reference = flags.reference === undefined ? undefined : await loadSums(flags.reference);
  const match = await loadMatcher(flags, config, warn);
  const rollouts = await Array.fromAsync(rolloutsOf(path));
  const credited = credit && creditRollouts(rollouts, { ...match, ...credit });
  const options = config.metrics ?? {};
  const sums = credited?.result.metrics ??
    measureRollouts(rollouts, { ...match, metrics: options });
  const { followerLength } = options;
  const report = {
    rollouts: rollouts.length,
    ...matcherProvenance(match.matcher),
    ...(credited && {
      baseline: credited.baseline,
      transforms: credited.result.transforms,
      ...(flags.step !== undefined && { step: flags.step }),
    }),
    ...metricsReport(sums, {
      lexicon: match.matcher.lexicon,
      ...(reference && { reference }),
      ...(followerLength !== undefined && { followerLength }),
    }),
  };
  await writeOutput(flags.out, [JSON.stringify(report, null, 2), "\n"]);
}

/** Says what was applied, with every default filled in and every schedule at its value. */
function creditNotes(baseline: string, { transforms, step: clock }: Credit): string[] {
  const applied = transforms.map(({ name, options = {} }) =>
    `${name} ${JSON.stringify(valueAt(options, clock))}`
  );
  return [
    baseline === "host"
      ? "Advantages: those of the rollouts."
      : `Advantages: baseline ${baseline}, ${baselinePreset(baseline).formula}.`,
    `Transforms${clock.step === undefined ? "" : ` at step ${clock.step}`}: ` +
    `${applied.join("; ") || "none"}.`,
  ];
}

/** Options with each schedule replaced by its value at a step. */
function valueAt(value: unknown, clock: ScheduleClock): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if ("type" in value) return scheduleValue(value as Schedule, clock);
  const entries = Object.entries(value).map(([key, part]) => [key, valueAt(part, clock)]);
  return Object.fromEntries(entries);
}

function list(): void {
  const transforms = builtinTransforms().describe().flatMap(({ name, summary, options }) => [
    `  ${name}: ${summary}`,
    ...Object.entries((options as OptionSchema).properties ?? {}).map(([option, schema]) => {
      const { default: value } = schema;
      const given = value === undefined ? "required" : `default ${JSON.stringify(value)}`;
      return `      ${option}: ${optionValues(schema).join(", ")}; ${given}`;
    }),
  ]);
  const baselines = Object.entries(baselinePresets)
    .map(([name, { formula }]) => `  ${name}: ${formula}`);
  const lines = [
    "Transforms (--transform), with their options",
    ...transforms,
    "",
    "An option for each kind, and one gated on a signal",
    ...ALPHA_EXAMPLES.map((example) => `  ${example}`),
    "",
    "Baselines (--baseline); std[d] divides by n - d",
    ...baselines,
    "",
    `Lexicons (--lexicon): ${BUILT_IN_LEXICONS.join(", ")}`,
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

async function* rolloutsOf(
  path: string,
  options: ParseRolloutOptions = {},
): AsyncGenerator<Rollout, void, undefined> {
  for await (const { rollout } of rolloutLinesOf(path, options)) yield rollout;
}

async function* rolloutLinesOf(
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

/** The files that a command about rollouts reads. */
function filesOf(
  path: string,
  { tokenizer, lexicon, config: configPath }: MatchFlags & CreditFlags,
  config: RunConfig = {},
): NamedPath[] {
  return [
    ["ROLLOUTS", path],
    ["--tokenizer", tokenizer],
    ["--tokenizer", join(tokenizer, "tokenizer.json")],
    ["--lexicon", lexiconFile(lexicon ?? config.lexicon)],
    ["--config", configPath],
  ];
}

async function loadMatcher(
  { tokenizer, vocabSize, lexicon }: MatchFlags,
  config: RunConfig,
  warn: Warn,
): Promise<{ matcher: SgMatcher; encode: Encode; warn: Warn }> {
  const grams = await loadLexicon(lexicon ?? config.lexicon ?? DEFAULT_LEXICON);
  const { tokens, encode } = await loadTokenizer(
    tokenizer,
    vocabSize === undefined ? {} : { vocabSize },
  );
  return { matcher: SgMatcher.compile(grams, tokens), encode, warn };
}

async function loadConfig({ config }: CreditFlags): Promise<RunConfig> {
  return config === undefined ? {} : parseRunConfig(await readText(config, "settings"), config);
}

async function readText(path: string, kind: "settings" | "metrics"): Promise<string> {
  return new TextDecoder().decode(await readWhole(path, kind));
}

async function loadSums(path: string): Promise<MetricSums> {
  const text = await readText(path, "metrics");
  let report: { readonly sums?: MetricSums } | null;
  try {
    report = JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${path} as it must be JSON: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const sums = report?.sums;
  if (typeof sums?.pairs === "object") return sums;
  throw new InputTypeError(
    `Cannot read ${path} as it must be the output of hicra metrics: it has no sums`,
  );
}

function asksForCredit(
  { alpha, mode, transform, baseline }: CreditFlags,
  config: RunConfig,
): boolean {
  return [alpha, mode, transform, baseline, config.transforms, config.baseline]
    .some((value) => value !== undefined);
}

type Credit = Pick<CreditRolloutsOptions, "baseline" | "metrics"> & {
  readonly transforms: readonly Transform[];
  readonly step: ScheduleClock;
};

/** Flags win over the configuration. Names and options are checked before any rollout is read. */
function creditOf(flags: CreditFlags, config: RunConfig): Credit {
  const registry = builtinTransforms();
  const create = (one: TransformConfig): Transform => registry.create(one);
  if (flags.transform === undefined) config.transforms?.forEach(create);
  if (flags.baseline === undefined && config.baseline !== undefined) {
    baselinePreset(config.baseline);
  }
  // The configuration is in order, so what fails now is due to a flag.
  try {
    const transforms = transformsOf(flags, config).map(create);
    const step = {
      ...(flags.step !== undefined && { step: flags.step }),
      ...(flags.signal && { signals: flags.signal }),
    };
    checkClock(transforms, step);
    const baseline = flags.baseline ?? config.baseline;
    if (baseline !== undefined) baselinePreset(baseline);
    return {
      transforms,
      ...(baseline !== undefined && { baseline }),
      ...(config.metrics && { metrics: config.metrics }),
      step,
    };
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function transformsOf(
  { transform, alpha, mode }: CreditFlags,
  config: RunConfig,
): readonly TransformConfig[] {
  const transforms = transform ?? config.transforms ?? [{ name: "hicra" }];
  const options = { ...(alpha !== undefined && { alpha }), ...(mode !== undefined && { mode }) };
  if (Object.keys(options).length > 0 && !transforms.some(({ name }) => name === "hicra")) {
    throw new InputRangeError(
      "Cannot set --alpha or --mode as they belong to transform hicra: current transforms are " +
        transforms.map(({ name }) => name).join(", "),
    );
  }
  return transforms.map((one) => one.name === "hicra" ? { ...one, ...options } : one);
}

function subcommand(program: Command, name: string, manual: Manual): Command {
  const examples = manual.examples.map((example) => `  hicra ${example}\n`).join("");
  return program.command(name)
    .summary(manual.summary)
    .description(manual.description)
    .argument("<ROLLOUTS>", "rollout file, or - for standard input")
    .addHelpText(
      "after",
      `\n${ROLLOUTS_HELP}\n\nExamples, in the repository:\n${SHELL_FUNCTION}\n  QWEN=${QWEN}\n${examples}`,
    );
}

function matchOptions(command: Command): Command {
  return command
    .requiredOption(
      "--tokenizer <FILE|MODEL>",
      "Hugging Face tokenizer.json, plain or .gz, its folder, a model in the local cache of Hugging Face such as Qwen/Qwen3-0.6B, or npm:PACKAGE/PATH",
    )
    .option("--vocab-size <N>", "vocabulary size of the model, where it is padded", wholeNumber)
    .option(
      "--lexicon <NAME|FILE>",
      `${BUILT_IN_LEXICONS.join(", ")}, or a file (default: ${DEFAULT_LEXICON})`,
    );
}

function creditOptions(command: Command): Command {
  return command
    .option(
      "--config <CONFIG.json>",
      'keys "lexicon", "baseline", "transforms" and "metrics", all optional; flags win',
    )
    .option(
      "--transform <NAME|JSON>",
      "transform, may be repeated, see hicra list (default: hicra)",
      collectTransform,
    )
    .option("--alpha <NUMBER>", "alpha of hicra (default: 0.2)", finiteNumber)
    .option("--mode <MODE>", 'mode of hicra (default: "paper")')
    .option(
      "--baseline <PRESET>",
      "advantages from rewards, see hicra list (default: paper where there are none)",
    )
    .option("--step <N>", "training step, required by schedules and shuffle-mask", wholeNumber)
    .option(
      "--signal <NAME=NUMBER>",
      "signal, required by gated schedules, may be repeated",
      collectSignal,
    );
}

function collectTransform(text: string, previous: TransformConfig[] = []): TransformConfig[] {
  if (!text.trimStart().startsWith("{")) return [...previous, { name: text }];
  try {
    return [...previous, JSON.parse(text)];
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${(error as Error).message}`);
  }
}

function collectSignal(
  text: string,
  previous: Record<string, number> = {},
): Record<string, number> {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It must be NAME=NUMBER.");
  return { ...previous, [name]: finiteNumber(value!) };
}

/** The message; of a call that the system refused its name, its path and the reason. */
function messageOf(error: unknown): string {
  const { syscall, path } = Object(error) as NodeJS.ErrnoException;
  const reason = syscall === undefined ? undefined : systemReason(error);
  return reason !== undefined
    ? `Cannot ${syscall}${path === undefined ? "" : ` "${path}"`}: ${reason}`
    : error instanceof Error
    ? error.message
    : String(error);
}

/** What commander says of the arguments; its advice is a line of its own. */
function visibleMistake(message: string): string {
  const lines = message.replace(/^error: /, "hicra: ").trimEnd().split("\n");
  return lines.map((line) => `${visibleLine(line)}\n`).join("");
}

function say(message: string): void {
  process.stderr.write(`${visibleLine(message)}\n`);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
