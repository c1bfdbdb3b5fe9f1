import { type Command, Option } from "commander";
import { InputTypeError } from "../batch/mod.ts";
import { type Rollout, writeOutput } from "../files/mod.ts";
import { rolloutName } from "../files/internal.ts";
import { type Trace, traceAnsi, traceLegendAnsi, tracesPage } from "../view/mod.ts";
import { COLOR, type ColorFlag, isColored, wholeNumber } from "./arguments.ts";
import { type CreditedRollouts, creditRollouts } from "./credit_rollouts.ts";
import {
  asksForCredit,
  type CreditFlags,
  creditNotes,
  creditOf,
  creditOptions,
  loadConfig,
} from "./credit_flags.ts";
import { inspectRollouts } from "./inspect_rollouts.ts";
import { FOLDER, type Manual } from "./manual.ts";
import { refuseOverwriting } from "./refuse_overwriting.ts";
import {
  filesOf,
  loadMatcher,
  type MatchFlags,
  optionalMatchOptions,
  rolloutCommand,
  rolloutsOf,
} from "./rollout_flags.ts";
import { counted, type Warn, wrote } from "./notices.ts";

interface InspectFlags extends ColorFlag {
  readonly prompt?: string;
  readonly correct?: true;
  readonly incorrect?: true;
  readonly limit?: number;
  readonly html?: string;
}

const INSPECT: Manual = {
  summary: "show rollouts with planning tokens colored by kind",
  description:
    "Shows rollouts in the terminal, planning tokens colored by kind, with reward, length and " +
    "planning share. --html writes one page instead that needs nothing else and shows gram, kind and " +
    "advantage of what the pointer is on. With --alpha, --transform or --baseline it also shows what " +
    "the transforms do to the advantages.",
  examples: [
    `inspect ${FOLDER}/r1_distill_8b_labelled.jsonl.gz --tokenizer $QWEN --incorrect --limit 1`,
    `inspect ${FOLDER}/r1_distill_8b_labelled.jsonl.gz --tokenizer $QWEN --baseline paper --html traces.html`,
  ],
};

/** Adds `hicra inspect`. */
export function addInspectCommand(program: Command, warn: Warn): void {
  creditOptions(
    optionalMatchOptions(rolloutCommand(program, "inspect", INSPECT), "the text, in bytes"),
  )
    .option("--prompt <ID>", "only rollouts of this prompt")
    .addOption(new Option("--correct", "only correct rollouts").conflicts("incorrect"))
    .option("--incorrect", "only incorrect rollouts")
    .option("--limit <N>", "at most N rollouts (default: 10, with --html all)", wholeNumber)
    .addOption(COLOR)
    .option("--html <FILE>", "write one self-contained page instead")
    .action((path: string, flags: MatchFlags & CreditFlags & InspectFlags) =>
      inspect(path, flags, warn)
    );
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
  const isText = flags.tokenizer === undefined;
  let rollouts: AsyncIterable<Rollout> | Rollout[] = isText ? textsOf(path) : rolloutsOf(path);
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
    ...(isText && { unit: "byte" }),
  });
  if (html !== undefined) {
    const { lexicon } = match.matcher;
    const notes = [
      `Planning tokens by lexicon ${lexicon.name}, ${lexicon.grams.length} grams; ` +
      (isText ? "numbers count bytes." : `tokenizer ${flags.tokenizer}.`),
      ...(credit && credited ? creditNotes(credited.baseline, credit) : []),
    ];
    const title = path === "-" ? "Rollouts" : path.replace(/^.*[/\\]/, "");
    let numShown = 0;
    const counting = async function* (): AsyncGenerator<Trace, void, undefined> {
      for await (const trace of traces) {
        numShown++;
        yield trace;
      }
    };
    await writeOutput(html, tracesPage(counting(), { title, notes }));
    return wrote(html, counted(numShown, "rollout"), warn);
  }
  const color = isColored(flags);
  await writeOutput(
    "-",
    (async function* () {
      yield traceLegendAnsi({ color });
      for await (const trace of traces) yield `\n${traceAnsi(trace, { color })}`;
    })(),
  );
}

/** What can be told of the rollouts of a file by their text alone. */
async function* textsOf(path: string): AsyncGenerator<Rollout, void, undefined> {
  let index = 0;
  for await (const rollout of rolloutsOf(path, { fields: CHECKED_FIELDS })) {
    if (rollout.completion === undefined) {
      throw new InputTypeError(
        `Cannot show ${rolloutName(index, rollout.prompt_id)} as it must ` +
          "have a completion to read: it has none, pass --tokenizer for its token_ids",
      );
    }
    index++;
    yield Object.fromEntries(
      ["prompt", ...CHECKED_FIELDS].flatMap((field) =>
        rollout[field] === undefined ? [] : [[field, rollout[field]]]
      ),
    ) as unknown as Rollout;
  }
}

/** The fields that do not count tokens. */
const CHECKED_FIELDS = ["prompt_id", "completion", "reward", "advantage", "truncated"];
