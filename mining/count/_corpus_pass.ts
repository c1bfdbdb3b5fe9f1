import { setImmediate } from "node:timers/promises";
import { readShard } from "../corpus/_corpus_shards.ts";
import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import type { StoredSolution } from "../corpus/stored_solution.ts";
import type { CountCorpusOptions } from "./_count_options.ts";
import type { NgramProgress } from "./ngram_progress.ts";

/** UTF-16 units of text between two pauses, some 20 ms of work. */
const PAUSE_CHARACTERS = 1 << 18;

/** Reads the solutions of a corpus once, in order; heeds timers and the signal, and tells of every shard. */
export async function* corpusPass(
  { folder, shards, numSolutions }: StoredCorpus,
  stage: NgramProgress["stage"],
  { signal, onProgress }: Pick<CountCorpusOptions, "signal" | "onProgress">,
): AsyncGenerator<StoredSolution, void, undefined> {
  let solutions = 0;
  let characters = 0;
  for (const shard of shards) {
    signal?.throwIfAborted();
    for (const solution of await readShard(folder, shard)) {
      yield solution;
      characters += solution.text.length;
      if (characters < PAUSE_CHARACTERS) continue;
      characters = 0;
      await setImmediate();
      signal?.throwIfAborted();
    }
    solutions += shard.solutions;
    onProgress?.({ stage, solutions, numSolutions });
  }
}
