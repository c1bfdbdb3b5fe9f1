import { InputTypeError } from "../../batch/mod.ts";
import { bootstrap, type BootstrapOptions, type Interval } from "./bootstrap.ts";
import type { LabeledSentence, LabeledTrace } from "./labeled_sentences.ts";
import { coveredUnits } from "./score_sentences.ts";

/** Which measure of causal importance: both by counterfactual resampling. */
export type ImportanceMeasure = "accuracy" | "kl";

/** How much more important matched sentences are than others like them. */
export interface ImportanceLift {
  /** Mean difference to unmatched sentences of the same stratum, in standard deviations. */
  readonly lift: Interval;
  /** Mean importance of the matched sentences that were compared, in the measure's own unit. */
  readonly matchedMean: number;
  /** What unmatched sentences of the same strata have on average, in the measure's own unit. */
  readonly expectedMean: number;
  /** Standard deviation of the importance of all sentences, the unit of the lift. */
  readonly deviation: number;
  /** Matched sentences that have an unmatched one in their stratum. */
  readonly comparedSentences: number;
  /** Matched sentences that have none and are left out. */
  readonly uncomparedSentences: number;
}

/**
 * Returns the importance of a sentence: `abs(counterfactual importance)` for accuracy, as a step that
 * leads astray matters too; the KL divergence as it is.
 *
 * @param sentence The sentence.
 * @param measure Which measure.
 * @returns The importance, from 0.
 * @throws {TypeError} If the sentence has no KL divergence and it is asked for.
 */
export function importanceOf(
  sentence: Pick<LabeledSentence, "importanceAccuracy" | "importanceKl">,
  measure: ImportanceMeasure,
): number {
  if (measure === "accuracy") return Math.abs(sentence.importanceAccuracy);
  if (sentence.importanceKl === undefined) {
    throw new InputTypeError(
      "Cannot measure importance by KL divergence as the sentences must have " +
        'counterfactual_importance_kl: pass "accuracy"',
    );
  }
  return sentence.importanceKl;
}

/**
 * Compares the causal importance of matched sentences with that of unmatched ones in the same stratum
 * (position decile in the trace and length quartile, 40 strata over all traces):
 * `sum over strata n_s (mean matched_s - mean unmatched_s) / sum n_s`, with `n_s` the matched sentences
 * of the stratum, in units of the standard deviation of the importance of all sentences (ddof 0, of the
 * whole sample, not of the draw). Strata without an unmatched sentence are left out.
 *
 * @param traces The labeled traces.
 * @param covers What the lexicon matches in each, from `coverTraces`.
 * @param options Measure, and seed and draws of the bootstrap over traces.
 * @returns The lift with its 95 % interval; NaN where there is nothing to compare.
 */
export function importanceLift(
  traces: readonly LabeledTrace[],
  covers: readonly Uint8Array[],
  options: BootstrapOptions & { readonly measure: ImportanceMeasure },
): ImportanceLift {
  const { measure } = options;
  const values = traces.map(({ sentences }) =>
    Float64Array.from(sentences, (sentence) => importanceOf(sentence, measure))
  );
  const deviation = standardDeviation(values);
  const strata = traces.map((trace, t) => sumStrata(trace, covers[t]!, values[t]!));
  const all = compare(addStrata(strata, new Int32Array(traces.length).fill(1)));
  const { lift } = bootstrap(traces.length, (counts) => {
    const { matchedMean, expectedMean } = compare(addStrata(strata, counts));
    return { lift: (matchedMean - expectedMean) / deviation };
  }, options);
  return { lift, deviation, ...all };
}

const NUM_STRATA = 40;
/** Per stratum: matched sentences, their importance, unmatched sentences, their importance. */
const FIELDS = 4;

function sumStrata(trace: LabeledTrace, cover: Uint8Array, values: Float64Array): Float64Array {
  const sums = new Float64Array(FIELDS * NUM_STRATA);
  for (const [i, sentence] of trace.sentences.entries()) {
    const stratum = 4 * sentence.decile + sentence.lengthQuartile;
    const at = FIELDS * stratum + (coveredUnits(sentence, cover) > 0 ? 0 : 2);
    sums[at]!++;
    sums[at + 1]! += values[i]!;
  }
  return sums;
}

function addStrata(strata: readonly Float64Array[], counts: Int32Array): Float64Array {
  const sums = new Float64Array(FIELDS * NUM_STRATA);
  for (const [t, part] of strata.entries()) {
    const count = counts[t]!;
    if (count === 0) continue;
    for (let i = 0; i < sums.length; i++) sums[i]! += count * part[i]!;
  }
  return sums;
}

function compare(sums: Float64Array): Omit<ImportanceLift, "lift" | "deviation"> {
  let compared = 0;
  let uncompared = 0;
  let matchedTotal = 0;
  let expectedTotal = 0;
  for (let at = 0; at < sums.length; at += FIELDS) {
    const [matched, matchedSum, unmatched, unmatchedSum] = sums.subarray(at, at + FIELDS);
    if (unmatched === 0) {
      uncompared += matched!;
      continue;
    }
    compared += matched!;
    matchedTotal += matchedSum!;
    expectedTotal += matched! * unmatchedSum! / unmatched!;
  }
  return {
    matchedMean: matchedTotal / compared,
    expectedMean: expectedTotal / compared,
    comparedSentences: compared,
    uncomparedSentences: uncompared,
  };
}

function standardDeviation(values: readonly Float64Array[]): number {
  let count = 0;
  let sum = 0;
  for (const part of values) {
    for (const value of part) sum += value;
    count += part.length;
  }
  const mean = sum / count;
  let squares = 0;
  for (const part of values) {
    for (const value of part) squares += (value - mean) ** 2;
  }
  return Math.sqrt(squares / count);
}
