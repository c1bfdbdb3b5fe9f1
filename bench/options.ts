import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { InputRangeError } from "../batch/mod.ts";
import { DEFAULT_PYTHON } from "./python/place.ts";

/** What a run of the bench is asked to do. */
export interface BenchOptions {
  /** Rollout files; empty for those that the repository ships. */
  readonly rollouts: readonly string[];
  /** Files `tokenizer.json`, folders or `npm:PACKAGE/PATH`; empty for the built-in tokenizers. */
  readonly tokenizers: readonly string[];
  /** Built-in name or file of the lexicon; undefined for `paper` beside `paper-3to5`. */
  readonly lexicon: string | undefined;
  /** Name of the baseline preset. */
  readonly baseline: string;
  /** Alpha of HICRA and of what is compared with it. */
  readonly alpha: number;
  /** A small sample and fewer repetitions. */
  readonly quick: boolean;
  /** The one part to run; undefined for everything. */
  readonly only: BenchPart | undefined;
  /** The interpreter of the comparison with Python. */
  readonly python: string;
  /** Folder that keeps token ids between runs; null to encode anew and keep nothing. */
  readonly cacheFolder: string | null;
  /** Path of the HTML report. */
  readonly out: string;
  /** Path of the figures as JSON, if asked for. */
  readonly json: string | undefined;
  /** Write the figures into README.md and bench/README.md. */
  readonly readme: boolean;
}

/** Parts of the bench that can run alone. */
const PARTS = ["python"] as const;

/** A part of the bench that can run alone. */
export type BenchPart = typeof PARTS[number];

/** Flags by which a run is on something else than what is shipped. */
const OF_OTHERS = ["rollouts", "tokenizer", "lexicon"] as const;

/** Text of `--help`. */
export const HELP = `Measures hicra on real rollouts, beside its peers, and writes one HTML report.

  deno task bench [flags]

  --rollouts FILE     rollouts as JSON Lines, plain or gzip; repeat for more (default: those shipped)
  --tokenizer FILE    a tokenizer.json, plain or gzip, the folder that holds it, or a file of an npm
                      package, npm:PACKAGE/PATH; repeat for more (default: Qwen3, Llama 3.1,
                      DeepSeek V3, GPT-OSS, Gemma 3). The first one serves the tables with a single
                      tokenizer.
  --lexicon NAME|FILE lexicon of strategic grams (default: paper, beside paper-3to5)
  --baseline NAME     how advantages are made of rewards (default: paper)
  --alpha NUMBER      alpha of HICRA and of its controls (default: 0.2)
  --quick             a small sample, two tokenizers, few repetitions: ends within seconds, needs no
                      Python
  --only python       only the comparison with Python, on the first tokenizer; with --quick on a
                      small sample
  --python FILE       the interpreter that has the peers (default: bench/peers/.venv/bin/python, which
                      \`bash bench/peers/setup.sh\` makes; without it a line says what is skipped)
  --cache FOLDER      where token ids are kept between runs (default: hicra-bench in the folder
                      $XDG_CACHE_HOME, or in ~/.cache)
  --no-cache          encode anew and keep nothing on disk
  --out FILE          the report (default: report/index.html)
  --json FILE         all figures, for programs
  --readme            write the figures into bench/README.md
  --help              this text

  Encoding takes most of a first run. Token ids are kept under a digest of texts, tokenizer and
  encoder, so they never go stale; the folder may be deleted.`;

/**
 * Reads the command line.
 *
 * @param args Arguments after the name of the program.
 * @returns The options, or null where help is asked for.
 * @throws {TypeError} If a flag is unknown or lacks its value.
 * @throws {RangeError} If a value is out of range.
 */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rollouts: { type: "string", multiple: true, default: [] },
      tokenizer: { type: "string", multiple: true, default: [] },
      lexicon: { type: "string" },
      baseline: { type: "string", default: "paper" },
      alpha: { type: "string", default: "0.2" },
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      python: { type: "string", default: DEFAULT_PYTHON },
      cache: { type: "string" },
      "no-cache": { type: "boolean", default: false },
      out: { type: "string", default: "report/index.html" },
      json: { type: "string" },
      readme: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const alpha = Number(values.alpha);
  if (values.alpha.trim() === "" || !(alpha >= 0 && alpha < 1)) {
    throw new InputRangeError(
      `Cannot run the bench as --alpha must be a number from 0 and below 1: ` +
        `current value is "${values.alpha}"`,
    );
  }
  const only = PARTS.find((part) => part === values.only);
  if (values.only !== undefined && only === undefined) {
    throw new InputRangeError(
      `Cannot run the bench as --only must be one of ${PARTS.join(", ")}: ` +
        `current value is "${values.only}"`,
    );
  }
  const other = values.quick ? "quick" : OF_OTHERS.find((flag) => values[flag]?.length);
  if (values.readme && other !== undefined) {
    throw new InputRangeError(
      "Cannot write figures into the READMEs as they must be of a full run on what is shipped: " +
        `--${other} is given`,
    );
  }
  return {
    rollouts: values.rollouts,
    tokenizers: values.tokenizer,
    lexicon: values.lexicon,
    baseline: values.baseline,
    alpha,
    quick: values.quick,
    only,
    python: values.python,
    cacheFolder: values["no-cache"] ? null : values.cache ?? defaultCacheFolder(),
    out: values.out,
    json: values.json,
    readme: values.readme,
  };
}

/** The user's folder for what can be made again. */
export function defaultCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "hicra-bench");
}
