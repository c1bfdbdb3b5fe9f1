import {
  type Trace,
  traceAnsi,
  traceLegendAnsi,
  traceRollouts,
  type TraceSegment,
} from "../view/mod.ts";
import { count, NOTHING, signed } from "./format.ts";
import { credited, hasAdvantages, hicraOf, type Sample } from "./sample.ts";
import type { Table } from "./table.ts";

/** Rows of the credited batch. */
const ROWS = 10;

/** What is beyond this share of planning tokens is no usual rollout. */
const USUAL = 0.06;

/** Tokens of a trace that fits on a screen. */
const LENGTHS = { least: 60, most: 320 } as const;

/** Picks one rollout to show, and shows it: a colored trace, then its credited tokens. */
export function firstLook(sample: Sample, { color }: { readonly color: boolean }): {
  readonly text: string;
  readonly table: Table | null;
} {
  for (const c of sample.corpora.keys()) {
    const traces = tracesOf(
      sample,
      c,
      (length) => length >= LENGTHS.least && length <= LENGTHS.most,
    );
    const trace = traces.toSorted((a, b) => interest(b) - interest(a))[0];
    if (trace === undefined) continue;
    const text = `${traceLegendAnsi({ color })}\n${traceAnsi(trace, { color })}`;
    return { text, table: creditTable(trace, sample) };
  }
  return {
    text: "No rollout is short enough to be shown here; the report has some.\n",
    table: null,
  };
}

/**
 * Traces of one corpus after HICRA.
 *
 * @param sample The sample.
 * @param corpus Its index.
 * @param isShown Whether a sequence of so many tokens is shown.
 * @returns The traces.
 */
export function tracesOf(
  sample: Sample,
  corpus: number,
  isShown: (length: number) => boolean,
): Trace[] {
  const { corpora, batches, matcher } = sample;
  const batch = batches[corpus]!;
  const planning = matcher.match(batch);
  const marks = hasAdvantages(batch)
    ? { ...planning, advantages: credited(batch, planning, hicraOf(sample)).advantages }
    : planning;
  const sequences = Array.from({ length: batch.numSequences }, (_, s) => s)
    .filter((s) => isShown(batch.offsets[s + 1]! - batch.offsets[s]!));
  const { rollouts } = corpora[corpus]!;
  return [...traceRollouts(batch, marks, { matcher, rollouts, sequences })];
}

/** Rollouts that were rewarded come first, those with many kinds of grams before others, then a usual share. */
function interest({ advantage, segments, numPlanning, numTokens }: Trace): number {
  const kinds = new Set(segments.flatMap(({ mark }) => mark ?? []));
  const share = numPlanning / numTokens;
  return 100 * Math.sign(advantage?.before ?? 0) + 10 * kinds.size +
    (share <= USUAL ? share : -share);
}

/** The first segments of a trace that has planning tokens, with their advantages before and after. */
function creditTable({ segments, advantage }: Trace, { alpha, baseline }: Sample): Table {
  const first = Math.max(0, segments.findIndex(({ mark }) => mark !== undefined) - 1);
  const row = ({ text, numTokens, mark, gram, advantage: own }: TraceSegment): string[] => {
    const { before, after } = own ?? { before: advantage?.before, after: undefined };
    return [
      excerpt(text),
      count(numTokens),
      mark === undefined ? "execution" : `planning, ${mark}`,
      gram ?? "",
      before === undefined ? NOTHING : `${signed(before, 3)} -> ${signed(after ?? before, 3)}`,
    ];
  };
  const shown = segments.slice(first, first + ROWS);
  return {
    title: "The credited batch: tokens of this rollout, in order",
    note:
      `HICRA, alpha ${alpha}, on advantages of baseline ${baseline}: A + ${alpha} |A| on planning ` +
      `tokens, A on all others. Shown are ${shown.length} of ${segments.length} pieces; a gram is named ` +
      "where it begins.",
    columns: ["text", "tokens", "kind", "gram", "advantage before -> after"],
    words: [2, 3],
    rows: shown.map(row),
  };
}

/** Both ends of a text, in one line. */
function excerpt(text: string): string {
  const line = JSON.stringify(text).slice(1, -1);
  return line.length <= 40 ? `"${line}"` : `"${line.slice(0, 18)} ... ${line.slice(-18)}"`;
}
