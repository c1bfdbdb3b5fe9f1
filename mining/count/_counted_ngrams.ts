import { join } from "node:path";
import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import { digestOf } from "../_digest.ts";
import { ifThere } from "../_if_there.ts";
import type { MineParameters } from "../_mine_parameters.ts";
import { readNgramTable, writeNgramTable } from "./_ngram_table_file.ts";
import { countNgrams } from "./count_ngrams.ts";
import type { NgramTable } from "./ngram_table.ts";

/** Counts the n-grams of a corpus, or finds those that were counted with the same parameters in the folder. */
export async function countedNgrams(
  corpus: StoredCorpus,
  folder: string,
  options: MineParameters,
): Promise<NgramTable> {
  const { unit, minWords, maxWords, minPrompts } = options;
  const { memoryBytes, signal, onProgress } = options;
  const name = digestOf([
    corpus.digest,
    JSON.stringify([unit, minWords, maxWords, minPrompts ?? "default"]),
  ]).slice("sha256:".length);
  const path = join(folder, `ngrams-${name}`);
  const found = await ifThere(readNgramTable(path));
  if (found !== undefined) return found;
  const table = await countNgrams(corpus, {
    unit,
    minWords,
    maxWords,
    ...(minPrompts !== undefined && { minPrompts }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(signal !== undefined && { signal }),
    onProgress: ({ stage, solutions: done }) => {
      if (stage !== "store") onProgress?.({ stage, done, total: corpus.numSolutions });
    },
  });
  await writeNgramTable(path, table);
  return table;
}
