import { GRAM_KINDS } from "../../sg/mod.ts";
import type { Figures } from "../figures.ts";
import type { PlanningShare } from "../planning_share.ts";
import { count, decimal, percent } from "./format.ts";
import type { Table } from "./table.ts";

/** The range that the paper's figures imply. */
export const PAPER_RANGE: readonly [low: number, high: number] = [0.02, 0.06];

/** Planning share per corpus and tokenizer, a table for each lexicon, then the kinds. */
export function shareTables({ planningShares, settings, corpora }: Figures): Table[] {
  const shares = settings.lexicons.map(({ name, grams }): Table => {
    const own = planningShares.filter(({ lexicon }) => lexicon === name);
    const row = (label: string, rows: readonly PlanningShare[]): string[] => [
      label,
      ...settings.tokenizers.map((tokenizer) =>
        percent(shareOf(rows.filter((row) => row.tokenizer === tokenizer)), 2)
      ),
    ];
    return {
      title: `Planning share, lexicon ${name}`,
      note: `Share of response tokens that spell part of one of the ${count(grams)} grams. The ` +
        "paper's figures imply 2 to 6 %.",
      columns: ["corpus", ...settings.tokenizers],
      rows: [
        ...corpora.map(({ name }) => row(name, own.filter(({ corpus }) => corpus === name))),
        row("all", own),
      ],
    };
  });
  return [...shares, kindTable(planningShares, settings)];
}

function kindTable(
  planningShares: readonly PlanningShare[],
  { tokenizers, lexicons }: Figures["settings"],
): Table {
  const lexicon = lexicons[0]!.name;
  const tokenizer = tokenizers[0]!;
  return {
    title: "What planning tokens do",
    note:
      `Lexicon ${lexicon}, ${tokenizer} tokens. The kinds' columns are shares of the planning ` +
      "tokens; their assignment to the paper's grams is ours.",
    columns: ["corpus", "rollouts", "tokens", "chars/token", "spans/1k", "share", ...GRAM_KINDS],
    rows: planningShares
      .filter((row) => row.lexicon === lexicon && row.tokenizer === tokenizer)
      .map((row) => [
        row.corpus,
        count(row.sequences),
        count(row.tokens),
        decimal(row.characters === 0 ? null : row.characters / row.tokens), // given as ids
        decimal(1000 * row.spans / row.tokens, 1),
        percent(shareOf([row]), 2),
        ...GRAM_KINDS.map((kind) => percent(row.kinds[kind] / row.planningTokens)),
      ]),
  };
}

/** Planning tokens over trained tokens of several rows together. */
export function shareOf(rows: readonly PlanningShare[]): number {
  const sum = (of: (row: PlanningShare) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  return sum(({ planningTokens }) => planningTokens) / sum(({ tokens }) => tokens);
}
