import { distinctGrams } from "./_distinct_grams.ts";
import { sha256 } from "./_sha256.ts";
import type { Gram } from "./gram.ts";
import { type Lexicon, lexiconFromGrams, serializeLexicon } from "./lexicon.ts";

/** Options of {@linkcode mergeLexicons}. */
export interface MergeLexiconsOptions {
  /** Name of the merged lexicon. */
  readonly name: string;
}

/**
 * Joins lexicons to one: the grams of the first in its order, then those of each other that the
 * lexicons before it lack. Grams are the same if their normalized texts are: the first is kept with all
 * its fields, its kind among them, and duplicates stand once.
 *
 * The clusters of the first lexicon keep their numbers; those of each other are moved beyond all before
 * them, so that no cluster holds grams of two lexicons. The digest of the corpus is kept where all
 * lexicons have the same: otherwise the counts of the grams come from different corpora.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, mergeLexicons } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const a = lexiconFromGrams([{ text: "but wait", kind: "backtracking", cluster: 0 }], { name: "a" });
 * const b = lexiconFromGrams(["But wait", { text: "so", kind: "deduction", cluster: 0 }], { name: "b" });
 * const { grams } = await mergeLexicons([a, b], { name: "both" });
 * assert.deepEqual(grams, [...a.grams, { text: "so", kind: "deduction", cluster: 1 }]);
 * ```
 *
 * @param lexicons The lexicons, at least one.
 * @param options Name of the result.
 * @returns The merged lexicon; its provenance lists the sources, their notes and their digests.
 * @throws {RangeError} If there is no lexicon.
 */
export async function mergeLexicons(
  lexicons: readonly Lexicon[],
  options: MergeLexiconsOptions,
): Promise<Lexicon> {
  const grams: Gram[] = [];
  let nextCluster = 0;
  for (const lexicon of lexicons) {
    const offset = nextCluster;
    for (const gram of lexicon.grams) {
      const { cluster } = gram;
      if (cluster === undefined) {
        grams.push(gram);
        continue;
      }
      grams.push({ ...gram, cluster: cluster + offset });
      nextCluster = Math.max(nextCluster, cluster + offset + 1);
    }
  }
  const [corpusDigest, ...otherDigests] = new Set(
    lexicons.map(({ provenance }) => provenance.corpusDigest),
  );
  return lexiconFromGrams([...distinctGrams(grams).values()], {
    name: options.name,
    provenance: {
      source: `union of ${lexicons.length} lexicons, the first with a gram decides`,
      ...(corpusDigest !== undefined && otherDigests.length === 0 && { corpusDigest }),
      notes: (await Promise.all(lexicons.map(sourceNotes))).flat(),
    },
  });
}

async function sourceNotes(lexicon: Lexicon, index: number): Promise<string[]> {
  const { name, provenance: { source, corpusDigest, notes = [] } } = lexicon;
  const digest = await sha256(serializeLexicon(lexicon));
  const corpus = corpusDigest === undefined ? "" : `, corpus ${corpusDigest}`;
  return [
    `lexicon ${index + 1}: "${name}", ${digest}${corpus}, source: ${source}`,
    ...notes.map((note) => `lexicon ${index + 1}: ${note}`),
  ];
}
