import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { GRAM_KINDS } from "../../sg/mod.ts";
import type { Figures } from "../figures.ts";
import type { PhraseSource } from "../grams.ts";
import { PAPER_RANGE } from "./share_tables.ts";
import { significant } from "./format.ts";

/** Plot draws into a document; linkedom's needs no browser. */
function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>") as unknown as {
    document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const style = { fontSize: "14px", overflow: "visible", background: "none" };
  const x = { labelOffset: 40, ...options.x };
  return Plot.plot({ document, style, width: 980, marginBottom: 48, ...options, x }).outerHTML;
}

/** Colours are the page's, so that plots follow light and dark. */
const OURS = "var(--accent)";
const SERIES = ["var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)"];

function series(domain: readonly string[]): Plot.ScaleOptions {
  return { domain: [...domain], range: SERIES.slice(0, domain.length), legend: true };
}

/** Tokens per second beside the peers, with and without decoding. */
export function speedPlot({ peerSpeeds }: Figures): string {
  const bars = peerSpeeds.filter(({ kind }) => kind !== "floor").map((row) => ({
    label: row.kind === "ours"
      ? "hicra, ids to mask"
      : `${row.name}${row.kind === "search" ? ", text given" : ", decoding counted"}`,
    speed: row.tokensPerSecond / 1e6,
    text: `${significant(row.tokensPerSecond / 1e6)}${
      row.kind === "ours" ? "" : `   ${significant(row.timesOurs.median)}× our time`
    }`,
    fill: row.kind === "ours" ? OURS : row.kind === "search" ? "var(--faint)" : "var(--peer)",
  }));
  return draw({
    marginLeft: 320,
    marginRight: 150,
    height: 70 + 34 * bars.length,
    x: { label: "million tokens per second, one core →", grid: true, zero: true },
    y: { label: null, domain: bars.map(({ label }) => label), tickSize: 0, padding: 0.25 },
    marks: [
      Plot.barX(bars, { x: "speed", y: "label", fill: "fill", rx2: 3 }),
      Plot.text(bars, { x: "speed", y: "label", text: "text", textAnchor: "start", dx: 6 }),
    ],
  });
}

/** Speed over the number of grams, for phrases of one source; ours is labelled. */
export function gramGrowthPlot({ gramGrowth }: Figures, source: PhraseSource): string {
  const speeds = gramGrowth.map(({ tokensPerSecond }) => tokensPerSecond / 1e6);
  return growthPlot(
    gramGrowth.flatMap(({ name, grams, source: of }, k) =>
      of === source ? [{ name, size: grams, value: speeds[k]! }] : []
    ),
    {
      title: `Larger lexicons: ${source} phrases`,
      sizeLabel: "grams in the lexicon →",
      sizeFormat: ",",
      valueLabel: "↑ million tokens per second",
      ticks: logTicks(speeds), // the same for all sources
    },
  );
}

/** Time per token over the size of the batch; ours is labelled. */
export function tokenGrowthPlot({ tokenGrowth }: Figures): string {
  return growthPlot(
    tokenGrowth.map(({ name, tokens, nanosecondsPerToken }) => ({
      name,
      size: tokens,
      value: nanosecondsPerToken,
    })),
    {
      title: "Larger batches",
      sizeLabel: "tokens in the batch →",
      sizeFormat: (tokens: number) => `${significant(tokens / 1e6)} M`,
      valueLabel: "↑ nanoseconds per token",
      ticks: logTicks(tokenGrowth.map(({ nanosecondsPerToken }) => nanosecondsPerToken)),
    },
  );
}

interface Growth {
  readonly name: string;
  readonly size: number;
  readonly value: number;
}

/** A line for each name over growing sizes, both axes logarithmic. */
function growthPlot(
  rows: readonly Growth[],
  { title, sizeLabel, sizeFormat, valueLabel, ticks }: {
    readonly title: string;
    readonly sizeLabel: string;
    readonly sizeFormat: string | ((size: number) => string);
    readonly valueLabel: string;
    readonly ticks: number[];
  },
): string {
  const channels = { x: "size", y: "value", stroke: "name" } as const;
  return draw({
    title,
    width: 490,
    height: 330,
    marginTop: 36,
    marginLeft: 50,
    marginRight: 30,
    x: {
      type: "log",
      inset: 16,
      label: sizeLabel,
      ticks: [...new Set(rows.map(({ size }) => size))],
      tickFormat: sizeFormat,
    },
    y: {
      type: "log",
      label: valueLabel,
      grid: true,
      domain: [ticks[0]!, ticks.at(-1)!],
      ticks,
      tickFormat: "~f",
    },
    color: series([...new Set(rows.map(({ name }) => name))]),
    marks: [
      Plot.line(rows, { ...channels, strokeWidth: 2.5 }),
      Plot.dot(rows, { ...channels, fill: "name", r: 4 }),
      Plot.text(rows.filter(({ name }) => name === "hicra"), {
        x: "size",
        y: "value",
        text: ({ value }: Growth) => significant(value),
        dy: -14,
        fontWeight: 600,
        fill: "currentColor",
        stroke: "var(--card)",
        strokeWidth: 4,
      }),
    ],
  });
}

/** 1, 2, 5, 10 ... from at most the smallest value to at least the largest. */
function logTicks(values: readonly number[]): number[] {
  const ticks = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) =>
    [1, 2, 5].map((digit) => digit * 10 ** power)
  );
  const first = ticks.findLastIndex((tick) => tick <= Math.min(...values));
  const last = ticks.findIndex((tick) => tick >= Math.max(...values));
  return ticks.slice(Math.max(0, first), last + 1);
}

