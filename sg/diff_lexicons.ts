import { distinctGrams } from "./_distinct_grams.ts";
import { type Gram, GRAM_FIELDS } from "./gram.ts";
import { type Lexicon, lexiconFromJson } from "./lexicon.ts";

/** What is different in one lexicon from another. */
export interface LexiconDiff {
  /** Grams of the second lexicon only, in its order. */
  readonly added: readonly Gram[];
  /** Grams of the first lexicon only, in its order. */
  readonly removed: readonly Gram[];
  /** Grams of both that differ in a field, in the order of the second lexicon. */
  readonly changed: readonly GramChange[];
}

/** A gram that is in two lexicons and differs in a field. */
export interface GramChange {
  /** The gram in the first lexicon. */
  readonly before: Gram;
  /** The gram in the second lexicon. */
  readonly after: Gram;
  /** The fields that differ, in the order of {@linkcode Gram}'s file format; never `text`. */
  readonly fields: readonly Exclude<keyof Gram, "text">[];
}

/**
 * Compares two lexicons gram by gram. Grams are the same if they match the same, so by their
 * normalized text; of duplicates only the first counts. Order, name and provenance are not compared.
 *
 * The number of a cluster is a mere label. A gram's `cluster` differs if it stands with other grams,
 * of those that both lexicons hold, or has a cluster in one lexicon only.
 *
 * @example Usage
 * ```ts
 * import { diffLexicons, lexiconFromGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const a = lexiconFromGrams(["but wait", "so"], { name: "a" });
 * const b = lexiconFromGrams([{ text: "But wait", kind: "backtracking" }, "hmm"], { name: "b" });
 * const { added, removed, changed } = diffLexicons(a, b);
 * assert.deepEqual(added, [{ text: "hmm", kind: "other" }]);
 * assert.deepEqual(removed, [{ text: "so", kind: "other" }]);
 * assert.deepEqual(changed.map(({ fields }) => fields), [["kind"]]);
 * ```
 *
 * @param a The first lexicon.
 * @param b The second lexicon.
 * @returns What was added, removed and changed from the first to the second.
 */
export function diffLexicons(a: Lexicon, b: Lexicon): LexiconDiff {
  // Checked grams have their fields in one order, so that equal values are equal text.
  const before = distinctGrams(lexiconFromJson(a).grams);
  const after = distinctGrams(lexiconFromJson(b).grams);
  const shared = [...after.keys()].filter((text) => before.has(text));
  const companyBefore = companies(shared, before);
  const companyAfter = companies(shared, after);
  const changed = shared.flatMap((text): GramChange[] => {
    const pair = { before: before.get(text)!, after: after.get(text)! };
    const fields = COMPARED.filter((field) =>
      field === "cluster"
        ? companyBefore.get(pair.before.cluster) !== companyAfter.get(pair.after.cluster)
        : JSON.stringify(pair.before[field]) !== JSON.stringify(pair.after[field])
    );
    return fields.length === 0 ? [] : [{ ...pair, fields }];
  });
  return {
    added: Array.from(after).filter(([text]) => !before.has(text)).map(([, gram]) => gram),
    removed: Array.from(before).filter(([text]) => !after.has(text)).map(([, gram]) => gram),
    changed,
  };
}

const COMPARED = GRAM_FIELDS.filter((field) => field !== "text");

/** Who stands in each cluster, as text; grams without a cluster share none. */
function companies(
  shared: readonly string[],
  grams: ReadonlyMap<string, Gram>,
): ReadonlyMap<number | undefined, string> {
  const members = new Map<number, number[]>();
  for (const [index, text] of shared.entries()) {
    const { cluster } = grams.get(text)!;
    if (cluster === undefined) continue;
    const company = members.get(cluster);
    if (company === undefined) members.set(cluster, [index]);
    else company.push(index);
  }
  return new Map(Array.from(members, ([cluster, indices]) => [cluster, indices.join()]));
}
