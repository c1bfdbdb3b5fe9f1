import type { Lexicon } from "../../sg/mod.ts";
import type { Solution } from "../../files/mod.ts";
import { distinctGrams } from "../grams.ts";
import { minedTexts, splitSolutions, type SplitUnit } from "./mined_corpora.ts";
import { coverTraces } from "./score_sentences.ts";
import { jaccardOfCovers } from "./stability.ts";

/** Two lexicons from two halves of the prompts, or of the solutions. */
export interface SplitFigures {
  readonly unit: SplitUnit;
  readonly seed: number;
  /** Distinct grams of the lexicon of each half. */
  readonly grams: readonly [number, number];
  /** Grams of both over grams of either. */
  readonly sameGrams: number;
  /** Jaccard similarity of the matched code units of the labeled traces. */
  readonly onTraces: number;
  /** The same of all solutions of both halves that succeeded. */
  readonly onCorpus: number;
}

/** What stability is measured with. */
export interface StabilityWork {
  readonly solutions: readonly Solution[];
  readonly traces: readonly { readonly text: string }[];
  readonly mine: (solutions: readonly Solution[]) => Promise<Lexicon>;
}

/**
 * Mines the two halves of random splits and compares what their lexicons match.
 *
 * @param unit What is drawn into halves.
 * @param seeds A split for each.
 * @param work The solutions, and how to mine them.
 * @returns The figures of each split.
 */
export async function splitStability(
  unit: SplitUnit,
  seeds: readonly number[],
  { solutions, traces, mine }: StabilityWork,
): Promise<SplitFigures[]> {
  const corpus = minedTexts(solutions);
  const splits: SplitFigures[] = [];
  for (const seed of seeds) {
    const [one, other] = splitSolutions(solutions, unit, seed);
    const lexicons = [await mine(one), await mine(other)] as const;
    const jaccardOn = (texts: readonly { readonly text: string }[]): number =>
      jaccardOfCovers(coverTraces(lexicons[0], texts), coverTraces(lexicons[1], texts));
    const [first, second] = lexicons.map(distinctGrams) as [string[], string[]];
    const shared = new Set(first).intersection(new Set(second)).size;
    splits.push({
      unit,
      seed,
      grams: [first.length, second.length],
      sameGrams: shared / (first.length + second.length - shared),
      onTraces: jaccardOn(traces),
      onCorpus: jaccardOn(corpus),
    });
  }
  return splits;
}