/** Planning share of each corpus under each tokenizer, beside the range of the paper. */
export function sharePlot({ planningShares, settings, corpora }: Figures): string {
  const rows = planningShares.map((row) => ({
    ...row,
    share: 100 * row.planningTokens / row.tokens,
    panel: `lexicon ${row.lexicon}`,
  }));
  const panels = settings.lexicons.map(({ name }) => ({
    panel: `lexicon ${name}`,
    low: 100 * PAPER_RANGE[0],
    high: 100 * PAPER_RANGE[1],
  }));
  return draw({
    marginLeft: 180,
    marginTop: 40,
    height: 110 + 30 * corpora.length,
    x: { label: "planning tokens, % of the response →", grid: true, zero: true },
    y: { label: null, domain: corpora.map(({ name }) => name), tickSize: 0 },
    fx: { label: null, domain: panels.map(({ panel }) => panel) },
    color: series(settings.tokenizers),
    marks: [
      Plot.rect(panels, { fx: "panel", x1: "low", x2: "high", fill: "var(--band)" }),
      Plot.dot(rows, {
        fx: "panel",
        x: "share",
        y: "corpus",
        stroke: "tokenizer",
        r: 5,
        strokeWidth: 2,
      }),
    ],
  });
}

/** Planning share of each corpus by kind. */
export function kindPlot({ planningShares, settings, corpora }: Figures): string {
  const rows = planningShares
    .filter(({ lexicon, tokenizer }) =>
      lexicon === settings.lexicons[0]!.name && tokenizer === settings.tokenizers[0]
    )
    .flatMap(({ corpus, kinds, tokens }) =>
      GRAM_KINDS.map((kind) => ({ corpus, kind, share: 100 * kinds[kind] / tokens }))
    );
  return draw({
    marginLeft: 180,
    height: 80 + 30 * corpora.length,
    x: { label: "planning tokens by kind, % of the response →", grid: true },
    y: { label: null, domain: corpora.map(({ name }) => name), tickSize: 0, padding: 0.25 },
    color: {
      domain: [...GRAM_KINDS],
      range: GRAM_KINDS.map((kind) => `var(--${kind})`),
      legend: true,
    },
    marks: [Plot.barX(rows, { x: "share", y: "corpus", fill: "kind" })],
  });
}

/** What each chain does to positive and to negative advantages, on planning and on other tokens. */
export function massPlot({ advantageMasses }: Figures): string {
  const rows = advantageMasses.flatMap(({ chain, standIn, planning, execution }) =>
    [["planning tokens", planning] as const, ["execution tokens", execution] as const].flatMap(
      ([panel, { positiveFactor, negativeFactor }]) => [
        { chain: chain + (standIn ? " *" : ""), panel, sign: "A > 0", factor: positiveFactor },
        { chain: chain + (standIn ? " *" : ""), panel, sign: "A < 0", factor: negativeFactor },
      ],
    )
  ).filter(({ factor }) => Number.isFinite(factor));
  const chains = [...new Set(rows.map(({ chain }) => chain))];
  return draw({
    marginLeft: 225,
    marginTop: 40,
    height: 100 + 22 * chains.length,
    x: { label: "sum of |A|, after over before →", grid: true },
    y: { label: null, domain: chains, tickSize: 0 },
    fx: { label: null, domain: ["planning tokens", "execution tokens"] },
    color: {
      domain: ["A > 0", "A < 0"],
      range: ["var(--positive)", "var(--negative)"],
      legend: true,
    },
    marks: [
      Plot.ruleX([1], { strokeOpacity: 0.5 }),
      Plot.ruleY(
        rows,
        Plot.groupY({ x1: "min", x2: "max" }, {
          fx: "panel",
          x: "factor",
          y: "chain",
          strokeOpacity: 0.35,
          strokeWidth: 3,
        }),
      ),
      // The larger dot below shows where both are equal.
      ...[["A > 0", 6.5] as const, ["A < 0", 3.5] as const].map(([sign, r]) =>
        Plot.dot(rows.filter((row) => row.sign === sign), {
          fx: "panel",
          x: "factor",
          y: "chain",
          fill: "sign",
          r,
        })
      ),
    ],
  });
}

/** Planning share of correct and of incorrect rollouts. */
export function outcomePlot({ corpusMetrics }: Figures): string {
  const rows = corpusMetrics.flatMap(({ corpus, values }) =>
    (["correct", "incorrect"] as const).flatMap((outcome) => {
      const share = values[`planning_frac_${outcome}`];
      return typeof share === "number" ? [{ corpus, outcome, share: 100 * share }] : [];
    })
  );
  return draw({
    marginLeft: 180,
    height: 80 + 30 * corpusMetrics.length,
    x: { label: "planning tokens, % of the response →", grid: true, zero: true },
    y: { label: null, domain: corpusMetrics.map(({ corpus }) => corpus), tickSize: 0 },
    color: {
      domain: ["correct", "incorrect"],
      range: ["var(--positive)", "var(--negative)"],
      legend: true,
    },
    marks: [
      Plot.ruleY(
        rows,
        Plot.groupY({ x1: "min", x2: "max" }, {
          x: "share",
          y: "corpus",
          strokeOpacity: 0.35,
          strokeWidth: 3,
        }),
      ),
      Plot.dot(rows, { x: "share", y: "corpus", fill: "outcome", r: 5.5 }),
    ],
  });
}
