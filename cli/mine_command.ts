import { type Command, InvalidArgumentError, Option } from "commander";
import { access, constants, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { InputRangeError } from "../batch/mod.ts";
import { finiteNumber, shareOfOne, wholeNumber } from "./arguments.ts";
import { examplesHelp, FOLDER, type Manual } from "./manual.ts";
import { LABEL_FIELD, PROMPT_FIELD, TEXT_FIELD, withFlag } from "./solution_flags.ts";
import { type NamedPath, refuseOverwriting } from "./refuse_overwriting.ts";
import { ProgressLine } from "./progress_line.ts";
import {
  readSolutions,
  type ReadSolutionsOptions,
  solutionFiles,
  solutionsKey,
  writeOutput,
} from "../files/mod.ts";
import { readWhole } from "../files/internal.ts";
import type { Embedder, MineOptions, MineProgress } from "../mining/mod.ts";
import { type Lexicon, serializeLexicon } from "../sg/mod.ts";

/** What the stages are called on the screen. */
const STAGES: Readonly<Record<MineProgress["stage"], string>> = {
  read: "reading solutions",
  filter: "finding n-grams",
  count: "counting n-grams",
  examples: "taking examples",
  embed: "embedding",
  cluster: "clustering",
  cover: "measuring coverage",
};

interface MineFlags extends ReadSolutionsOptions {
  readonly out: string;
  readonly name?: string;
  readonly source?: string;
  readonly unlabeled: "error" | "keep" | "drop";
  readonly similarity?: number;
  readonly unit?: "word" | "character";
  readonly minWords?: number;
  readonly maxWords?: number;
  readonly minPrompts?: number;
  readonly embedder: string;
  readonly clustering?: "dbscan" | "agglomerative" | "none";
  readonly epsilon?: number;
  readonly minPoints?: number;
  readonly keepClusters?: number;
  readonly keepSparse?: number;
  readonly functional: boolean;
  readonly prototypes?: string;
  readonly prior?: number;
  readonly mathWeight?: number;
  readonly maxShare?: number;
  readonly work?: string;
  readonly memory?: number;
  readonly threads?: number;
}

const MINE: Manual = {
  summary: "mine a lexicon of strategic grams from solutions",
  description:
    "Mines strategic grams from solutions that succeeded: counts n-grams of words, clusters their " +
    "embeddings, keeps the clusters that are in most prompts and the grams that are rare within a " +
    "solution, and of those the ones that guide the solution rather than carry it out. Reads JSON Lines, " +
    "plain or gzip, Parquet, and folders of them or of text files. Writes a lexicon with everything that " +
    "made it; the same solutions give the same bytes. What is finished stays in the work folder, so a run " +
    "that was cut short goes on from there when it is started again.",
  examples: [
    `mine ${FOLDER}/r1_distill_1p5b_math.jsonl.gz --out my-lexicon.json`,
    "lexicon show my-lexicon.json --limit 20",
    `mine ${FOLDER}/r1_distill_1p5b_math.jsonl.gz --min-words 3 --out three.json`,
  ],
};

/** Adds `hicra mine`. */
export function addMineCommand(program: Command, warn: (message: string) => void): void {
  program.command("mine")
    .summary(MINE.summary)
    .description(MINE.description)
    .argument(
      "<SOLUTIONS...>",
      "files or folders of solutions, or - for JSON Lines on standard input",
    )
    .requiredOption("--out <FILE>", "the lexicon; .gz is compressed")
    .option("--name <NAME>", "name of the lexicon (default: that of the file)")
    .option("--source <TEXT>", "where the solutions come from (default: the arguments)")
    .optionsGroup("Solutions:")
    .addOption(TEXT_FIELD)
    .addOption(PROMPT_FIELD)
    .addOption(LABEL_FIELD)
    .option(
      "--min-reward <NUMBER>",
      "a number as label says succeeded from here (default: 1)",
      finiteNumber,
    )
    .option("--max-corrupt <N>", "corrupt records to pass over (default: 0)", wholeNumber)
    .addOption(
      new Option("--unlabeled <WHAT>", "what to do with solutions that nobody labeled")
        .choices(["error", "keep", "drop"]).default("error"),
    )
    .option("--similarity <SHARE>", "from here two solutions are one (default: 0.9)", shareOfOne)
    .optionsGroup("N-grams:")
    .addOption(
      new Option("--unit <UNIT>", "word, or character for scripts without spaces (default: word)")
        .choices(["word", "character"]),
    )
    .option("--min-words <N>", "fewest words (default: 2; the paper says 3)", wholeNumber)
    .option("--max-words <N>", "most words (default: 5)", wholeNumber)
    .option("--min-prompts <N>", "fewest prompts (default: 0.2 % of them, at least 3)", wholeNumber)
    .optionsGroup("Clusters and filters:")
    .option(
      "--embedder <FOLDER>",
      "folder with model.onnx and tokenizer.json of a sentence-transformer, or static",
      "static",
    )
    .addOption(
      new Option("--clustering <NAME>", "(default: dbscan)")
        .choices(["dbscan", "agglomerative", "none"]),
    )
    .option("--epsilon <DISTANCE>", "cosine distance (default: chosen by the data)", finiteNumber)
    .option("--min-points <N>", "points of a DBSCAN core (default: 2)", wholeNumber)
    .option("--keep-clusters <SHARE>", "the most frequent (default: 20%; 100% is off)", shareOfOne)
    .option(
      "--keep-sparse <SHARE>",
      "the least bursty grams (default: 90%; 100% is off)",
      shareOfOne,
    )
    .option("--no-functional", "keep grams that do not guide the solution")
    .option("--prototypes <FILE>", "what guides and what does not, by example (default: English)")
    .option("--prior <SHARE>", "share of n-grams that guide (default: 12%)", shareOfOne)
    .option(
      "--math-weight <NUMBER>",
      "weight of the mathematics around a gram (default: 0.5)",
      finiteNumber,
    )
    .option("--max-share <SHARE>", "of the characters (default: 4.5%; 100% is off)", shareOfOne)
    .optionsGroup("The run:")
    .option(
      "--work <FOLDER>",
      "where to keep what is finished (default: OUT.work, removed at the end)",
    )
    .option("--memory <SIZE>", "for counting, such as 512M or 4G (default: 1G)", memorySize)
    .option("--threads <N>", "threads of matrix products (default: the cores)", wholeNumber)
    .addHelpText("after", examplesHelp(MINE))
    .action((paths: string[], flags: MineFlags, command: Command) =>
      run(paths, flags, warn).catch((error) => {
        throw withFlag(error, command, OTHER_NAMES);
      })
    );
}

async function run(
  paths: readonly string[],
  flags: MineFlags,
  warn: (message: string) => void,
): Promise<void> {
  const { out, work = out === "-" ? undefined : `${out}.work` } = flags;
  await checkWritable(out);
  await refuseOverwriting([["--out", out], ["--work", work]], await filesOf(paths, flags));
  // Loaded here, as the other commands need no onnxruntime.
  const mining = await import("../mining/mod.ts");
  if (work !== undefined) await mining.claimWorkFolder(work);
  const removeWork = async (): Promise<void> => {
    if (flags.work !== undefined || work === undefined) return;
    const left = await mining.removeWorkFolder(work);
    if (left.length === 0) return;
    warn(`hicra: ${work} stays, as it holds what this command did not keep: ${left.join(", ")}`);
  };
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const line = new ProgressLine();
  let corrupt = 0;
  let lexicon: Lexicon;
  try {
    if (await hasSolutions(work)) line.say(`going on from what is in ${work}`);
    lexicon = await mineFiles(mining, paths, flags, {
      work,
      line,
      signal: interrupted.signal,
      onCorrupt: () => corrupt++,
    });
  } catch (error) {
    line.end();
    if (!interrupted.signal.aborted) {
      if (!await hasSolutions(work)) await removeWork();
      throw error;
    }
    throw new Error(
      work === undefined
        ? "interrupted: nothing is kept, as no --work folder was named"
        : `interrupted: the same command goes on from what is in ${work}`,
      { cause: error },
    );
  } finally {
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
  }
  line.end();
  await writeOutput(out, [serializeLexicon(lexicon)]);
  await removeWork();
  if (corrupt > 0) warn(`hicra: ${corrupt} corrupt records were passed over`);
  warn(summaryOf(lexicon, out));
  // What is read once cannot be read again.
  if (!paths.includes("-")) {
    line.show("checking the lexicon on its solutions", 0);
    const { warnings } = await mining.checkLexicon(lexicon, readSolutions(paths, flags), {
      onProgress: (solutions) => line.show("checking the lexicon on its solutions", solutions),
    }).finally(() => line.end());
    for (const warning of warnings) warn(`hicra: in these files, ${warning}`);
  }
  const { coveredShare, maxShare, functional } = lexicon.provenance.parameters!;
  if (functional === true && Number(coveredShare) < 0.8 * Number(maxShare)) {
    warn(
      "hicra: the filters left less than the share that a lexicon may cover, so its last grams are " +
        "barely more likely to guide than not: see functional in their statistics (lexicon show --json)",
    );
  }
}

interface RunContext {
  readonly work: string | undefined;
  readonly line: ProgressLine;
  readonly signal: AbortSignal;
  readonly onCorrupt: () => void;
}

async function mineFiles(
  mining: typeof import("../mining/mod.ts"),
  paths: readonly string[],
  flags: MineFlags,
  { work, line, signal, onCorrupt }: RunContext,
): Promise<Lexicon> {
  const prototypes = flags.prototypes === undefined ? undefined : mining.parsePrototypes(
    new TextDecoder().decode(await readWhole(flags.prototypes, "settings")),
    flags.prototypes,
  );
  const corpusKey = await solutionsKey(paths, flags);
  const embedder = await loadEmbedder(mining, flags);
  try {
    const solutions = readSolutions(paths, {
      ...flags,
      onCorrupt,
      onFields: ({ text, prompt, label = "none" }, path) =>
        line.say(`${path}: text ${text}, prompt ${prompt}, label ${label}`),
    });
    return await mining.mine(solutions, {
      ...mineOptions(flags),
      name: flags.name ?? nameOf(flags.out),
      source: flags.source ?? paths.join(" "),
      reading: {
        textField: flags.textField ?? "found",
        promptField: flags.promptField ?? "found",
        labelField: flags.labelField ?? "found",
        minReward: flags.minReward ?? 1,
      },
      embedder,
      ...(prototypes !== undefined && { prototypes }),
      ...(work !== undefined && { workFolder: work }),
      ...(corpusKey !== undefined && { corpusKey }),
      signal,
      onProgress: ({ stage, done, total }) => line.show(STAGES[stage], done, total),
    });
  } finally {
    await embedder.release();
  }
}

/** Whether solutions that were read lie in a work folder. */
async function hasSolutions(work: string | undefined): Promise<boolean> {
  return work !== undefined &&
    await stat(join(work, "selection.json")).then(() => true, () => false);
}

function summaryOf({ grams, provenance: { parameters = {} } }: Lexicon, out: string): string {
  const share = (100 * Number(parameters.coveredShare)).toFixed(1);
  return `hicra: wrote ${out}: ${grams.length} grams of ${parameters.ngrams} n-grams in ${parameters.solutions} ` +
    `solutions of ${parameters.prompts} prompts; they cover ${share} % of the characters`;
}

async function filesOf(paths: readonly string[], flags: MineFlags): Promise<NamedPath[]> {
  const model = flags.embedder === "static" ? undefined : flags.embedder;
  return [
    ...paths.map((path) => ["SOLUTIONS", path] as const),
    ...(await solutionFiles(paths)).map((path) => ["SOLUTIONS", path] as const),
    ["--prototypes", flags.prototypes],
    ["--embedder", model],
    ["--embedder", model && join(model, "model.onnx")],
    ["--embedder", model && join(model, "tokenizer.json")],
  ];
}

/** Better known before than after the work. */
async function checkWritable(out: string): Promise<void> {
  if (out === "-") return;
  const folder = dirname(out);
  const is = await stat(folder).catch(() => undefined);
  if (is === undefined || !is.isDirectory()) {
    throw new InputRangeError(`Cannot write ${out} as its folder must be there: ${folder} is not`);
  }
  await access(folder, constants.W_OK);
  if ((await stat(out).catch(() => undefined))?.isDirectory()) {
    throw new InputRangeError(`Cannot write ${out} as it must be a file: it is a folder`);
  }
}

async function loadEmbedder(
  { sentenceTransformer, staticEmbedder }: typeof import("../mining/mod.ts"),
  { embedder, threads = 0 }: MineFlags,
): Promise<Embedder> {
  if (embedder === "static") return await staticEmbedder({ threads });
  return await sentenceTransformer({
    model: join(embedder, "model.onnx"),
    tokenizer: join(embedder, "tokenizer.json"),
    name: basename(resolve(embedder)),
    threads,
  });
}

/** The flags that are options of `mine` under the same name. */
const SAME = [
  "unlabeled",
  "similarity",
  "unit",
  "minWords",
  "maxWords",
  "minPrompts",
  "clustering",
  "epsilon",
  "minPoints",
  "keepClusters",
  "keepSparse",
  "functional",
  "prior",
  "mathWeight",
  "maxShare",
  "threads",
] as const;

/** What an option of `mine` is called among the flags, where that is another name. */
const OTHER_NAMES: Readonly<Record<string, string>> = { memoryBytes: "memory", workFolder: "work" };

function mineOptions(flags: MineFlags): MineOptions {
  const given = SAME.filter((name) => flags[name] !== undefined)
    .map((name) => [name, flags[name]]);
  return {
    ...Object.fromEntries(given),
    ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
  };
}

function nameOf(out: string): string {
  return basename(out).replace(/\.json(\.gz)?$/, "");
}

function memorySize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([MG])$/i.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("It must be a size such as 512M or 4G.");
  return Math.floor(Number(digits) * (unit!.toUpperCase() === "G" ? 2 ** 30 : 2 ** 20));
}
