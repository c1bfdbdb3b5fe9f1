import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { readSolutions, type Solution, solutionsKey } from "../../files/mod.ts";
import { seededRandom } from "../seeded_random.ts";

/** Solutions of one model. */
export interface MinedCorpus {
  /** Name of the file without folder, endings and step. */
  readonly name: string;
  readonly solutions: readonly Solution[];
}

/** All that lexicons are mined from. */
export interface MinedCorpora {
  readonly corpora: readonly MinedCorpus[];
  /** Names the files with their state, for the work folder. */
  readonly key: string;
}

const ROLLOUTS = new URL("../../tests/testdata/rollouts/", import.meta.url);

/** What is mined by default: all rollouts of the repository but the labeled traces, on which is scored. */
export const SHIPPED_SOLUTIONS: readonly string[] = [
  "r1_distill_14b_math",
  "r1_distill_1p5b_math",
  "llama3b_rlvr_step400",
  "llama3b_rlvr_step800",
  "qwen_math",
].map((name) => fileURLToPath(new URL(`${name}.jsonl.gz`, ROLLOUTS)));

/**
 * Reads solutions, a corpus for every file; steps of one run, `NAME_step400` and `NAME_step800`, are one.
 *
 * @param files Files of solutions; none for those that the repository ships.
 * @param promptField Field that tells the prompts apart.
 * @returns The corpora, in the order of the files.
 */
export async function loadMinedCorpora(
  files: readonly string[],
  promptField: string = "prompt",
): Promise<MinedCorpora> {
  const paths = files.length > 0 ? files : SHIPPED_SOLUTIONS;
  const corpora = new Map<string, Solution[]>();
  for (const path of paths) {
    const name = basename(path).replace(/\.(jsonl|jsonl\.gz|parquet)$/, "").replace(
      /_step\d+$/,
      "",
    );
    const solutions = await Array.fromAsync(readSolutions([path], { promptField }));
    corpora.set(name, [...corpora.get(name) ?? [], ...solutions]);
  }
  return {
    corpora: Array.from(corpora, ([name, solutions]) => ({ name, solutions })),
    key: (await solutionsKey(paths, { promptField }))!,
  };
}

/** All solutions, one corpus after the other. */
export function allSolutions({ corpora }: Pick<MinedCorpora, "corpora">): Solution[] {
  return corpora.flatMap(({ solutions }) => solutions);
}

/** Texts of the solutions that succeeded: those that are mined, repetitions included. */
export function minedTexts(solutions: readonly Solution[]): { readonly text: string }[] {
  return solutions.filter(({ succeeded }) => succeeded !== false);
}

/** What is drawn into halves: all solutions of a prompt at once, or each for itself. */
export type SplitUnit = "prompts" | "solutions";

/**
 * Parts solutions into two random halves.
 *
 * @param solutions The solutions.
 * @param unit What is drawn: with `prompts` no prompt is in both halves.
 * @param seed Seed of the draw.
 * @returns The halves, in order; the first has one unit more where the number is odd.
 */
export function splitSolutions(
  solutions: readonly Solution[],
  unit: SplitUnit,
  seed: number,
): readonly [Solution[], Solution[]] {
  const unitOf = ({ promptId }: Solution, index: number): string | number =>
    unit === "prompts" ? promptId : index;
  const units = [...new Set(solutions.map(unitOf))];
  const random = seededRandom(seed);
  for (let i = units.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [units[i], units[other]] = [units[other]!, units[i]!];
  }
  const first = new Set(units.slice(0, Math.ceil(units.length / 2)));
  return [
    solutions.filter((solution, index) => first.has(unitOf(solution, index))),
    solutions.filter((solution, index) => !first.has(unitOf(solution, index))),
  ];
}

/**
 * Leaves out the solutions of given prompts, which are compared by their letters and digits alone.
 *
 * @param solutions The solutions.
 * @param prompts The prompts.
 * @returns The other solutions.
 */
export function withoutPrompts(
  solutions: readonly Solution[],
  prompts: Iterable<string>,
): Solution[] {
  const left = new Set(Array.from(prompts, lettersOf));
  return solutions.filter(({ promptId }) => !left.has(lettersOf(promptId)));
}

function lettersOf(prompt: string): string {
  return prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}
