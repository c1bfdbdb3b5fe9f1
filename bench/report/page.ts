import { traceStyles } from "../../view/mod.ts";
import { massTable } from "../advantage_mass.ts";
import { type Figures, machineLine } from "../figures.ts";
import { significant } from "../format.ts";
import { shareOf, shareTables } from "../planning_share.ts";
import type { Sample } from "../sample.ts";
import { median } from "../spread.ts";
import { suiteTable } from "../suite.ts";
import { escapeHtml, htmlTable, type Table } from "../table.ts";
import { PAGE_STYLE } from "./page_style.ts";
import { kindPlot, massPlot, outcomePlot, speedPlot } from "./plots.ts";
import { tracesHtml } from "./traces.ts";

/**
 * Writes the report: one page that fetches nothing and runs nothing.
 *
 * @param sample What was measured on.
 * @param figures What was measured.
 * @returns The page, in pieces.
 */
export function* reportPage(sample: Sample, figures: Figures): Generator<string> {
  const { suites, shares, masses, lexicon } = figures;
  yield `${HEAD}
<h1>Planning-aware credit on real rollouts</h1>
<p class="soft">hicra bench, ${escapeHtml(machineLine(figures))}</p>
${headlines(figures)}
<nav><a href="#traces">Traces</a><a href="#share">Planning share</a><a href="#mass">Advantages</a>
<a href="#speed">Speed</a></nav>
`;
  yield section(
    "traces",
    "Traces",
    "The first correct and the first incorrect rollout of readable length in each file, of groups " +
      "with different rewards where there are any. Planning tokens are colored by kind; point at one " +
      "to see the gram and its advantage before and after HICRA.",
    tracesHtml(sample),
  );
  yield section(
    "share",
    "Planning share",
    "How much of a response is planning, and whether correct rollouts plan more. The shaded band is " +
      "what the paper's figures imply.",
    plot(kindPlot(shares)) + plot(outcomePlot(shares)) + tables(shareTables(shares, lexicon)),
  );
  if (masses.length > 0) {
    yield section(
      "mass",
      "Advantages",
      "How the sum of |A| changes on planning tokens and on all others, for advantages that were " +
        "positive and for those that were negative.",
      plot(massPlot(masses)) + tables([massTable(masses, figures)]),
    );
  }
  yield section(
    "speed",
    "Speed",
    "All contestants in turns on the same rollouts, after rounds that do not count.",
    plot(speedPlot(suites[0]!)) + tables(suites.map(suiteTable), { open: true }),
  );
  yield "</main>\n</body>\n</html>\n";
}

const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>hicra bench</title>
<style>${PAGE_STYLE}${traceStyles}</style>
</head>
<body>
<main>`;

function headlines({ suites, shares, lexicon, masses, alpha }: Figures): string {
  const [{ tokens, rows, agrees }] = suites as [Figures["suites"][0]];
  const [first] = Map.groupBy(shares, ({ tokenizer }) => tokenizer) as Iterable<
    [string, Figures["shares"]]
  > as [[string, Figures["shares"]]];
  const speed = significant(tokens / median(rows[0]!.samplesMs) / 1000);
  const expression = rows.find(({ name }) => name === "regular expression")!;
  const items: [string, string, string][] = [
    [
      "planning tokens",
      `${significant(100 * shareOf(first[1]))} %`,
      `${first[0]}, lexicon ${lexicon}`,
    ],
    ["matched on one core", `${speed} M tokens/s`, agrees],
    [
      "regular expression",
      `${significant(expression.timesFirst.median)}× our time`,
      "decoding counted",
    ],
  ];
  if (masses.length > 0) {
    const { planning, execution } = masses[0]!;
    items.push([
      "planning tokens hold",
      `${significant(100 * planning.before / (planning.before + execution.before))} % of |A|`,
      `HICRA adds ${alpha} of it`,
    ]);
  }
  const list = items.map((texts) => {
    const [label, value, detail] = texts.map(escapeHtml);
    return `<li><span class="label">${label}</span><b>${value}</b>` +
      `<span class="detail">${detail}</span></li>`;
  });
  return `<ul class="headlines">${list.join("\n")}</ul>`;
}

function section(id: string, title: string, lead: string, body: string): string {
  return `<section id="${id}"><h2>${title}</h2><p>${escapeHtml(lead)}</p>\n${body}</section>\n`;
}

function plot(svg: string): string {
  return `<div class="plot">${svg}</div>\n`;
}

function tables(tables: readonly Table[], { open } = { open: false }): string {
  return tables.map((table) => htmlTable(table, { open })).join("");
}
