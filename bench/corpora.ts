import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { InputRangeError } from "../batch/mod.ts";
import { readRollouts, type Rollout } from "../files/mod.ts";

/** Rollouts of one file. */
export interface Corpus {
  /** Name of the file without folder and endings. */
  readonly name: string;
  readonly rollouts: readonly Rollout[];
  /** UTF-16 code units of all completions. */
  readonly characters: number;
}

const SHIPPED = fileURLToPath(new URL("../tests/testdata/rollouts/", import.meta.url));

/** How much of each file is taken. */
export type CorpusSize = "quick" | "default" | "full";

/** Characters of a corpus; a quick run is on a few groups. */
const CHARACTERS: Readonly<Record<CorpusSize, number>> = {
  quick: 40_000,
  default: 2_000_000,
  full: Infinity,
};

/**
 * Loads rollout files.
 *
 * @param paths Files; empty for those that the repository ships.
 * @param size How much of each file: whole groups in their order, for a quick run those with different
 * rewards first.
 * @returns A corpus per file, in order.
 */
export async function loadCorpora(
  paths: readonly string[],
  size: CorpusSize = "full",
): Promise<Corpus[]> {
  const corpora: Corpus[] = [];
  for (const path of paths.length > 0 ? paths : await shippedFiles()) {
    const all = await Array.fromAsync(readRollouts(path));
    if (all.length === 0) {
      throw new InputRangeError(`Cannot measure ${path} as it must hold a rollout: it is empty`);
    }
    const rollouts = wholeGroups(all, size);
    const name = basename(path).replace(/\.jsonl(\.gz)?$/, "");
    corpora.push({ name, rollouts, characters: charactersOf(rollouts) });
  }
  return corpora;
}

/** Reasoning traces of the paper's kind first, the small control corpora last. */
async function shippedFiles(): Promise<string[]> {
  const names = (await readdir(SHIPPED)).filter((name) => name.endsWith(".jsonl.gz")).sort();
  return [...names.filter(isTrace), ...names.filter((name) => !isTrace(name))]
    .map((name) => SHIPPED + name);
}

function isTrace(name: string): boolean {
  return /^(llama|r1)/.test(name);
}

function wholeGroups(rollouts: readonly Rollout[], size: CorpusSize): readonly Rollout[] {
  const groups = [...Map.groupBy(rollouts, ({ prompt_id: promptId }) => promptId).values()];
  const isMixed = (group: readonly Rollout[]): boolean =>
    group.some(({ reward }) => reward !== group[0]!.reward);
  if (size === "quick") groups.sort((a, b) => Number(isMixed(b)) - Number(isMixed(a)));
  const kept = new Set<Rollout>();
  let characters = 0;
  for (const group of groups) {
    if (characters >= CHARACTERS[size]) break;
    for (const rollout of group) kept.add(rollout);
    characters += charactersOf(group);
  }
  return rollouts.filter((rollout) => kept.has(rollout));
}

function charactersOf(rollouts: readonly Rollout[]): number {
  return rollouts.reduce((total, { completion = "" }) => total + completion.length, 0);
}
