import { parseArgs } from "node:util";

/** What a run of the evaluation is asked to do. */
export interface MiningOptions {
  /** Built-in names or files, scored beside the paper's lists. */
  readonly lexicons: readonly string[];
  /** Rollout file with labelled sentences; undefined for the shipped one. */
  readonly labelled: string | undefined;
  /** Rollout files for recall and removal; empty for those that the repository ships. */
  readonly rollouts: readonly string[];
  /** Seed of every draw. */
  readonly seed: number;
  /** Sentences and labels only: a few seconds. */
  readonly quick: boolean;
  /** Print JSON instead of tables. */
  readonly json: boolean;
  /** Write the tables into bench/mining/README.md. */
  readonly readme: boolean;
}

/** Text of `--help`. */
export const HELP = `Scores lexicons of strategic grams beside the paper's list.

  deno run -A bench/mining/main.ts [flags]

  --lexicon NAME|FILE a lexicon to score beside paper, paper-2plus and paper-3to5; repeat for more
  --labelled FILE     rollouts with labelled sentences (default: the 20 traces that are shipped)
  --rollouts FILE     rollouts for recall of the paper's entries; repeat for more (default: all shipped)
  --seed NUMBER       seed of every draw (default: 0)
  --quick             sentences and labels only: no removal, no recall
  --json              print all figures as JSON
  --readme            write the tables into bench/mining/README.md
  --help              this text`;

/**
 * Reads the command line.
 *
 * @param args Arguments after the name of the program.
 * @returns The options, or null where help is asked for.
 * @throws {TypeError} If a flag is unknown or lacks its value.
 * @throws {RangeError} If a value is out of range.
 */
export function parseMiningOptions(args: readonly string[]): MiningOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      lexicon: { type: "string", multiple: true, default: [] },
      labelled: { type: "string" },
      rollouts: { type: "string", multiple: true, default: [] },
      seed: { type: "string", default: "0" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const seed = Number(values.seed);
  if (values.seed.trim() === "" || !Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(
      `Cannot score lexicons as --seed must be a whole number from 0: ` +
        `current value is "${values.seed}"`,
    );
  }
  const other = [
    values.quick && "quick",
    values.labelled !== undefined && "labelled",
    values.rollouts.length > 0 && "rollouts",
  ].find((flag) => flag !== false);
  if (values.readme && other !== undefined) {
    throw new RangeError(
      "Cannot write figures into the README as they must be of a full run on what is shipped: " +
        `--${other} is given`,
    );
  }
  return {
    lexicons: values.lexicon,
    labelled: values.labelled,
    rollouts: values.rollouts,
    seed,
    quick: values.quick,
    json: values.json,
    readme: values.readme,
  };
}
