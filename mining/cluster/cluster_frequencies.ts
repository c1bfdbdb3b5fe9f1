import { InputTypeError } from "../../batch/mod.ts";
import type { NgramTable } from "../count/ngram_table.ts";

/**
 * Counts for each cluster the distinct prompts in which any of its grams occurs: the paper's cluster
 * document frequency (section 2.1), where solutions of one prompt are one document.
 *
 * @example Usage
 * ```ts
 * import { clusterFrequencies, countNgrams } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const texts = ["Let me check.", "Let me verify.", "Let me check. Let me verify.", "Let me verify."];
 * const table = await countNgrams(
 *   texts.map((text, p) => ({ text, promptId: String(p) })),
 *   { minPrompts: 2 },
 * );
 * assert.deepEqual(table.texts, ["let me check", "let me verify"]);
 * assert.deepEqual(clusterFrequencies(table, Int32Array.of(0, 0)), Uint32Array.of(4));
 * ```
 *
 * @param table Counted n-grams, G.
 * @param clusters Cluster of each gram, `[G]`, from 0; a gram of cluster -1 counts nowhere.
 * @returns Prompts of each cluster.
 * @throws {TypeError} If there is not one cluster for each gram.
 */
export function clusterFrequencies(table: NgramTable, clusters: Int32Array): Uint32Array {
  if (clusters.length !== table.texts.length) {
    throw new InputTypeError(
      `Cannot count prompts as there must be a cluster for each of ${table.texts.length} grams: ` +
        `current length is ${clusters.length}`,
    );
  }
  const numClusters = clusters.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  const members = Array.from({ length: numClusters }, (): number[] => []);
  for (const [gram, cluster] of clusters.entries()) if (cluster >= 0) members[cluster]!.push(gram);
  const frequencies = new Uint32Array(numClusters);
  // The cluster that was last seen in each prompt, plus 1.
  const seen = new Uint32Array(table.numPrompts);
  for (const [cluster, grams] of members.entries()) {
    for (const gram of grams) {
      const end = table.promptOffsets[gram + 1]!;
      for (let p = table.promptOffsets[gram]!; p < end; p++) {
        const prompt = table.promptIndices[p]!;
        if (seen[prompt] === cluster + 1) continue;
        seen[prompt] = cluster + 1;
        frequencies[cluster]!++;
      }
    }
  }
  return frequencies;
}
