import { visibleText } from "../batch/internal.ts";
import type { Lexicon } from "../sg/mod.ts";
import type { MetricsReport } from "./metrics_report.ts";
import { linesOf, plainTable } from "./plain_table.ts";

/** How a number is written. */
type Format = (value: number) => string;

const percent: Format = (value) => `${(100 * value).toFixed(1)} %`;
const figure: Format = (value) => String(Number(value.toPrecision(4)));

/** What people look at, by the name under which `metricValues` has it, in this order. */
const ROWS: readonly (readonly [what: string, name: string, format: Format])[] = [
  ["planning tokens, of trained ones", "planning_frac", percent],
  ["  in correct rollouts", "planning_frac_correct", percent],
  ["  in incorrect rollouts", "planning_frac_incorrect", percent],
  ["rollouts with a planning token", "planning_seq_frac", percent],
  ["grams per 1,000 tokens", "spans_per_1k", figure],
  ["semantic entropy of the grams, nats", "phrase_entropy", figure],
  ["entropy of what follows a gram, nats", "follower_entropy", figure],
  ["length, tokens", "length", figure],
  ["accuracy", "accuracy", percent],
  ["pass@8", "pass_at_8", percent],
  ["groups of equal rewards", "zero_std_group_frac", percent],
  ["cut at the length limit", "truncated_frac", percent],
  ["perplexity of planning tokens", "perplexity_plan", figure],
  ["perplexity of execution tokens", "perplexity_exec", figure],
  ["entropy of planning tokens, nats", "entropy_plan_old", figure],
  ["entropy of execution tokens, nats", "entropy_exec_old", figure],
  ["mean advantage of planning tokens", "adv_plan", figure],
  ["  after the transforms", "adv_plan_after", figure],
  ["mean advantage of execution tokens", "adv_exec", figure],
  ["  after the transforms", "adv_exec_after", figure],
  ["mass of advantages, after to before", "adv_abs_ratio", figure],
];

/** Grams that the table names. */
const TOP_GRAMS = 5;

/**
 * The metrics of a step for a terminal: what people look at first, each with the name under which loggers
 * get it, then the grams that occur most. What was not measured is left out.
 */
export function metricsTable({ values, sums }: MetricsReport, lexicon: Lexicon): string {
  const table = plainTable(["left", "right", "left"]);
  for (const [what, name, format] of ROWS) {
    const value = values[`hicra/${name}`];
    if (value !== null && value !== undefined) table.push([what, format(value), `hicra/${name}`]);
  }
  const counts = Object.entries(sums.grams).sort(([, a], [, b]) => b - a);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  for (const [index, count] of counts.slice(0, TOP_GRAMS)) {
    const { text, kind } = lexicon.grams[Number(index)]!;
    const words = visibleText(text).replaceAll("\n", "⏎");
    table.push([`"${words}"${kind ? `, ${kind}` : ""}`, percent(count / total), "of the grams"]);
  }
  return [...linesOf(table), ""].join("\n");
}
