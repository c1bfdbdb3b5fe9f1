import type { Command } from "commander";
import { writeJsonl } from "../files/mod.ts";
import { OUT, type OutFlag } from "./arguments.ts";
import { FOLDER, type Manual } from "./manual.ts";
import { markRollouts, MASK_FIELDS } from "./mark_rollouts.ts";
import { counted, planningShare, type Warn, wrote } from "./notices.ts";
import { refuseOverwriting } from "./refuse_overwriting.ts";
import {
  filesOf,
  loadMatcher,
  type MatchFlags,
  matchOptions,
  rolloutCommand,
  rolloutsOf,
} from "./rollout_flags.ts";

const MASK: Manual = {
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

/** Adds `hicra mask`. */
export function addMaskCommand(program: Command, warn: Warn): void {
  matchOptions(rolloutCommand(program, "mask", MASK))
    .addOption(OUT)
    .action((path: string, flags: MatchFlags & OutFlag) => mask(path, flags, warn));
}

async function mask(path: string, flags: MatchFlags & OutFlag, warn: Warn): Promise<void> {
  await refuseOverwriting([["--out", flags.out]], filesOf(path, flags));
  const match = await loadMatcher(flags, {}, warn);
  const rollouts = rolloutsOf(path, { fields: MASK_FIELDS });
  let numRollouts = 0;
  const share = { sum: 0, count: 0 };
  const onMarked = ({ sum, count }: typeof share): void => {
    numRollouts++;
    share.sum += sum;
    share.count += count;
  };
  await writeJsonl(flags.out, markRollouts(rollouts, { ...match, onMarked }));
  wrote(flags.out, `${counted(numRollouts, "rollout")}, ${planningShare(share)}`, warn);
}
