import type { Lexicon } from "../../sg/mod.ts";
import { bootstrap, type BootstrapOptions, type Interval } from "./bootstrap.ts";
import { isPlanning, type LabeledText, type TaggedSentence } from "./labeled_sentences.ts";
import { TextMatcher } from "./text_matcher.ts";

/** How well the matches of a lexicon agree with the planning tags of sentences. */
export interface SentenceScore {
  /** Matched sentences with a planning tag over matched sentences; NaN when none is matched. */
  readonly precision: Interval;
  /** Matched sentences with a planning tag over sentences with one. */
  readonly recall: Interval;
  /** Matched code units over code units, of all sentences. */
  readonly share: Interval;
  /** The same inside the sentences with a planning tag. */
  readonly shareInside: Interval;
  /** The same outside them. */
  readonly shareOutside: Interval;
  readonly matchedSentences: number;
  readonly planningSentences: number;
  readonly sentences: number;
}

/**
 * Marks what a lexicon matches in each trace.
 *
 * @param lexicon The lexicon.
 * @param traces The traces.
 * @returns `[traces][text.length]`: 1 for each code unit of a match.
 */
export function coverTraces(
  lexicon: Lexicon,
  traces: readonly Pick<LabeledText, "text">[],
): Uint8Array[] {
  const matcher = new TextMatcher(lexicon);
  return traces.map(({ text }) => matcher.cover(text));
}

/**
 * Scores matches against the tags: a sentence is matched if any match has a character in it, and it is
 * a hit if any of its tags is in `PLANNING_TAGS`. All labeled sentences count, whatever their
 * length; text between or after them (the answer behind the thoughts) does not, not even for the shares.
 *
 * @param traces The labeled traces.
 * @param covers What the lexicon matches in each, from {@linkcode coverTraces}.
 * @param options Seed and draws of the bootstrap over traces.
 * @returns The score with 95 % intervals.
 */
export function scoreSentences(
  traces: readonly LabeledText[],
  covers: readonly Uint8Array[],
  options: BootstrapOptions,
): SentenceScore {
  const tallies = traces.map((trace, t) => tally(trace, covers[t]!));
  const total = addTallies(tallies, new Int32Array(traces.length).fill(1));
  const intervals = bootstrap(
    traces.length,
    (counts) => figuresOf(addTallies(tallies, counts)),
    options,
  );
  return {
    ...intervals,
    matchedSentences: total.matched,
    planningSentences: total.planning,
    sentences: total.sentences,
  };
}

/** How much better or worse one lexicon is than another. */
export interface ScoreDifference {
  readonly precision: Interval;
  readonly recall: Interval;
}

/**
 * Subtracts the score of one lexicon from that of another, draw by draw, so that what both owe to the
 * traces drawn cancels out: the intervals are narrower than those of the scores.
 *
 * @param traces The labeled traces.
 * @param covers What the one lexicon matches in each, from {@linkcode coverTraces}.
 * @param others What the other matches.
 * @param options Seed and draws of the bootstrap over traces.
 * @returns The differences with 95 % intervals.
 */
export function compareScores(
  traces: readonly LabeledText[],
  covers: readonly Uint8Array[],
  others: readonly Uint8Array[],
  options: BootstrapOptions,
): ScoreDifference {
  const [ours, theirs] = [covers, others].map((of) =>
    traces.map((trace, t) => tally(trace, of[t]!))
  );
  return bootstrap(traces.length, (counts) => {
    const one = figuresOf(addTallies(ours!, counts));
    const other = figuresOf(addTallies(theirs!, counts));
    return { precision: one.precision - other.precision, recall: one.recall - other.recall };
  }, options);
}

/**
 * Counts the code units of a sentence that matches cover.
 *
 * @param sentence The sentence.
 * @param cover What is matched in its trace.
 * @returns The number of code units; 0 for a sentence that is not matched.
 */
export function coveredUnits({ start, end }: TaggedSentence, cover: Uint8Array): number {
  let covered = 0;
  for (let i = start; i < end; i++) covered += cover[i]!;
  return covered;
}

/** Sums over sentences; `in`: of those with a planning tag. */
interface Tally {
  sentences: number;
  planning: number;
  matched: number;
  hits: number;
  units: number;
  unitsIn: number;
  covered: number;
  coveredIn: number;
}

function tally(trace: LabeledText, cover: Uint8Array): Tally {
  const sums = emptyTally();
  for (const sentence of trace.sentences) {
    const units = sentence.end - sentence.start;
    const covered = coveredUnits(sentence, cover);
    sums.sentences++;
    sums.units += units;
    sums.covered += covered;
    if (covered > 0) sums.matched++;
    if (!isPlanning(sentence)) continue;
    sums.planning++;
    sums.unitsIn += units;
    sums.coveredIn += covered;
    if (covered > 0) sums.hits++;
  }
  return sums;
}

function addTallies(tallies: readonly Tally[], counts: Int32Array): Tally {
  const sums = emptyTally();
  for (const [t, part] of tallies.entries()) {
    for (const name of TALLY_NAMES) sums[name] += counts[t]! * part[name];
  }
  return sums;
}

function emptyTally(): Tally {
  return {
    sentences: 0,
    planning: 0,
    matched: 0,
    hits: 0,
    units: 0,
    unitsIn: 0,
    covered: 0,
    coveredIn: 0,
  };
}

const TALLY_NAMES = Object.keys(emptyTally()) as (keyof Tally)[];

function figuresOf(sums: Tally): Record<
  "precision" | "recall" | "share" | "shareInside" | "shareOutside",
  number
> {
  return {
    precision: sums.hits / sums.matched,
    recall: sums.hits / sums.planning,
    share: sums.covered / sums.units,
    shareInside: sums.coveredIn / sums.unitsIn,
    shareOutside: (sums.covered - sums.coveredIn) / (sums.units - sums.unitsIn),
  };
}
