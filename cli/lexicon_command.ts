import { type Command, Option } from "commander";
import { z } from "zod";
import { checkOptions, parseJson } from "../batch/internal.ts";
import { readWhole } from "../files/internal.ts";
import type { EarlierCheck } from "../mining/mod.ts";
import { lexiconCheckReport } from "./lexicon_check.ts";
import { ProgressLine } from "./progress_line.ts";
import {
  type FieldFlags,
  LABEL_FIELD,
  PROMPT_FIELD,
  TEXT_FIELD,
  withFlag,
} from "./solution_flags.ts";
import {
  COLOR,
  type ColorFlag,
  isColored,
  OUT,
  type OutFlag,
  shareOfOne,
  wholeNumber,
} from "./arguments.ts";
import { lexiconDiffReport, lexiconReport, selectGrams } from "./lexicon_report.ts";
import { examplesHelp, FOLDER, type Manual } from "./manual.ts";
import { counted, type Warn, wrote } from "./notices.ts";
import { lexiconFile, refuseOverwriting } from "./refuse_overwriting.ts";
import { loadLexicon, readSolutions, solutionFiles, writeOutput } from "../files/mod.ts";
import {
  diffLexicons,
  dropGrams,
  GRAM_KINDS,
  type GramKind,
  type Lexicon,
  mergeLexicons,
  serializeGrams,
  serializeLexicon,
} from "../sg/mod.ts";

interface ShowFlags extends ColorFlag {
  readonly kind?: GramKind;
  readonly cluster?: number;
  readonly limit?: number;
  readonly json?: true;
}

interface CheckFlags extends OutFlag, FieldFlags {
  readonly earlier?: string;
  readonly json?: true;
}

const LEXICON: Manual = {
  summary: "show, check, export, compare, thin out and merge lexicons",
  description:
    "Tools for lexicons. LEXICON is a built-in name, see hicra list, or a file: grams one a line, a " +
    "JSON array of strings, or the format that drop and merge write; plain or .gz.",
  examples: [
    "lexicon show paper --kind branching --limit 5",
    `lexicon check math ${FOLDER}/llama3b_rlvr_step400.jsonl.gz`,
    "lexicon export paper --out grams.txt",
    "lexicon drop 30% paper --seed 1 --out paper-70.json",
    "lexicon diff paper paper-70.json",
    "lexicon merge paper-3to5 paper-70.json --name both --out both.json",
  ],
};

/** Adds `hicra lexicon` with its sub-commands. */
export function addLexiconCommand(program: Command, warn: Warn): void {
  const lexicon = program.command("lexicon")
    .summary(LEXICON.summary)
    .description(LEXICON.description)
    .addHelpText("after", examplesHelp(LEXICON));

  lexicon.command("show")
    .description(
      "Shows where a lexicon comes from, and per cluster its grams with kind, confidence, number of " +
        "documents and matches, and an example, as far as they are known.",
    )
    .argument("<LEXICON>", "built-in name or file")
    .addOption(new Option("--kind <KIND>", "only grams of this kind").choices(GRAM_KINDS))
    .option("--cluster <N>", "only grams of this cluster", wholeNumber)
    .option("--limit <N>", "at most N grams", wholeNumber)
    .addOption(COLOR)
    .option("--json", "all that is known of each gram, as JSON")
    .action(show);
  lexicon.command("check")
    .description(
      "Says what a lexicon finds in rollouts before anyone trains with it: share, kinds, the grams that do " +
        "most of it and those that never occur, in context; how sentences begin that hold no match; and, " +
        "beside an earlier check, whether phrases grew denser or more repetitive while accuracy did not rise.",
    )
    .argument("<LEXICON>", "built-in name or file")
    .argument(
      "<ROLLOUTS...>",
      "files or folders, as hicra mine reads them, or - for standard input",
    )
    .addOption(TEXT_FIELD)
    .addOption(PROMPT_FIELD)
    .addOption(LABEL_FIELD)
    .option("--earlier <FILE>", "what --json wrote for an earlier step, to tell the drift since")
    .option("--json", "all that is known, as JSON")
    .addOption(OUT)
    .action((name: string, paths: string[], flags: CheckFlags, command: Command) =>
      check(name, paths, flags, warn).catch((error) => {
        throw withFlag(error, command);
      })
    );
  lexicon.command("export")
    .description("Writes the grams one a line, in the order of gramIndex.")
    .argument("<LEXICON>", "built-in name or file")
    .addOption(OUT)
    .action((name: string, flags: OutFlag) => exportGrams(name, flags, warn));
  lexicon.command("diff")
    .description(
      "Compares two lexicons by the normalized text of their grams: what B adds to A, what it lacks, " +
        "and which fields of shared grams differ.",
    )
    .argument("<A>", "built-in name or file")
    .argument("<B>", "built-in name or file")
    .option("--json", "the grams with all fields, as JSON")
    .action(diff);
  lexicon.command("drop")
    .description(
      "Removes a share of the grams at random, to see how much a result depends on them.",
    )
    .argument("<SHARE>", "30% or 0.3", shareOfOne)
    .argument("<LEXICON>", "built-in name or file")
    .requiredOption("--seed <N>", "seed of the draw", wholeNumber)
    .addOption(OUT)
    .action((share: number, name: string, flags: OutFlag & { seed: number }) =>
      drop(share, name, flags, warn)
    );
  lexicon.command("merge")
    .description(
      "Joins lexicons in their order; of equal grams the first is kept, clusters are kept apart.",
    )
    .argument("<LEXICONS...>", "built-in names or files")
    .option("--name <NAME>", "name of the result (default: the names joined by +)")
    .addOption(OUT)
    .action((names: string[], flags: OutFlag & { name?: string }) => merge(names, flags, warn));
}

