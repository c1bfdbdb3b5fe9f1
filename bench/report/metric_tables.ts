import { PASS_AT } from "../corpus_metrics.ts";
import type { Figures } from "../figures.ts";
import { count, decimal, NOTHING, percent, signed } from "./format.ts";
import type { Table } from "./table.ts";

type Format = (value: number) => string;

/** Label, name in `metricValues`, and how it is written. */
const ROWS: readonly (readonly [label: string, name: string, format: Format])[] = [
  ["rollouts' mean length", "length", (value) => decimal(value, 0)],
  ["length, correct", "length_correct", (value) => decimal(value, 0)],
  ["length, incorrect", "length_incorrect", (value) => decimal(value, 0)],
  ["truncated", "truncated_frac", percent],
  ["planning share", "planning_frac", (value) => percent(value, 2)],
  ["planning share, correct", "planning_frac_correct", (value) => percent(value, 2)],
  ["planning share, incorrect", "planning_frac_incorrect", (value) => percent(value, 2)],
  ["spans per 1,000 tokens", "spans_per_1k", (value) => decimal(value, 1)],
  ["distinct grams per rollout", "distinct_grams_per_seq", (value) => decimal(value, 1)],
  ["repeated spans", "gram_repeat_frac", percent],
  ["most frequent gram", "top_gram_frac", percent],
  ["semantic entropy (nats)", "phrase_entropy", (value) => decimal(value, 3)],
  ["  Miller-Madow", "phrase_entropy_mm", (value) => decimal(value, 3)],
  ["  over ln(support)", "phrase_entropy_norm", (value) => decimal(value, 3)],
  ["  support (grams seen)", "phrase_entropy_support", count],
  ["  samples (spans)", "phrase_entropy_samples", count],
  ["entropy of the next 3 tokens", "follower_entropy", (value) => decimal(value, 3)],
  ["  its ceiling at this sample", "follower_entropy_ceiling", (value) => decimal(value, 3)],
  ["accuracy", "accuracy", percent],
  ...PASS_AT.slice(1).map((k) => [`pass@${k}`, `pass_at_${k}`, percent] as const),
  ["groups without signal", "zero_std_group_frac", percent],
  ["|A| after over before", "adv_abs_ratio", (value) => decimal(value, 4)],
];

/** Metrics of every corpus, then those of corpora that are steps of one run, side by side. */
export function metricTables({ corpusMetrics, settings }: Figures): Table[] {
  const all: Table = {
    title: "Metrics per corpus",
    note:
      `Lexicon ${settings.lexicons[0]!.name}, ${
        settings.tokenizers[0]
      } tokens. Semantic entropy is ` +
      "that of the gram frequencies, plug-in and with the Miller-Madow correction; it grows with the " +
      "number of spans, so compare it at like samples. pass@k is the unbiased estimate over groups of k " +
      "or more.",
    columns: ["metric", ...corpusMetrics.map(({ corpus }) => corpus)],
    rows: ROWS.map(([label, name, format]) => [
      label,
      ...corpusMetrics.map(({ values }) => written(values[name], format)),
    ]),
  };
  return [all, ...stepTables(corpusMetrics)];
}

function stepTables(corpusMetrics: Figures["corpusMetrics"]): Table[] {
  const runs = Map.groupBy(corpusMetrics, ({ corpus }) => corpus.replace(/_step\d+$/, ""));
  return [...runs].filter(([, steps]) => steps.length > 1).map(([run, steps]) => {
    const sorted = [...steps].sort((a, b) => stepOf(a.corpus) - stepOf(b.corpus));
    const [first, last] = [sorted[0]!.values, sorted.at(-1)!.values];
    return {
      title: `Steps of ${run}`,
      note:
        "The same prompts at different steps of one training run. Change is that of the last step " +
        "against the first.",
      columns: ["metric", ...sorted.map(({ corpus }) => `step ${stepOf(corpus)}`), "change"],
      rows: ROWS.map(([label, name, format]) => [
        label,
        ...sorted.map(({ values }) => written(values[name], format)),
        change(first[name], last[name]),
      ]),
    };
  });
}

function stepOf(corpus: string): number {
  return Number(/_step(\d+)$/.exec(corpus)?.[1]);
}

function written(value: number | null | undefined, format: Format): string {
  return value === null || value === undefined ? NOTHING : format(value);
}

function change(before: number | null | undefined, after: number | null | undefined): string {
  if (!before || after === null || after === undefined) return NOTHING;
  return `${signed(100 * (after / before - 1), 1)} %`;
}
