import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { GRAM_KINDS } from "../../sg/mod.ts";
import type { AdvantageMass } from "../advantage_mass.ts";
import { significant } from "../format.ts";
import { PAPER_RANGE, type PlanningShare } from "../planning_share.ts";
import { median } from "../spread.ts";
import type { SuiteFigures } from "../suite.ts";

/** Plot draws into a document; linkedom's needs no browser. */
function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>") as unknown as {
    document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const style = { fontSize: "14px", overflow: "visible", background: "none" };
  const x = { labelOffset: 40, ...options.x };
  return Plot.plot({ document, style, width: 980, marginBottom: 48, ...options, x }).outerHTML;
}

/** Rows of the matchers that find nothing. */
const FLOORS = ["decoding alone", "plain pass"];

/** Tokens per second beside the peers. Colors are the page's, so that plots follow light and dark. */
export function speedPlot({ rows, tokens }: SuiteFigures): string {
  const bars = rows.filter(({ name }) => !FLOORS.includes(name)).map((row, r) => {
    const speed = tokens / median(row.samplesMs) / 1000;
    const ratio = r === 0 ? "" : `   ${significant(row.timesFirst.median)}× our time`;
    return {
      name: row.name,
      speed,
      text: significant(speed) + ratio,
      fill: r === 0
        ? "var(--accent)"
        : row.name.endsWith("text given")
        ? "var(--faint)"
        : "var(--peer)",
    };
  });
  return draw({
    marginLeft: 320,
    marginRight: 150,
    height: 70 + 34 * bars.length,
    x: { label: "million tokens per second, one core →", grid: true, zero: true },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0, padding: 0.25 },
    marks: [
      Plot.barX(bars, { x: "speed", y: "name", fill: "fill", rx2: 3 }),
      Plot.text(bars, { x: "speed", y: "name", text: "text", textAnchor: "start", dx: 6 }),
    ],
  });
}

/** The rows of a plot with a line for each corpus. */
function corporaOf(
  shares: readonly PlanningShare[],
): Pick<Plot.PlotOptions, "marginLeft" | "height" | "y"> {
  const domain = [...new Set(shares.map(({ corpus }) => corpus))];
  return {
    marginLeft: 180,
    height: 80 + 30 * domain.length,
    y: { label: null, domain, tickSize: 0, padding: 0.25 },
  };
}

const BAND = Plot.rect([PAPER_RANGE], {
  x1: (range: typeof PAPER_RANGE) => 100 * range[0],
  x2: (range: typeof PAPER_RANGE) => 100 * range[1],
  fill: "var(--band)",
});

/** Planning share of each corpus by kind, under the first tokenizer. */
export function kindPlot(shares: readonly PlanningShare[]): string {
  const rows = shares.filter(({ tokenizer }) => tokenizer === shares[0]!.tokenizer).flatMap(
    ({ corpus, kinds, tokens }) =>
      GRAM_KINDS.map((kind) => ({ corpus, kind, share: 100 * kinds[kind] / tokens })),
  );
  return draw({
    ...corporaOf(shares),
    x: { label: "planning tokens by kind, % of the response →", grid: true },
    color: {
      domain: [...GRAM_KINDS],
      range: GRAM_KINDS.map((kind) => `var(--${kind})`),
      legend: true,
    },
    marks: [BAND, Plot.barX(rows, { x: "share", y: "corpus", fill: "kind" })],
  });
}

/** Planning share of correct and of incorrect rollouts, under the first tokenizer. */
export function outcomePlot(shares: readonly PlanningShare[]): string {
  const rows = shares.filter(({ tokenizer }) => tokenizer === shares[0]!.tokenizer).flatMap(
    ({ corpus, metrics }) =>
      (["correct", "incorrect"] as const).flatMap((outcome) => {
        const share = metrics[`planning_frac_${outcome}`];
        return typeof share === "number" ? [{ corpus, outcome, share: 100 * share }] : [];
      }),
  );
  return draw({
    ...corporaOf(shares),
    x: { label: "planning tokens, % of the response →", grid: true, zero: true },
    color: {
      domain: ["correct", "incorrect"],
      range: ["var(--positive)", "var(--negative)"],
      legend: true,
    },
    marks: [
      BAND,
      between(rows, { x: "share", y: "corpus" }),
      Plot.dot(rows, { x: "share", y: "corpus", fill: "outcome", r: 5.5 }),
    ],
  });
}

/** What each chain does to positive and to negative advantages, on planning and on other tokens. */
export function massPlot(masses: readonly AdvantageMass[]): string {
  const rows = masses.flatMap(({ chain, standIn, planning, execution }) =>
    [["planning tokens", planning] as const, ["execution tokens", execution] as const].flatMap(
      ([panel, { positiveFactor, negativeFactor }]) => [
        { chain: chain + (standIn ? " *" : ""), panel, sign: "A > 0", factor: positiveFactor },
        { chain: chain + (standIn ? " *" : ""), panel, sign: "A < 0", factor: negativeFactor },
      ],
    )
  ).filter(({ factor }) => Number.isFinite(factor));
  const chains = [...new Set(rows.map(({ chain }) => chain))];
  const at = { fx: "panel", x: "factor", y: "chain" } as const;
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
      between(rows, at),
      // The larger dot below shows where both are equal.
      ...[["A > 0", 6.5] as const, ["A < 0", 3.5] as const].map(([sign, r]) =>
        Plot.dot(rows.filter((row) => row.sign === sign), { ...at, fill: "sign", r })
      ),
    ],
  });
}

/** A line between the two dots of a row. */
function between(rows: readonly object[], at: { fx?: string; x: string; y: string }): Plot.Markish {
  const line = { ...at, strokeOpacity: 0.35, strokeWidth: 3 };
  return Plot.ruleY(rows, Plot.groupY({ x1: "min", x2: "max" }, line));
}
