import { decimal, NOTHING, percent, signed } from "../format.ts";
import type { Table } from "../table.ts";
import type { Interval } from "./bootstrap.ts";
import type { LexiconFigures } from "./score_lexicon.ts";
import { removalTrends } from "./removal.ts";

type Row = readonly [label: string, cell: (figures: LexiconFigures) => string];

const ROWS: readonly Row[] = [
  ["distinct grams", ({ grams }) => String(grams)],
  ["precision of sentences", ({ sentences }) => share(sentences.precision)],
  ["recall of sentences", ({ sentences }) => share(sentences.recall)],
  ["planning share", ({ sentences }) => percents(sentences.share)],
  ["  in planning sentences", ({ sentences }) => percents(sentences.shareInside)],
  ["  in other sentences", ({ sentences }) => percents(sentences.shareOutside)],
  ["matched sentences", ({ sentences }) => String(sentences.matchedSentences)],
  ["importance lift, accuracy", ({ liftAccuracy }) => difference(liftAccuracy.lift)],
  ["importance lift, KL", ({ liftKl }) => liftKl === null ? NOTHING : difference(liftKl.lift)],
  ["Jaccard with the paper's", ({ jaccardWithPaper }) => decimal(jaccardWithPaper)],
  [
    "functional grams",
    ({ functional }) => functional === null ? NOTHING : share(functional.precision),
  ],
  [
    "  labeled, unlabeled",
    ({ functional }) =>
      functional === null ? NOTHING : `${functional.labeled}, ${functional.unlabeled}`,
  ],
  [
    "paper's 3 to 5: exact",
    ({ recall }) => recall === null ? NOTHING : `${recall.exact} of ${recall.occurring}`,
  ],
  [
    "  always covered",
    ({ recall }) => recall === null ? NOTHING : `${recall.covered} of ${recall.occurring}`,
  ],
  [
    "  occurrences covered",
    ({ recall }) => recall === null ? NOTHING : percent(recall.coveredOccurrences),
  ],
];

/** Of the metrics that the removal test measures, those that the paper draws or a trainer watches. */
const SHOWN = [
  "planning_frac",
  "spans_per_1k",
  "phrase_entropy",
  "follower_entropy",
  "adv_shift",
] as const;

/**
 * Sets the lexicons side by side.
 *
 * @param figures Figures of each lexicon.
 * @returns The scores, then the removal test where it was run.
 */
export function lexiconTables(figures: readonly LexiconFigures[]): Table[] {
  return [scoreTable(figures), ...removalTables(figures)];
}

function scoreTable(figures: readonly LexiconFigures[]): Table {
  return {
    title: "Lexicons on labeled sentences",
    note:
      "A sentence is matched if a match has a character in it; precision and recall are of sentences " +
      "tagged plan_generation, uncertainty_management or self_checking; shares are of the characters of " +
      "all sentences. Importance lift: mean importance of matched minus unmatched sentences of the same " +
      "position decile and length quartile, in standard deviations. In brackets 95 % intervals: " +
      "2,000 bootstrap draws of traces, Wilson for functional grams.",
    columns: ["", ...figures.map(({ lexicon }) => lexicon)],
    rows: ROWS.map(([label, cell]) => [label, ...figures.map(cell)]),
  };
}

function removalTables(figures: readonly LexiconFigures[]): Table[] {
  const corpora = [
    ...new Set(figures.flatMap(({ removal }) => (removal ?? []).map(({ corpus }) => corpus))),
  ];
  if (corpora.length === 0) return [];
  const [first, last] = [corpora[0]!, corpora.at(-1)!];
  return [{
    title: "Removal of 30 % of the grams",
    note:
      "Value with all grams, and its mean relative change when a random 30 % are dropped, with " +
      "percentiles 2.5 and 97.5 over 20 removals; then how the metric moves from the first corpus to the " +
      "last, with all grams and after the removals, and the share of the removals with the same direction. " +
      "--json has all metrics.",
    columns: ["metric", ...figures.map(({ lexicon }) => lexicon)],
    rows: SHOWN.flatMap((metric) => [
      ...corpora.map((corpus) => [
        `${metric}, ${corpus}`,
        ...figures.map(({ removal }) => {
          const effect = removal?.find((e) => e.corpus === corpus && e.metric === metric);
          if (effect === undefined) return NOTHING;
          return `${Number(effect.before.toPrecision(3))} ${change(effect.relativeChange)}`;
        }),
      ]),
      ...corpora.length < 2 ? [] : [[
        `${metric}, trend`,
        ...figures.map(({ removal }) => {
          const trend = removalTrends(removal ?? [], first, last).find((t) => t.metric === metric);
          if (trend === undefined) return NOTHING;
          return `${signed(100 * trend.before, 1)} % -> ${change(trend.after)}, ${
            percent(trend.sameDirection, 0)
          }`;
        }),
      ]],
    ]),
  }];
}

/** A share as a decimal with its interval. */
export function share({ value, low, high }: Interval): string {
  return `${decimal(value)} [${decimal(low)}, ${decimal(high)}]`;
}

/** A share as percent with its interval. */
export function percents({ value, low, high }: Interval): string {
  return `${percent(value)} [${decimal(100 * low, 1)}, ${decimal(100 * high, 1)}]`;
}

/** A signed figure with its interval. */
export function difference({ value, low, high }: Interval): string {
  return `${signed(value)} [${signed(low)}, ${signed(high)}]`;
}

function change({ value, low, high }: Interval): string {
  return `${signed(100 * value, 1)} % [${signed(100 * low, 1)}, ${signed(100 * high, 1)}]`;
}
