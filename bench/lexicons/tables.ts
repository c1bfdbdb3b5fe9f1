import { decimal, NOTHING, percent } from "../format.ts";
import type { Table } from "../table.ts";
import type { AblationRow } from "./ablations.ts";
import type { CorpusFigures } from "./corpus_scores.ts";
import type { MiningFigures } from "./evaluate.ts";
import { difference, lexiconTables, percents, share } from "./lexicon_tables.ts";
import type { SentenceScore } from "./score_sentences.ts";
import type { SplitFigures } from "./split_stability.ts";
import type { TransferFigures } from "./transfer.ts";

/**
 * Writes what was measured as tables.
 *
 * @param figures The figures.
 * @returns A table or two for each part that was measured.
 */
export function miningTables(
  { lexicons, corpora, learned, ablations, stability, transfer }: MiningFigures,
): Table[] {
  return [
    ...lexicons === null ? [] : lexiconTables(lexicons),
    ...corpora === null ? [] : [corpusTable("Lexicons on labeled corpora", "", corpora)],
    ...learned === null ? [] : [
      corpusTable(
        "Phrases learned from labels of other families",
        "Phrases of the silver labels, without those of the corpus's own family, whose lower bound of " +
          "precision there is at least so much: a floor for mining, and its curve. ",
        learned,
      ),
    ],
    ...ablations === null ? [] : ablationTables(ablations),
    ...stability === null ? [] : [stabilityTable(stability)],
    ...transfer === null ? [] : [transferTable(transfer)],
  ];
}

function corpusTable(title: string, note: string, { lexicons, corpora }: CorpusFigures): Table {
  const cell = ({ precision, recall, share: of }: SentenceScore): string =>
    `${share(precision)}, ${share(recall)}, ${percent(of.value)}`;
  return {
    title,
    note: note +
      "Precision and recall of sentences labeled as planning, then the share of the characters. In brackets " +
      "95 % intervals: 2,000 bootstrap draws of traces.",
    columns: ["corpus", "labels by", "traces", "planning sentences", ...lexicons],
    words: [1],
    rows: corpora.map(({ corpus, labeledBy, traces, scores }) => [
      corpus,
      labeledBy,
      String(traces),
      `${scores[0]!.planningSentences} of ${scores[0]!.sentences}`,
      ...scores.map(cell),
    ]),
  };
}

/** A row that has figures. */
type Measured = NonNullable<AblationRow["figures"]> & Pick<AblationRow, "difference">;

type Column = readonly [title: string, cell: (row: Measured) => string];

const COLUMNS: readonly Column[] = [
  ["grams", ({ grams }) => String(grams)],
  ["precision", ({ sentences }) => share(sentences.precision)],
  [
    "Δ precision",
    ({ difference: of }) => of === null ? NOTHING : difference(of.precision),
  ],
  ["recall", ({ sentences }) => share(sentences.recall)],
  ["Δ recall", ({ difference: of }) => of === null ? NOTHING : difference(of.recall)],
  ["planning share", ({ sentences }) => percents(sentences.share)],
  [
    "inside / outside",
    ({ sentences }) =>
      `${percent(sentences.shareInside.value)} / ${percent(sentences.shareOutside.value)}`,
  ],
  ["importance lift", ({ liftAccuracy }) => difference(liftAccuracy.lift)],
  [
    "paper's 3 to 5",
    ({ recall }) =>
      recall === null
        ? NOTHING
        : `${recall.exact} of ${recall.occurring}, ${percent(recall.coveredOccurrences, 0)}`,
  ],
];

const FUNCTIONAL: Column = [
  "functional grams",
  ({ functional }) => functional === null ? NOTHING : share(functional.precision),
];

function ablationTables(rows: readonly AblationRow[]): Table[] {
  const hasLabels = rows.some(({ figures }) => figures?.functional);
  const columns = hasLabels ? [...COLUMNS, FUNCTIONAL] : COLUMNS;
  const tableOf = (group: AblationRow["group"], title: string, note: string): Table => ({
    title,
    note,
    columns: ["", ...columns.map(([name]) => name)],
    rows: rows.filter((row) => row.group === group).map((row) => [
      row.figures === null ? `${row.variant} (${row.reason})` : row.variant,
      ...columns.map(([, cell]) =>
        row.figures === null ? NOTHING : cell({ ...row.figures, difference: row.difference })
      ),
    ]),
  });
  return [
    tableOf(
      "steps",
      "What each step is worth",
      "All mined from the same solutions, one thing changed at a time, and scored as above; Δ: " +
        "difference to the default, taken draw by draw; importance is by accuracy. Paper's 3 to 5: " +
        "entries that are grams, of those that occur, and the share of their occurrences that overlap a " +
        "match. Paper's rule: 3 to 5 words, the top 20 % of clusters, no other filter.",
    ),
    tableOf(
      "sensitivity",
      "Sensitivity to what was chosen by hand",
      "The same with neighboring values.",
    ),
  ];
}

function stabilityTable(splits: readonly SplitFigures[]): Table {
  const units = [...new Set(splits.map(({ unit }) => unit))];
  return {
    title: "Two halves",
    note:
      "Jaccard similarity of two lexicons mined from random halves: of their grams, and of the code units " +
      "that they match on the labeled traces and on all solutions of both halves. The aim is 0.8 with " +
      "halves of the prompts; with halves of the solutions both see every prompt.",
    columns: ["split", "grams", "same grams", "labeled traces", "all solutions"],
    rows: units.flatMap((unit) => splitRows(unit, splits.filter((split) => split.unit === unit))),
  };
}

function splitRows(unit: string, splits: readonly SplitFigures[]): string[][] {
  const line = (name: string, of: (values: readonly number[]) => number): string[] => [
    `${unit}, ${name}`,
    "",
    decimal(of(splits.map(({ sameGrams }) => sameGrams))),
    decimal(of(splits.map(({ onTraces }) => onTraces))),
    decimal(of(splits.map(({ onCorpus }) => onCorpus))),
  ];
  return [
    ...splits.map(({ seed, grams, sameGrams, onTraces, onCorpus }) => [
      `${unit}, seed ${seed}`,
      grams.join(", "),
      decimal(sameGrams),
      decimal(onTraces),
      decimal(onCorpus),
    ]),
    line("mean", (values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    line("least", (values) => Math.min(...values)),
  ];
}

function transferTable({ rows, without }: TransferFigures): Table {
  const corpora = rows[0]?.elsewhere.map(({ corpus }) => corpus) ?? [];
  return {
    title: "Mined here, applied there",
    note:
      "Precision, recall and share on the labeled traces; then, for every corpus, the share of the " +
      "characters of its solutions that is matched, and the Jaccard similarity to what the corpus's own " +
      `lexicon matches there. * mined from this corpus.${
        without.length === 0 ? "" : ` No gram is left of ${without.join(", ")}.`
      }`,
    columns: ["mined from", "grams", "precision", "recall", "labeled", ...corpora],
    rows: rows.map(({ source, grams, precision, recall, share: covered, elsewhere }) => [
      source,
      String(grams),
      share(precision),
      share(recall),
      percents(covered),
      ...elsewhere.map(({ isOwn, share: part, jaccardWithOwn }) =>
        `${percent(part)}, ${decimal(jaccardWithOwn)}${isOwn ? " *" : ""}`
      ),
    ]),
  };
}
