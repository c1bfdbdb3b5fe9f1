import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { InputRangeError } from "../../batch/mod.ts";

/** What a run of the speed comparison is asked to do. */
export interface PipelineOptions {
  /** Rollout files. */
  readonly rollouts: readonly string[];
  /** The interpreter of the peer's environment. */
  readonly python: string;
  /** Folder with the models in `float32` and `int8`. */
  readonly models: string;
  /** Rounds in which all pipelines run once. */
  readonly rounds: number;
  /** Print JSON instead of tables. */
  readonly json: boolean;
  /** Write the tables into bench/lexicons/README.md. */
  readonly readme: boolean;
}

/** Text of `--help`. */
export const HELP = `Times the miner beside a plain Python pipeline of the same steps.

  bash bench/peers/setup.sh                           # once: the Python side, 6.5 GB
  deno run -A bench/lexicons/pipeline_speed.ts [flags]

  --rollouts FILE   rollouts, JSON Lines with prompt_id, completion and reward; repeat for more (default:
                    r1_distill_14b_math and r1_distill_1p5b_math)
  --python FILE     the interpreter (default: that of bench/peers/.venv)
  --models FOLDER   all-MiniLM-L6-v2 in float32 and int8 (default: bench/peers/.venv/models)
  --rounds NUMBER   rounds in which everything runs once, in turns (default: 3)
  --json            print all figures as JSON
  --readme          write the tables into bench/lexicons/README.md
  --help            this text

  Without the Python side a line says so, and only ours is timed.`;

/**
 * Reads the command line.
 *
 * @param args Arguments after the name of the program.
 * @returns The options, or null where help is asked for.
 * @throws {TypeError} If a flag is unknown or lacks its value.
 * @throws {RangeError} If a value is out of range.
 */
export function parsePipelineOptions(args: readonly string[]): PipelineOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rollouts: { type: "string", multiple: true, default: [] },
      python: { type: "string" },
      models: { type: "string" },
      rounds: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new InputRangeError(
      `Cannot time pipelines as --rounds must be a whole number from 1: ` +
        `current value is "${values.rounds}"`,
    );
  }
  const isDefault = values.rollouts.length === 0;
  if (values.readme && !isDefault) {
    throw new InputRangeError(
      "Cannot write figures into the README as they must be of what is shipped: --rollouts is given",
    );
  }
  return {
    rollouts: isDefault ? DEFAULT_ROLLOUTS.map(pathOf) : values.rollouts,
    python: values.python ?? pathOf("bench/peers/.venv/bin/python"),
    models: values.models ?? pathOf("bench/peers/.venv/models"),
    rounds,
    json: values.json,
    readme: values.readme,
  };
}

const DEFAULT_ROLLOUTS = [
  "tests/testdata/rollouts/r1_distill_14b_math.jsonl.gz",
  "tests/testdata/rollouts/r1_distill_1p5b_math.jsonl.gz",
];

function pathOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
