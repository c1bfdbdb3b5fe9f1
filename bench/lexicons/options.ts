import { parseArgs } from "node:util";
import { InputRangeError } from "../../batch/mod.ts";

/** The parts of the evaluation, in their order. */
export const PARTS = [
  "scores",
  "corpora",
  "learned",
  "ablations",
  "stability",
  "transfer",
] as const;
/** Those that mine nothing. */
const QUICK_PARTS: readonly Part[] = ["scores", "corpora"];

/** What can be asked for alone. */
export type Part = typeof PARTS[number];

/** What a run of the evaluation is asked to do. */
export interface MiningOptions {
  /** Built-in names or files, scored beside the paper's lists. */
  readonly lexicons: readonly string[];
  /** What is measured. */
  readonly parts: readonly Part[];
  /** Files to mine from; empty for those that the repository ships, but the labeled traces. */
  readonly solutions: readonly string[];
  /** Field that tells the prompts of the solutions apart. */
  readonly promptField: string;
  /** Folder with model.onnx and tokenizer.json of all-MiniLM-L6-v2; undefined leaves its rows out. */
  readonly miniLm: string | undefined;
  /** Folder that keeps what is mined; undefined for a temporary one. */
  readonly work: string | undefined;
  /** Rollout file with labeled sentences; undefined for the shipped one. */
  readonly labeled: string | undefined;
  /** Rollout files with labeled sentences, each a corpus beside those that are shipped. */
  readonly corpora: readonly string[];
  /** Rollout files for recall and removal; empty for those that the repository ships. */
  readonly rollouts: readonly string[];
  /** Seed of every draw. */
  readonly seed: number;
  /** Given lexicons on sentences and labels only: a few seconds. */
  readonly quick: boolean;
  /** Print JSON instead of tables. */
  readonly json: boolean;
  /** Write the tables into bench/lexicons/README.md. */
  readonly readme: boolean;
}

/** Text of `--help`. */
export const HELP =
  `Scores lexicons of strategic grams beside the paper's list, and the miner itself.

  deno run -A bench/lexicons/main.ts [flags]

  --lexicon NAME|FILE a lexicon to score beside paper, paper-2plus, paper-3to5 and what is mined by
                      default; repeat for more
  --part NAME         one of ${PARTS.join(", ")}; repeat for more (default: all)
  --solutions FILE    solutions to mine from; repeat for more (default: all rollouts that are shipped
                      but the labeled traces)
  --prompt-field NAME field that tells their prompts apart (default: prompt)
  --minilm FOLDER     folder with model.onnx and tokenizer.json of all-MiniLM-L6-v2, for the ablations
                      with it; README.md says where to get it
  --work FOLDER       where to keep counts and embeddings (default: nowhere)
  --labeled FILE      rollouts with labeled sentences and their importance (default: the 20 traces that
                      are shipped)
  --corpus FILE       rollouts with labeled sentences, a corpus beside those that are shipped; repeat
                      for more
  --rollouts FILE     rollouts for recall of the paper's entries, and removal where they are steps of
                      a run; repeat for more (default: all shipped)
  --seed NUMBER       seed of every draw (default: 0)
  --quick             lists and given lexicons on sentences and labels only: nothing is mined, no
                      removal, no recall
  --json              print all figures as JSON
  --readme            write the tables into bench/lexicons/README.md
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
      part: { type: "string", multiple: true, default: [] },
      solutions: { type: "string", multiple: true, default: [] },
      "prompt-field": { type: "string", default: "prompt" },
      minilm: { type: "string" },
      work: { type: "string" },
      labeled: { type: "string" },
      corpus: { type: "string", multiple: true, default: [] },
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
    throw new InputRangeError(
      `Cannot score lexicons as --seed must be a whole number from 0: ` +
        `current value is "${values.seed}"`,
    );
  }
  const unknown = values.part.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) {
    throw new InputRangeError(
      `Cannot score lexicons as --part must be one of ${PARTS.join(", ")}: ` +
        `current value is "${unknown}"`,
    );
  }
  if (values.quick && values.part.some((name) => !QUICK_PARTS.some((part) => part === name))) {
    throw new InputRangeError(
      `Cannot score lexicons as --quick must go with no other part than ${
        QUICK_PARTS.join(" and ")
      }: nothing is mined`,
    );
  }
  const other = [
    values.quick && "quick",
    values.part.length > 0 && "part",
    values.solutions.length > 0 && "solutions",
    values.labeled !== undefined && "labeled",
    values.corpus.length > 0 && "corpus",
    values.rollouts.length > 0 && "rollouts",
  ].find((flag) => flag !== false);
  if (values.readme && other !== undefined) {
    throw new InputRangeError(
      "Cannot write figures into the README as they must be of a full run on what is shipped: " +
        `--${other} is given`,
    );
  }
  return {
    lexicons: values.lexicon,
    parts: (values.quick ? QUICK_PARTS : PARTS)
      .filter((part) => values.part.length === 0 || values.part.includes(part)),
    solutions: values.solutions,
    promptField: values["prompt-field"],
    miniLm: values.minilm,
    work: values.work,
    labeled: values.labeled,
    corpora: values.corpus,
    rollouts: values.rollouts,
    seed,
    quick: values.quick,
    json: values.json,
    readme: values.readme,
  };
}