async function show(name: string, flags: ShowFlags): Promise<void> {
  await refuseOverLexicons("-", [name]);
  const lexicon = await loadLexicon(name);
  const { kind, cluster, limit, json } = flags;
  const selected = selectGrams(lexicon, {
    ...(kind !== undefined && { kind }),
    ...(cluster !== undefined && { cluster }),
    ...(limit !== undefined && { limit }),
  });
  if (json) {
    const { name, provenance } = lexicon;
    const grams = selected.map((index) => ({ gramIndex: index, ...lexicon.grams[index] }));
    return await writeJson({ name, provenance, numGrams: lexicon.grams.length, grams });
  }
  await writeOutput("-", [lexiconReport(lexicon, selected, { color: isColored(flags) })]);
}

async function check(
  name: string,
  paths: readonly string[],
  { out, json, earlier, ...fields }: CheckFlags,
  warn: Warn,
): Promise<void> {
  await refuseOverwriting(
    [["--out", out]],
    [
      ["LEXICON", lexiconFile(name)],
      ["--earlier", earlier],
      ...(await solutionFiles(paths)).map((path) => ["ROLLOUTS", path] as const),
    ],
  );
  const lexicon = await loadLexicon(name);
  const before = earlier === undefined ? undefined : await readCheck(earlier);
  // Loaded here, as the other commands do without the miner.
  const { checkLexicon } = await import("../mining/mod.ts");
  const line = new ProgressLine();
  const found = await checkLexicon(lexicon, readSolutions(paths, fields), {
    ...(before && { earlier: before }),
    onProgress: (solutions) => line.show("checking rollouts", solutions),
  }).finally(() => line.end());
  await writeOutput(
    out,
    json ? [JSON.stringify(found, null, 2), "\n"] : [lexiconCheckReport(found)],
  );
  wrote(out, counted(found.warnings.length, "warning"), warn);
}

/** Reads what `--json` wrote. */
async function readCheck(path: string): Promise<EarlierCheck> {
  const text = new TextDecoder().decode(await readWhole(path, "settings"));
  return checkOptions(`read ${path}`, earlierSchema, parseJson(text, path), "field");
}

/** A share from 0 to 1, null where it was not known. */
const shareSchema = z.number().min(0).max(1).nullable();
const earlierSchema = z.object({
  share: shareSchema,
  repetition: shareSchema,
  accuracy: shareSchema,
});

async function exportGrams(name: string, { out }: OutFlag, warn: Warn): Promise<void> {
  await refuseOverLexicons(out, [name]);
  const lexicon = await loadLexicon(name);
  await writeOutput(out, [serializeGrams(lexicon)]);
  wrote(out, counted(lexicon.grams.length, "gram"), warn);
}

async function diff(nameA: string, nameB: string, { json }: { json?: true }): Promise<void> {
  await refuseOverLexicons("-", [nameA, nameB]);
  const [a, b] = [await loadLexicon(nameA), await loadLexicon(nameB)];
  const found = diffLexicons(a, b);
  if (json) return await writeJson({ a: a.name, b: b.name, ...found });
  await writeOutput("-", [lexiconDiffReport(a, b, found)]);
}

async function drop(
  share: number,
  name: string,
  { seed, out }: OutFlag & { seed: number },
  warn: Warn,
): Promise<void> {
  await refuseOverLexicons(out, [name]);
  const lexicon = await dropGrams(await loadLexicon(name), share, { seed });
  await writeLexicon(out, lexicon, warn);
}

async function merge(
  names: string[],
  flags: OutFlag & { name?: string },
  warn: Warn,
): Promise<void> {
  await refuseOverLexicons(flags.out, names);
  const lexicons = await Promise.all(names.map((name) => loadLexicon(name)));
  const name = flags.name ?? lexicons.map((lexicon) => lexicon.name).join("+");
  await writeLexicon(flags.out, await mergeLexicons(lexicons, { name }), warn);
}

async function writeLexicon(out: string, lexicon: Lexicon, warn: Warn): Promise<void> {
  await writeOutput(out, [serializeLexicon(lexicon)]);
  wrote(out, counted(lexicon.grams.length, "gram"), warn);
}

async function refuseOverLexicons(out: string, names: readonly string[]): Promise<void> {
  await refuseOverwriting(
    [["--out", out]],
    names.map((name) => ["LEXICON", lexiconFile(name)] as const),
  );
}

async function writeJson(value: object): Promise<void> {
  await writeOutput("-", [JSON.stringify(value, null, 2), "\n"]);
}
