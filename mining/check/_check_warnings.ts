import { MOST_OF_ONE_GRAM, MOST_PLANNING } from "../../metrics/internal.ts";
import type { EarlierCheck, LexiconCheck } from "./lexicon_check.ts";

/** Below this share a lexicon is of other texts. */
const LEAST_PLANNING = 0.005;
/** More solutions without a match, or grams without a span, than this say that the lexicon is of other texts. */
const HALF = 0.5;
/** Times the earlier share, or more than the earlier repetition, from which phrases have spread. */
const DENSER = 1.25;
const MORE_REPEATED = 0.1;

/** What deserves attention in a check, and beside an earlier one. */
export function checkWarnings(
  check: Omit<LexiconCheck, "warnings">,
  earlier: EarlierCheck | undefined,
): string[] {
  const { share, unmatched, grams, absent, solutions } = check;
  const warnings: string[] = [];
  if (solutions === 0) return ["there are no texts"];
  if (share !== null && share < LEAST_PLANNING) {
    warnings.push(
      `only ${percent(share)} of the characters are in matches: is the lexicon of such texts?`,
    );
  }
  if (share !== null && share > MOST_PLANNING) {
    warnings.push(
      `${percent(share)} of the characters are in matches: beyond ${
        percent(MOST_PLANNING)
      } a lexicon is no ` +
        "list of planning phrases",
    );
  }
  const [largest] = grams;
  if (largest !== undefined && largest.share > MOST_OF_ONE_GRAM) {
    warnings.push(
      `"${largest.text}" has ${
        percent(largest.share)
      } of the spans: credit goes mostly to one phrase`,
    );
  }
  if (unmatched !== null && unmatched > HALF) {
    warnings.push(`${percent(unmatched)} of the solutions have no match`);
  }
  const numGrams = grams.length + absent.length;
  if (absent.length > HALF * numGrams) {
    warnings.push(`${absent.length} of ${numGrams} grams never occur`);
  }
  return earlier === undefined ? warnings : [...warnings, ...driftWarnings(check, earlier)];
}

function driftWarnings(
  { share, repetition, accuracy }: EarlierCheck,
  earlier: EarlierCheck,
): string[] {
  const isBetter = accuracy !== null && earlier.accuracy !== null && accuracy > earlier.accuracy;
  if (isBetter) return [];
  const drifts: string[] = [];
  if (share !== null && earlier.share !== null && share > DENSER * earlier.share) {
    drifts.push(`the share rose from ${percent(earlier.share)} to ${percent(share)}`);
  }
  if (
    repetition !== null && earlier.repetition !== null &&
    repetition > earlier.repetition + MORE_REPEATED
  ) {
    drifts.push(`repetition rose from ${percent(earlier.repetition)} to ${percent(repetition)}`);
  }
  if (drifts.length === 0) return [];
  const known = accuracy === null || earlier.accuracy === null
    ? "accuracy is not known"
    : `accuracy went from ${percent(earlier.accuracy)} to ${percent(accuracy)}`;
  return [`${drifts.join(" and ")} while ${known}: phrases may be written for their credit`];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
