import { InputRangeError } from "../../batch/mod.ts";
import type { NgramTable } from "./ngram_table.ts";

/** Options of {@linkcode absorbNested}. */
export interface AbsorbNestedOptions {
  /**
   * A gram with at least this share of its occurrences inside one longer gram is dropped for it, and a
   * gram with at most one minus this share of the occurrences of a part is dropped for the part. In
   * `(0.5, 1]`; 1 drops only grams that never stand alone. Default 0.9.
   */
  readonly share?: number;
}

/**
 * Chooses, of n-grams that stand inside one another, those that say each thing once: `result[g] === g`
 * if gram g is kept, else the kept gram that speaks for it.
 *
 * First, from the longest to the shortest, a gram is dropped for the most frequent kept gram that holds
 * it if `occurrences(longer) >= share * occurrences(gram)`: "make sure i didn't" says all that "sure i
 * didn't" does. Then, from the shortest to the longest, a gram is dropped for its most frequent kept part
 * if `occurrences(gram) <= (1 - share) * occurrences(part)`: where "let me check" is kept, its matches
 * mark most of "let me check the", which is one of many continuations. Every gram inside another is
 * reached by adding a word at a time, as a part occurs at least as often as the whole and so is in the
 * table; parts below the table's `minWords` do not count.
 *
 * @example Usage
 * ```ts
 * import { absorbNested, countNgrams } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const text = "But let me check. Then let me check.";
 * const solutions = ["a", "b", "c"].map((promptId) => ({ text, promptId }));
 * const table = await countNgrams(solutions);
 * const keepers = absorbNested(table);
 * assert.deepEqual(table.texts, ["but let me", "but let me check", "let me check", "then let me", "then let me check"]);
 * assert.deepEqual([...keepers], [1, 1, 2, 4, 4]);
 * ```
 *
 * @param table Counted n-grams.
 * @param options The share.
 * @returns For each gram the kept gram that speaks for it, `[G]`.
 * @throws {RangeError} If `share` is not above 0.5 and at most 1.
 */
export function absorbNested(table: NgramTable, options: AbsorbNestedOptions = {}): Int32Array {
  const { share = 0.9 } = options;
  if (!(share > 0.5 && share <= 1)) {
    throw new InputRangeError(
      `Cannot absorb nested n-grams as share must be above 0.5 and at most 1: current value is ${share}`,
    );
  }
  const { occurrences } = table;
  const [withoutFirst, withoutLast] = findParts(table);
  const order = Int32Array.from(table.texts, (_, g) => g)
    .sort((a, b) => table.numWords[a]! - table.numWords[b]! || a - b);
  const keepers = Int32Array.from(table.texts, (_, g) => g);

  // The most frequent kept gram that holds each gram, its own keeper among the candidates.
  const longest = new Int32Array(keepers.length).fill(-1);
  for (let i = order.length - 1; i >= 0; i--) {
    const gram = order[i]!;
    const longer = longest[gram]!;
    if (longer >= 0 && occurrences[longer]! >= share * occurrences[gram]!) keepers[gram] = longer;
    const keeper = keepers[gram]!;
    for (const part of [withoutFirst[gram]!, withoutLast[gram]!]) {
      if (part >= 0) longest[part] = moreFrequent(occurrences, longest[part]!, keeper);
    }
  }

  // The most frequent kept part of each gram: a gram that was absorbed passes on those of its own.
  const parts = new Int32Array(keepers.length).fill(-1);
  for (const gram of order) {
    let best = -1;
    for (const part of [withoutFirst[gram]!, withoutLast[gram]!]) {
      if (part < 0) continue;
      best = moreFrequent(occurrences, best, keepers[part] === part ? part : parts[part]!);
    }
    parts[gram] = best;
    const isRare = best >= 0 && occurrences[gram]! <= rareShare(share) * occurrences[best]!;
    if (isRare && keepers[gram] === gram) keepers[gram] = best;
  }
  // A gram that was absorbed by one that is now dropped follows it to the part that is kept.
  return keepers.map((keeper) => keepers[keeper]!);
}

/** `1 - share` without the rounding that makes 1 - 0.9 less than a tenth. */
function rareShare(share: number): number {
  return Math.round((1 - share) * 1e12) / 1e12;
}

function moreFrequent(occurrences: Uint32Array, a: number, b: number): number {
  if (a < 0 || b < 0) return Math.max(a, b);
  return occurrences[b]! > occurrences[a]! || (occurrences[b] === occurrences[a] && b < a) ? b : a;
}

/** What joins two words of a normalized gram. */
const JOIN = /,? (?:[-\u2013\u2014] )?/g;
const CHARACTER = /\p{L}\p{M}*/gu;

/** The grams that are left without the first word, and without the last; -1: not in the table. */
function findParts(
  { texts, unit }: NgramTable,
): [withoutFirst: Int32Array, withoutLast: Int32Array] {
  const indexOf = new Map(texts.map((text, index) => [text, index]));
  const withoutFirst = new Int32Array(texts.length).fill(-1);
  const withoutLast = new Int32Array(texts.length).fill(-1);
  for (const [gram, text] of texts.entries()) {
    if (unit === "character") {
      const characters = text.match(CHARACTER)!;
      withoutFirst[gram] = indexOf.get(text.slice(characters[0]!.length)) ?? -1;
      withoutLast[gram] = indexOf.get(text.slice(0, -characters.at(-1)!.length)) ?? -1;
      continue;
    }
    const joins = [...text.matchAll(JOIN)];
    if (joins.length === 0) continue;
    const [first, last] = [joins[0]!, joins.at(-1)!];
    withoutFirst[gram] = indexOf.get(text.slice(first.index + first[0].length)) ?? -1;
    withoutLast[gram] = indexOf.get(text.slice(0, last.index)) ?? -1;
  }
  return [withoutFirst, withoutLast];
}
