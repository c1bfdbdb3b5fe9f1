import { rm } from "node:fs/promises";
import { join } from "node:path";
import { keepJson, readKeptJson } from "../_kept_json.ts";
import type { MineParameters } from "../_mine_parameters.ts";
import { type SelectionCounts, selectSolutions } from "./select_solutions.ts";
import type { Solution } from "../../files/mod.ts";
import { openCorpus, storeCorpus, type StoredCorpus } from "./stored_corpus.ts";

/** The solutions that are mined, and what was left out. */
export interface SelectedCorpus {
  readonly corpus: StoredCorpus;
  readonly counts: SelectionCounts;
}

/** What lies beside a stored corpus. */
interface Selection {
  readonly key: string;
  readonly digest: string;
  readonly counts: SelectionCounts;
}

/** Selects and stores solutions, unless those of the same key lie in the folder. */
export async function selectedCorpus(
  solutions: AsyncIterable<Solution> | Iterable<Solution>,
  folder: string,
  options: MineParameters,
): Promise<SelectedCorpus> {
  const { corpusKey, unlabeled, similarity, onProgress, signal } = options;
  const path = join(folder, "selection.json");
  const key = JSON.stringify({ corpusKey, unlabeled, similarity });
  const corpusFolder = join(folder, "corpus");
  const selection = await readKeptJson(path, "selection") as Selection | undefined;
  if (corpusKey !== undefined) {
    const corpus = selection?.key === key ? await openCorpus(corpusFolder) : undefined;
    if (corpus !== undefined && corpus.digest === selection?.digest) {
      onProgress?.({ stage: "read", done: selection.counts.read, total: selection.counts.read });
      return { corpus, counts: selection.counts };
    }
  }
  await rm(path, { force: true });
  let counts: SelectionCounts | undefined;
  let read = 0;
  const counted = async function* (): AsyncGenerator<Solution, void, undefined> {
    for await (const solution of solutions) {
      signal?.throwIfAborted();
      yield solution;
      onProgress?.({ stage: "read", done: ++read });
    }
  };
  const selected = selectSolutions(counted(), {
    unlabeled,
    similarity,
    onCount: (found) => counts = found,
  });
  const corpus = await storeCorpus(selected, corpusFolder, signal === undefined ? {} : { signal });
  const found: Selection = { key, digest: corpus.digest, counts: counts! };
  if (corpus.numSolutions > 0) await keepJson(path, "selection", found);
  return { corpus, counts: counts! };
}
