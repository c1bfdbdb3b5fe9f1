import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { normalizeText } from "../../sg/internal.ts";
import { sha256 } from "../_digest.ts";
import { minHash } from "./_min_hash.ts";
import { NearDuplicates } from "./_near_duplicates.ts";
import type { Solution } from "../../files/mod.ts";

/** Options of {@linkcode selectSolutions}. */
export interface SelectSolutionsOptions {
  /**
   * What happens to a solution of which nobody said whether it succeeded. Default `"error"`, as a
   * corpus of failures would look the same.
   */
  readonly unlabeled?: "error" | "keep" | "drop";
  /** Jaccard similarity from which two solutions are one, in `(0, 1]`. Default: 0.9. */
  readonly similarity?: number;
  /** Is called once, after the last solution. */
  readonly onCount?: (counts: SelectionCounts) => void;
}

/** What {@linkcode selectSolutions} did with the solutions. */
export interface SelectionCounts {
  /** Solutions that came in: `failed + duplicates + kept`, and `unlabeled` if those are dropped. */
  readonly read: number;
  /** Solutions that did not succeed. */
  readonly failed: number;
  /** Solutions without a label, kept or not. */
  readonly unlabeled: number;
  /** Solutions left out because they repeat one that was kept. */
  readonly duplicates: number;
  /** Solutions that went out. */
  readonly kept: number;
}

/**
 * Keeps the solutions that succeeded, each text once, in their order: of near-duplicates the first.
 *
 * Two texts are duplicates if they are equal after the matcher's normalization, or if the Jaccard
 * similarity `|A ∩ B| / |A ∪ B|` of their sets of word 5-grams is estimated at `similarity` or more. The
 * estimate is the share of equal values in MinHash signatures of 64 values (Broder 1997), with standard
 * error `sqrt(J (1 - J) / 64)`: 0.0375 at 0.9. Pairs to compare are found by banding, with as many rows a
 * band as miss at most 2 % of the pairs at the threshold (8 bands of 8 rows at 0.9, which miss 1.1 %).
 * Texts of fewer than 5 words, so many of a script without spaces, are compared for equality only.
 *
 * A solution is compared with those kept before, so the order of the corpus decides which one stays; the
 * same order gives the same result. Memory is about 500 bytes for every solution kept, whatever
 * its length. Time is linear in the text, but for a corpus of near-misses (one template, similarities
 * just under the threshold), where it grows with the square of their number.
 *
 * @example Usage
 * ```ts
 * import { selectSolutions } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const solutions = [
 *   { text: "Wait, is that right?", promptId: "p", succeeded: true },
 *   { text: "wait,  is that right?", promptId: "q", succeeded: true },
 *   { text: "It is 5.", promptId: "p", succeeded: false },
 * ];
 * const kept = await Array.fromAsync(
 *   selectSolutions(solutions, {
 *     onCount: ({ failed, duplicates }) => assert.deepEqual([failed, duplicates], [1, 1]),
 *   }),
 * );
 * assert.deepEqual(kept, solutions.slice(0, 1));
 * ```
 *
 * @param solutions The corpus, in a fixed order.
 * @param options Threshold, what to do without a label, and where the counts go.
 * @returns The solutions kept, the same objects.
 * @throws {TypeError} If a solution has no label and `unlabeled` is `"error"`.
 * @throws {RangeError} If an option is out of range.
 */
export async function* selectSolutions(
  solutions: AsyncIterable<Solution> | Iterable<Solution>,
  options: SelectSolutionsOptions = {},
): AsyncGenerator<Solution, void, undefined> {
  const { unlabeled = "error", similarity = 0.9, onCount } = options;
  checkOptions(unlabeled, similarity);
  const counts = { read: 0, failed: 0, unlabeled: 0, duplicates: 0, kept: 0 };
  const digests = new Set<string>();
  const signatures = new NearDuplicates(similarity);
  for await (const solution of solutions) {
    const index = counts.read++;
    if (solution.succeeded === false) {
      counts.failed++;
      continue;
    }
    if (solution.succeeded === undefined) {
      if (unlabeled === "error") throw unlabeledError(solution, index);
      counts.unlabeled++;
      if (unlabeled === "drop") continue;
    }
    const text = normalizeText(solution.text);
    const digest = sha256(text).toString("base64");
    const signature = digests.has(digest) ? null : minHash(text);
    if (digests.has(digest) || (signature !== null && signatures.has(signature))) {
      counts.duplicates++;
      continue;
    }
    digests.add(digest);
    if (signature !== null) signatures.add(signature);
    counts.kept++;
    yield solution;
  }
  onCount?.({ ...counts });
}

function unlabeledError({ promptId }: Solution, index: number): InputTypeError {
  return new InputTypeError(
    `Cannot select solution ${index} (prompt ${
      JSON.stringify(promptId)
    }) as succeeded must be true ` +
      `or false: its label is null or missing, name another field of the label when reading, or pass ` +
      `unlabeled "keep" or "drop"`,
    { option: "unlabeled" },
  );
}

function checkOptions(unlabeled: string, similarity: number): void {
  if (!["error", "keep", "drop"].includes(unlabeled)) {
    throw new InputRangeError(
      `Cannot select solutions as unlabeled must be "error", "keep" or "drop": current value is ` +
        JSON.stringify(unlabeled),
      { option: "unlabeled" },
    );
  }
  if (!(similarity > 0 && similarity <= 1)) {
    throw new InputRangeError(
      `Cannot select solutions as similarity must be above 0 and at most 1: current value is ` +
        similarity,
      { option: "similarity" },
    );
  }
}
