import type { Command } from "commander";
import { parseJson, visibleLine } from "../batch/internal.ts";
import { InputTypeError } from "../batch/mod.ts";
import { readWhole } from "../files/internal.ts";
import { matcherProvenance, writeOutput } from "../files/mod.ts";
import type { MetricSums } from "../metrics/mod.ts";
import { creditRollouts } from "./credit_rollouts.ts";
import {
  asksForCredit,
  type CreditFlags,
  creditOf,
  creditOptions,
  loadConfig,
} from "./credit_flags.ts";
import { FOLDER, type Manual } from "./manual.ts";
import { measureRollouts } from "./measure_rollouts.ts";
import { metricsReport } from "./metrics_report.ts";
import { metricsTable } from "./metrics_table.ts";
import { refuseOverwriting } from "./refuse_overwriting.ts";
import {
  filesOf,
  loadMatcher,
  type MatchFlags,
  matchOptions,
  rolloutCommand,
  rolloutsOf,
} from "./rollout_flags.ts";
import { counted, planningShare, type Warn, wrote } from "./notices.ts";

interface MetricsFlags {
  readonly reference?: string;
  readonly json?: true;
  readonly out?: string;
}

const METRICS: Manual = {
  summary: "measure a step",
  description:
    "Measures the rollouts as one step and prints what people look at. --json and --out write all of it: provenance, (sum, count) pairs to be " +
    "added over ranks, values, entropies with their support and sample count, and sums that merge " +
    "exactly. Perplexity needs logprobs, entropy per class entropies, accuracy and pass@k rewards. With " +
    "--alpha, --transform or --baseline it also measures what the transforms do.",
  examples: [
    `metrics ${FOLDER}/llama3b_rlvr_step400.jsonl.gz --tokenizer $QWEN --out step400.json`,
    `metrics ${FOLDER}/llama3b_rlvr_step800.jsonl.gz --tokenizer $QWEN --reference step400.json`,
  ],
};

/** Adds `hicra metrics`. */
export function addMetricsCommand(program: Command, warn: Warn): void {
  creditOptions(matchOptions(rolloutCommand(program, "metrics", METRICS)))
    .option("--reference <METRICS.json>", "metrics of step 0, for figures relative to it")
    .option("--json", "all of it as JSON, instead of a table of what people look at")
    .option("--out <FILE>", "the JSON to a file; .gz is compressed")
    .action((path: string, flags: MatchFlags & CreditFlags & MetricsFlags) =>
      metrics(path, flags, warn)
    );
}

async function metrics(
  path: string,
  flags: MatchFlags & CreditFlags & MetricsFlags,
  warn: Warn,
): Promise<void> {
  const config = await loadConfig(flags);
  const { out = "-" } = flags;
  await refuseOverwriting([["--out", out]], [
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
  if (flags.json || flags.out !== undefined) {
    await writeOutput(out, [JSON.stringify(report, null, 2), "\n"]);
    const share = planningShare(report.pairs["hicra/planning_frac"]!);
    return wrote(out, `${counted(rollouts.length, "rollout")}, ${share}`, warn);
  }
  const { lexicon } = match.matcher;
  const title = `${counted(rollouts.length, "rollout")} · lexicon ${visibleLine(lexicon.name)}, ` +
    counted(lexicon.grams.length, "gram");
  await writeOutput("-", [`${title}\n\n${metricsTable(report, lexicon)}`]);
}

async function loadSums(path: string): Promise<MetricSums> {
  const text = new TextDecoder().decode(await readWhole(path, "metrics"));
  const report = parseJson(text, path) as { readonly sums?: MetricSums } | null;
  const sums = report?.sums;
  if (typeof sums?.pairs === "object") return sums;
  throw new InputTypeError(
    `Cannot read ${path} as it must be the output of hicra metrics: it has no sums`,
  );
}
