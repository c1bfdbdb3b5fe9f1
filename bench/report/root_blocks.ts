import type { Figures } from "../figures.ts";
import type { PlanningShare } from "../planning_share.ts";
import { millions, percent, times } from "./format.ts";
import { markdownRows } from "./markdown.ts";
import { PAPER_RANGE, shareOf } from "./share_tables.ts";
import { machineLine } from "./summary.ts";

/**
 * The planning share for the package's README: the first lexicon under every tokenizer, the others
 * under the first one, and what lies outside the paper's range.
 */
export function planningShareBlock({ planningShares, settings, corpora }: Figures): string {
  const [first, ...others] = settings.lexicons.map(({ name }) => name);
  const columns = [
    ...settings.tokenizers.map((tokenizer) => ({ lexicon: first!, tokenizer, label: tokenizer })),
    ...others.map((lexicon) => {
      const tokenizer = settings.tokenizers[0]!;
      return { lexicon, tokenizer, label: `\`${lexicon}\`, ${tokenizer}` };
    }),
  ].map(({ lexicon, tokenizer, label }) => ({
    lexicon,
    label,
    shares: planningShares.filter((row) => row.lexicon === lexicon && row.tokenizer === tokenizer),
  }));
  const cells = (corpus?: string): string[] =>
    columns.map(({ shares }) =>
      percent(shareOf(shares.filter((row) => corpus === undefined || row.corpus === corpus)), 2)
    );
  const outside = [first!, ...others].map((lexicon) => {
    const shares = columns.filter((column) => column.lexicon === lexicon)
      .flatMap(({ shares }) => shares);
    return `with \`${lexicon}\` ${whatLiesOutside(shares)}`;
  });
  return [
    markdownRows({
      columns: [`lexicon \`${first}\``, ...columns.map(({ label }) => label)],
      rows: [...corpora.map(({ name }) => [name, ...cells(name)]), ["all", ...cells()]],
    }),
    "",
    `Outside ${range(PAPER_RANGE, 0)} lie, ${outside.join("; ")}.`,
  ].join("\n");
}

function whatLiesOutside(shares: readonly PlanningShare[]): string {
  const corpora = [...Map.groupBy(shares, ({ corpus }) => corpus)].flatMap(([corpus, rows]) => {
    const outside = rows.filter((row) => !isInside(shareOf([row])));
    if (outside.length === 0) return [];
    const values = outside.map((row) => shareOf([row]));
    const where = outside.length === rows.length
      ? ""
      : `under ${outside.map(({ tokenizer }) => tokenizer).join(" and ")}, `;
    return [`${corpus} (${where}${range([Math.min(...values), Math.max(...values)], 2)})`];
  });
  return corpora.length === 0 ? "none" : corpora.join(", ");
}

function isInside(share: number): boolean {
  return share >= PAPER_RANGE[0] && share <= PAPER_RANGE[1];
}

function range([low, high]: readonly [number, number], digits: number): string {
  const [from, to] = [percent(low, digits), percent(high, digits)];
  return from === to ? from : `${from.replace(" %", "")} to ${to}`;
}

/** The speed for the package's README: ours, the peers from ids on, and the limit. */
export function speedBlock(figures: Figures): string {
  const { peerSpeeds, settings } = figures;
  const shown = [
    ...peerSpeeds.filter(({ kind }) => kind === "ours" || kind === "decode and search"),
    peerSpeeds.find(({ kind }) => kind === "floor")!,
  ];
  return [
    markdownRows({
      columns: ["from token ids", "M tokens/s", "M characters/s", "time over ours"],
      rows: shown.map((row) => [
        row.name + (row.kind === "floor" ? " over ids and mask (the limit)" : ""),
        millions(row.tokensPerSecond),
        millions(row.charactersPerSecond),
        row.kind === "ours" ? "1" : times(row.timesOurs),
      ]),
    }),
    "",
    `${machineLine(figures)}; ${settings.tokenizers[0]} tokens, lexicon \`${
      settings.lexicons[0]!.name
    }\`, medians of ${settings.repetitions} rounds in turns, in brackets the range.`,
  ].join("\n");
}
