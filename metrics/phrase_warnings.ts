import { visibleLine } from "../batch/internal.ts";
import type { MetricSums } from "./metric_sums.ts";

/** One gram with more of the spans than this is what the credit is about. */
export const MOST_OF_ONE_GRAM = 0.3;
/** Beyond this share a lexicon is no list of planning phrases. */
export const MOST_PLANNING = 0.1;

/** Fewer spans, or tokens, say nothing. */
const ENOUGH = { spans: 200, tokens: 2_000 } as const;

/** What to say of a batch in which the credit is spread badly; equal text for every batch. */
export function phraseWarnings(
  { grams, pairs }: MetricSums,
  textOf: (gramIndex: number) => string,
): string[] {
  const warnings: string[] = [];
  const counts = Object.entries(grams);
  const numSpans = counts.reduce((sum, [, count]) => sum + count, 0);
  const [gram, most] = counts.reduce((a, b) => b[1] > a[1] ? b : a, ["", 0]);
  if (numSpans >= ENOUGH.spans && most > MOST_OF_ONE_GRAM * numSpans) {
    warnings.push(
      `hicra: "${visibleLine(textOf(Number(gram)))}" has more than ${
        100 * MOST_OF_ONE_GRAM
      } % of the ` +
        "spans of a batch: credit goes mostly to one phrase, see hicra lexicon check",
    );
  }
  const share = pairs.planning_frac;
  if (share !== undefined && share.count >= ENOUGH.tokens) {
    const planning = share.sum.reduce((sum, part) => sum + part, 0);
    if (planning > MOST_PLANNING * share.count) {
      warnings.push(
        `hicra: more than ${
          100 * MOST_PLANNING
        } % of the trained tokens of a batch are planning: beyond ` +
          "that a lexicon is no list of planning phrases, see hicra lexicon check",
      );
    }
  }
  return warnings;
}
