import { InputRangeError } from "../../batch/mod.ts";
import { RUNS } from "../grams.ts";
import { normalize } from "../normalize.ts";
import { seededRandom } from "../seeded_random.ts";

/** Draws of the same or an excluded phrase before giving up, per phrase asked for. */
const MAX_ATTEMPTS = 100;

/** Options of {@linkcode drawNgrams}. */
export interface DrawNgramsOptions {
  /** How many distinct phrases. */
  readonly count: number;
  /** Seed of the draw, a whole number from 0. */
  readonly seed: number;
  /** Normalized phrases that are not drawn. */
  readonly exclude?: ReadonlySet<string>;
  /** Fewest and most words. @default {[3, 5]} */
  readonly words?: readonly [number, number];
}

/**
 * Draws distinct word n-grams of texts: the length uniformly, then one of its occurrences in all texts
 * uniformly, so that a frequent phrase is drawn more often. Words have one space and nothing else
 * between them.
 *
 * @param texts The texts; they are normalized.
 * @param options Count, seed, what to leave out and lengths.
 * @returns Normalized phrases in the order in which they were drawn.
 * @throws {RangeError} If the texts do not hold so many.
 */
export function drawNgrams(texts: readonly string[], options: DrawNgramsOptions): string[] {
  const { count, seed, exclude = new Set<string>(), words: [fewest, most] = [3, 5] } = options;
  const runs = texts.flatMap((text) =>
    (normalize(text).match(RUNS) ?? []).map((run) => run.split(" "))
      .filter((run) => run.length >= fewest)
  );
  const random = seededRandom(seed);
  // Per length: where the occurrences of each run begin in the count of all.
  const firsts = Array.from({ length: most - fewest + 1 }, (_, n) => {
    const offsets = new Float64Array(runs.length + 1);
    for (const [r, run] of runs.entries()) {
      offsets[r + 1] = offsets[r]! + Math.max(0, run.length - (fewest + n) + 1);
    }
    return offsets;
  });
  const drawn = new Set<string>();
  for (let attempt = 0; drawn.size < count && attempt < MAX_ATTEMPTS * count; attempt++) {
    const n = Math.floor(random() * firsts.length);
    const offsets = firsts[n]!;
    const at = Math.floor(random() * offsets[runs.length]!);
    const r = lastAtMost(offsets, at);
    if (r >= runs.length) continue; // no occurrence of this length
    const first = at - offsets[r]!;
    const phrase = runs[r]!.slice(first, first + fewest + n).join(" ");
    if (!exclude.has(phrase)) drawn.add(phrase);
  }
  if (drawn.size < count) {
    throw new InputRangeError(
      `Cannot draw n-grams as the texts must hold ${count} of ${fewest} to ${most} words: ` +
        `${drawn.size} were found`,
    );
  }
  return [...drawn];
}

/** The last index whose value is at most the given one; values ascend. */
function lastAtMost(values: Float64Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
