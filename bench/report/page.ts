import { traceStyles } from "../../view/mod.ts";
import type { PythonFigures } from "../python/measure_python.ts";
import type { BenchRun } from "../run.ts";
import { escapeHtml } from "./html.ts";
import { htmlTable } from "./html_table.ts";
import { massTable } from "./mass_table.ts";
import { metricTables } from "./metric_tables.ts";
import { PAGE_STYLE } from "./page_style.ts";
import {
  gramGrowthPlot,
  kindPlot,
  massPlot,
  outcomePlot,
  sharePlot,
  speedPlot,
  tokenGrowthPlot,
} from "./plots.ts";
import { pythonTables } from "./python_tables.ts";
import { shareTables } from "./share_tables.ts";
import { speedTables } from "./speed_tables.ts";
import { headlines, machineLine } from "./summary.ts";
import type { Table } from "./table.ts";
import { tracesHtml } from "./traces.ts";

/**
 * Writes the report: one page that fetches nothing and runs nothing.
 *
 * @param run What was measured, and what on.
 * @returns The page, in pieces.
 */
export function* reportPage(run: BenchRun): Generator<string> {
  const { figures } = run;
  yield `${HEAD}
<h1>Planning-aware credit on real rollouts</h1>
<p class="soft">hicra bench, ${escapeHtml(machineLine(figures))}</p>
${headlineList(run)}
<nav><a href="#speed">Speed</a>${
    figures.python === null ? "" : '<a href="#python">Python</a>'
  }<a href="#share">Planning share</a><a href="#mass">Advantage mass</a>
<a href="#metrics">Metrics</a><a href="#traces">Traces</a><a href="#settings">Settings</a></nav>
`;
  const [peers, aims, ...otherSpeeds] = speedTables(figures);
  yield section(
    "speed",
    "Speed",
    "From token ids to the planning mask, beside packages that find the same phrases in text. Peers " +
      "search text, so a training loop has to decode its ids for them first.",
    plot(speedPlot(figures)) + htmlTable(peers!, { open: true }) +
      htmlTable(aims!, { open: true }) +
      `<div class="pair">${plot(gramGrowthPlot(figures, "common"))}${
        plot(gramGrowthPlot(figures, "rare"))
      }${plot(tokenGrowthPlot(figures))}</div>` +
      folded(otherSpeeds),
  );
  if (figures.python !== null) yield pythonSection(figures.python);
  yield section(
    "share",
    "Planning share",
    "How much of a response is planning. The shaded band is what the paper's figures imply.",
    plot(sharePlot(figures)) + plot(kindPlot(figures)) + folded(shareTables(figures)),
  );
  if (figures.advantageMasses.length > 0) {
    yield section(
      "mass",
      "Advantage mass",
      "What each transform does to credit: how the sum of |A| changes on planning tokens and on all " +
        "others, for advantages that were positive and for those that were negative.",
      plot(massPlot(figures)) + folded([massTable(figures)]),
    );
  }
  yield section(
    "metrics",
    "Metrics",
    "Do correct rollouts plan more? And what training did to planning.",
    plot(outcomePlot(figures)) + folded(metricTables(figures)),
  );
  yield section(
    "traces",
    "Traces",
    "The first correct and the first incorrect rollout of readable length in each file, of groups with " +
      "different rewards where there are any. Planning tokens " +
      "are coloured by kind; point at one to see the gram and its advantage before and after HICRA.",
    tracesHtml(run),
  );
  yield section("settings", "Settings", "What the figures depend on.", settings(run));
  yield FOOT;
}

/**
 * Writes a report of nothing but what was measured beside Python.
 *
 * @param figures What was measured.
 * @param machine The machine and the day.
 * @returns The page, in pieces.
 */
export function* pythonPage(figures: PythonFigures, machine: string): Generator<string> {
  yield `${HEAD}
<h1>Beside Python</h1>
<p class="soft">hicra bench, ${escapeHtml(machine)}</p>
`;
  yield pythonSection(figures);
  yield FOOT;
}

function pythonSection(figures: PythonFigures): string {
  const [aims, matchers, ...others] = pythonTables(figures);
  return section(
    "python",
    "Beside Python",
    "The same bytes in one run, ours and Python in turns: matchers, the transform, logits; how costs " +
      "grow, and memory. The stages of mining are beside scikit-learn and sentence-transformers in " +
      "bench/lexicons/README.md.",
    [aims!, matchers!].map((table) => htmlTable(table, { open: true })).join("") + folded(others),
  );
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

const FOOT = "</main>\n</body>\n</html>\n";

function headlineList({ figures }: BenchRun): string {
  const items = headlines(figures).map(({ label, value, detail }) =>
    `<li><span class="label">${escapeHtml(label)}</span><b>${escapeHtml(value)}</b>` +
    `<span class="detail">${escapeHtml(detail)}</span></li>`
  );
  return `<ul class="headlines">${items.join("\n")}</ul>`;
}

function section(id: string, title: string, lead: string, body: string): string {
  return `<section id="${id}"><h2>${title}</h2><p>${escapeHtml(lead)}</p>\n${body}</section>\n`;
}

function plot(svg: string): string {
  return `<div class="plot">${svg}</div>\n`;
}

function folded(tables: readonly Table[]): string {
  return tables.map((table) => htmlTable(table, { open: false })).join("");
}

function settings({ figures: { settings, notes, corpora } }: BenchRun): string {
  const lines = [
    `Rollouts: ${corpora.map(({ name, rollouts }) => `${name} (${rollouts})`).join(", ")}.`,
    `Tokenizers: ${settings.tokenizers.join(", ")}; the first one where a table names none.`,
    `Lexicons: ${
      settings.lexicons.map(({ name, grams }) => `${name} (${grams} grams)`).join(", ")
    }.`,
    `Baseline ${settings.baseline}, alpha ${settings.alpha}.`,
    `Times: medians of ${settings.repetitions} rounds, all contestants in turns (A B C A B C ...), each ` +
    "with the same rollouts, after one round that does not count.",
    ...notes,
  ];
  return `<ul class="notes">${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>\n`;
}
