import type { CheckedBatch } from "../batch/mod.ts";
import { measure, metricValues } from "../metrics/mod.ts";
import { GRAM_KINDS, type GramKind, type SgMatcher } from "../sg/mod.ts";
import type { Corpus } from "./corpora.ts";
import { count, decimal, NOTHING, percent } from "./format.ts";
import type { Table } from "./table.ts";

/** How much of one corpus is planning. */
export interface PlanningShare {
  readonly tokenizer: string;
  readonly corpus: string;
  readonly rollouts: number;
  /** Trained tokens. */
  readonly tokens: number;
  /** Planning tokens by kind. */
  readonly kinds: Readonly<Record<GramKind, number>>;
  /** As `metricValues` names them, without prefix; null is not measured or not defined. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** The range that the paper's figures imply. */
export const PAPER_RANGE: readonly [low: number, high: number] = [0.02, 0.06];

/** Measures the planning share of every corpus under one tokenizer. */
export function planningShares(
  tokenizer: string,
  matcher: SgMatcher,
  corpora: readonly Corpus[],
  batches: readonly CheckedBatch[],
): PlanningShare[] {
  return batches.map((batch, c) => {
    const planning = matcher.match(batch);
    const counts = new Array<number>(GRAM_KINDS.length + 1).fill(0);
    for (const code of planning.kinds) counts[code]!++;
    return {
      tokenizer,
      corpus: corpora[c]!.name,
      rollouts: batch.numSequences,
      tokens: batch.lossMask.reduce((sum, trained) => sum + trained, 0),
      kinds: Object.fromEntries(
        GRAM_KINDS.map((kind, k) => [kind, counts[k + 1]!]),
      ) as Record<GramKind, number>,
      metrics: metricValues(measure(batch, planning), {
        prefix: "",
        lexiconSize: matcher.lexicon.grams.length,
      }),
    };
  });
}

/** Planning tokens over trained tokens of several corpora together. */
export function shareOf(shares: readonly PlanningShare[]): number {
  const planning = shares.flatMap(({ kinds }) => Object.values(kinds));
  return sum(planning) / sum(shares.map(({ tokens }) => tokens));
}

/** What the first tokenizer makes of each corpus; then the shares under each, where there are more. */
export function shareTables(shares: readonly PlanningShare[], lexicon: string): Table[] {
  const byTokenizer = Map.groupBy(shares, ({ tokenizer }) => tokenizer);
  const [[first, own]] = byTokenizer as unknown as [[string, PlanningShare[]]];
  const note =
    `Lexicon ${lexicon}. Share of response tokens that spell part of a gram; the paper's ` +
    "figures imply 2 to 6 %.";
  const corpora: Table = {
    title: `Planning share, ${first} tokens`,
    note: `${note} The columns of kinds are shares of the planning tokens.`,
    columns: [
      ...["corpus", "rollouts", "tokens", "share", "correct", "incorrect", "spans/1k"],
      ...GRAM_KINDS,
    ],
    rows: own.map(({ corpus, rollouts, tokens, kinds, metrics }) => [
      corpus,
      count(rollouts),
      count(tokens),
      ...["", "_correct", "_incorrect"].map((of) => written(metrics[`planning_frac${of}`])),
      decimal(metrics.spans_per_1k, 1),
      ...GRAM_KINDS.map((kind) => percent(kinds[kind] / sum(Object.values(kinds)))),
    ]),
  };
  if (byTokenizer.size === 1) return [corpora];
  const of = [...byTokenizer.values()];
  return [corpora, {
    title: "Planning share by tokenizer",
    note,
    columns: ["corpus", ...byTokenizer.keys()],
    rows: [
      ...own.map((
        { corpus },
        c,
      ) => [corpus, ...of.map((shares) => percent(shareOf([shares[c]!]), 2))]),
      ["all", ...of.map((shares) => percent(shareOf(shares), 2))],
    ],
  }];
}

function written(share: number | null | undefined): string {
  return typeof share === "number" ? percent(share, 2) : NOTHING;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
