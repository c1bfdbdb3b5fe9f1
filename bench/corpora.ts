import { Buffer } from "node:buffer";
import { readdir, stat } from "node:fs/promises";
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
  /** UTF-8 bytes of all completions. */
  readonly bytes: number;
  /** Milliseconds to read, unpack, parse and check the whole file. */
  readonly readMs: number;
  /** Size of the file. */
  readonly fileBytes: number;
  /** UTF-8 bytes of all completions of the whole file: what `readMs` read. */
  readonly readBytes: number;
}

const SHIPPED = fileURLToPath(new URL("../tests/testdata/rollouts/", import.meta.url));

/** Characters of a corpus in a quick run: enough for a few groups. */
const QUICK_CHARACTERS = 40_000;

/**
 * Loads rollout files.
 *
 * @param paths Files; empty for those that the repository ships.
 * @param options `quick`: keep whole groups of each file up to some 40,000 characters, groups with
 * different rewards first.
 * @returns A corpus per file, in order.
 */
export async function loadCorpora(
  paths: readonly string[],
  { quick }: { readonly quick: boolean },
): Promise<Corpus[]> {
  const corpora: Corpus[] = [];
  for (const path of paths.length > 0 ? paths : await shippedFiles()) {
    const start = performance.now();
    const all = await Array.fromAsync(readRollouts(path));
    const readMs = performance.now() - start;
    if (all.length === 0) {
      throw new InputRangeError(`Cannot measure ${path} as it must hold a rollout: it is empty`);
    }
    const rollouts = quick ? quickSample(all) : all;
    corpora.push({
      name: basename(path).replace(/\.jsonl(\.gz)?$/, ""),
      rollouts,
      characters: sum(rollouts, (text) => text.length),
      bytes: sum(rollouts, Buffer.byteLength),
      readMs,
      fileBytes: (await stat(path)).size,
      readBytes: sum(all, Buffer.byteLength),
    });
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

function quickSample(rollouts: readonly Rollout[]): Rollout[] {
  const groups = [...Map.groupBy(rollouts, ({ prompt_id: promptId }) => promptId).values()];
  const isMixed = (group: readonly Rollout[]): boolean =>
    group.some(({ reward }) => reward !== group[0]!.reward);
  const kept = new Set<Rollout>();
  let characters = 0;
  for (const group of [...groups.filter(isMixed), ...groups.filter((group) => !isMixed(group))]) {
    for (const rollout of group) kept.add(rollout);
    characters += sum(group, (text) => text.length);
    if (characters >= QUICK_CHARACTERS) break;
  }
  return rollouts.filter((rollout) => kept.has(rollout));
}

function sum(rollouts: readonly Rollout[], sizeOf: (text: string) => number): number {
  return rollouts.reduce((total, { completion = "" }) => total + sizeOf(completion), 0);
}
