import type { Command } from "commander";
import { matcherProvenance, writeOutput } from "../files/mod.ts";
import { metricPairs } from "../metrics/mod.ts";
import { OUT, type OutFlag } from "./arguments.ts";
import { creditedJsonl, creditedSafetensors, creditRollouts } from "./credit_rollouts.ts";
import { type CreditFlags, creditOf, creditOptions, loadConfig } from "./credit_flags.ts";
import { FOLDER, type Manual } from "./manual.ts";
import { refuseOverwriting } from "./refuse_overwriting.ts";
import {
  filesOf,
  loadMatcher,
  type MatchFlags,
  matchOptions,
  rolloutCommand,
  rolloutLinesOf,
} from "./rollout_flags.ts";
import { counted, planningShare, type Warn, wrote } from "./notices.ts";
import { VERSION } from "./version.ts";

const APPLY: Manual = {
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

/** Adds `hicra apply`. */
export function addApplyCommand(program: Command, warn: Warn): void {
  creditOptions(matchOptions(rolloutCommand(program, "apply", APPLY)))
    .addOption(OUT)
    .action((path: string, flags: MatchFlags & CreditFlags & OutFlag) => apply(path, flags, warn));
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
  const share = metricPairs(credited.result.metrics!)["hicra/planning_frac"]!;
  const summary = `${counted(rollouts.length, "rollout")}, ${planningShare(share)}`;
  if (!flags.out.endsWith(".safetensors")) {
    await writeOutput(flags.out, creditedJsonl(lines, credited));
    return wrote(flags.out, summary, warn);
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
  wrote(flags.out, summary, warn);
}
