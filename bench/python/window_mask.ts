import type { CheckedBatch } from "../../batch/mod.ts";

/**
 * Marks the tokens that window comparison marks: those of every place where the ids of a gram stand.
 * Written without windows, so that it checks the Python side.
 *
 * @param batch What `joinBatches` returns.
 * @param grams Ids of each gram.
 * @returns `[tokens]`, 1 = marked.
 */
export function windowMask(
  { tokenIds, offsets, numSequences, numTokens }: CheckedBatch,
  grams: readonly (readonly number[])[],
): Uint8Array {
  const ids = tokenIds!;
  const byFirst = Map.groupBy(grams, ([first]) => first!);
  const mask = new Uint8Array(numTokens);
  for (let s = 0; s < numSequences; s++) {
    const end = offsets[s + 1]!;
    for (let i = offsets[s]!; i < end; i++) {
      for (const gram of byFirst.get(ids[i]!) ?? []) {
        const isThere = i + gram.length <= end && gram.every((id, k) => ids[i + k] === id);
        if (isThere) mask.fill(1, i, i + gram.length);
      }
    }
  }
  return mask;
}

/**
 * Encodes grams for window comparison.
 *
 * @param grams The grams, normalised.
 * @param encode The tokenizer.
 * @param forms `one`: as they stand, which is how the port that compares windows does it. `four`: also
 * after a space, and both with a capital, so that grams inside sentences are found at all.
 * @returns The distinct lists of ids.
 */
export function gramIds(
  grams: readonly string[],
  encode: (text: string) => ArrayLike<number>,
  forms: "one" | "four",
): number[][] {
  const texts = grams.flatMap((gram) => {
    if (forms === "one") return [gram];
    const capital = gram[0]!.toUpperCase() + gram.slice(1);
    return [gram, ` ${gram}`, capital, ` ${capital}`];
  });
  const lists = texts.map((text) => Array.from(encode(text))).filter(({ length }) => length > 0);
  return [...new Map(lists.map((ids) => [ids.join(), ids])).values()];
}
