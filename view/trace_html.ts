import { visibleText } from "../batch/internal.ts";
import { GRAM_KINDS } from "../sg/mod.ts";
import type { Trace, TraceSegment } from "./trace.ts";
import { shiftText, traceFigures } from "./trace_ansi.ts";

/** Options of {@linkcode traceHtml}. */
export interface TraceHtmlOptions {
  /** Show the text at once, not only when the reader opens it. @default {false} */
  readonly open?: boolean;
}

/** Options of {@linkcode tracesPage}. */
export interface TracesPageOptions {
  /** Title and heading of the page. */
  readonly title: string;
  /** Paragraphs under the heading, as plain text. */
  readonly notes?: readonly string[];
  /** Number of traces that are open at first. @default {3} */
  readonly numOpen?: number;
}

/** What a kind does, in the words of the paper's section 2.1. */
const MEANING: Readonly<Record<string, string>> = {
  deduction: "draws a conclusion",
  branching: "takes up another approach or case",
  backtracking: "goes back, checks, corrects",
  other: "any other strategic gram",
};

/**
 * Style sheet of {@linkcode traceHtml} and {@linkcode traceControlsHtml}, for a page's `<style>`. All
 * rules stand under the class `traces`; colors follow the page's `color-scheme`.
 */
export const traceStyles: string = `
.traces {
  --ink: light-dark(#1d2129, #e4e6eb); --soft: light-dark(#667085, #98a1b3);
  --line: light-dark(#e3e6ec, #343a46); --card: light-dark(#ffffff, #1b1f27);
  --sunk: light-dark(#f4f5f8, #14171d);
  --deduction: light-dark(#1f6fd6, #6cb0ff); --branching: light-dark(#0a8a5f, #45d3a0);
  --backtracking: light-dark(#d1480f, #ff9a62); --other: light-dark(#8a4bc4, #c79bf5);
  --planning: light-dark(#0b8296, #4fd0e4);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
}
.traces .controls { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center;
  padding: .6rem 0; }
.traces fieldset { display: flex; flex-wrap: wrap; gap: .3rem .9rem; border: 0; margin: 0; padding: 0; }
.traces .controls label { display: inline-flex; align-items: center; gap: .35rem; cursor: pointer; }
.traces .trace { margin: 0 0 .75rem; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card); }
.traces summary { display: flex; flex-wrap: wrap; gap: .15rem .9rem; align-items: baseline;
  padding: .6rem .9rem; cursor: pointer; color: var(--soft); font-size: .875rem;
  font-variant-numeric: tabular-nums; list-style: none; }
.traces summary::before { content: "▸"; }
.traces [open] > summary::before { content: "▾"; }
.traces summary::-webkit-details-marker { display: none; }
.traces summary b { color: var(--ink); font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
.traces .correct .verdict { color: var(--branching); font-weight: 600; }
.traces .incorrect .verdict { color: var(--backtracking); font-weight: 600; }
.traces .strip { flex-basis: 100%; width: 100%; height: .6rem; margin-top: .35rem;
  border-radius: .2rem; background: var(--sunk); }
.traces .prompt { margin: 0 .9rem .6rem; padding: .5rem .8rem; border-left: 3px solid var(--line);
  color: var(--soft); font-size: .9rem; white-space: pre-wrap; overflow-wrap: anywhere;
  max-width: 78ch; }
.traces .text { padding: .2rem .9rem 1rem; max-width: 82ch; font-size: 1rem; line-height: 1.75;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.traces mark, .traces .moved { position: relative; color: inherit; background: none; }
.traces mark { border-bottom: 2px solid var(--kind); border-radius: .2rem .2rem 0 0;
  background: color-mix(in srgb, var(--kind) 17%, transparent);
  box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.traces .moved { border-bottom: 1px dotted var(--soft); }
.traces .untrained { color: var(--soft); font-style: italic; }
${
  [...GRAM_KINDS, "planning"].map((kind) => `.traces .${kind} { --kind: var(--${kind}); }`).join(
    "\n",
  )
}
.traces rect { fill: var(--kind); stroke: var(--kind); stroke-width: 1.5px;
  vector-effect: non-scaling-stroke; }
.traces .branching { border-bottom-style: dashed; }
.traces .backtracking { border-bottom-style: double; border-bottom-width: 3px; }
.traces .other { border-bottom-style: dotted; }
.traces [data-tip]:hover { outline: 1px solid var(--kind, var(--soft)); }
.traces [data-tip]:hover::after { content: attr(data-tip); position: absolute; left: 0;
  top: calc(100% + .35rem); z-index: 2; width: max-content; max-width: 22rem; padding: .35rem .6rem;
  border-radius: .4rem; background: var(--ink); color: var(--card); font: .8rem/1.4 system-ui, sans-serif;
  white-space: pre-line; pointer-events: none; }
@media (max-width: 60rem) {
  .traces [data-tip]:hover::after { position: fixed; left: 1rem; right: 1rem; top: auto;
    bottom: 1rem; width: auto; max-width: none; }
}
.traces:has(.show-correct:checked) .trace:not(.correct),
.traces:has(.show-incorrect:checked) .trace:not(.incorrect) { display: none; }
${
  GRAM_KINDS.map((kind) =>
    `.traces:has(.show-${kind}:not(:checked)) .text .${kind} { background: none; border-color: transparent; }
.traces:has(.show-${kind}:not(:checked)) .strip .${kind} { visibility: hidden; }`
  ).join("\n")
}
@media print { .traces .controls { display: none; } .traces .trace { break-inside: avoid-page; } }
`;

/**
 * Writes the legend of the kinds, whose boxes switch them off, and the filter by outcome. They work by
 * style sheet alone, on the traces of the same element of class `traces`.
 *
 * @example Usage
 * ```ts
 * import { traceControlsHtml } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * assert.match(traceControlsHtml(), /<mark class="branching"[^>]*>branching<\/mark>/);
 * ```
 *
 * @returns A `<form>` of class `controls`.
 */
export function traceControlsHtml(): string {
  const kinds = GRAM_KINDS.map((kind) =>
    `<label><input type="checkbox" class="show-${kind}" checked>` +
    `<mark class="${kind}" title="${MEANING[kind]}">${kind}</mark></label>`
  );
  const outcomes = ["all", "correct", "incorrect"].map((outcome, index) =>
    `<label><input type="radio" name="outcome" class="show-${outcome}"${
      index === 0 ? " checked" : ""
    }>${outcome}</label>`
  );
  return `<form class="controls" autocomplete="off"><fieldset aria-label="Kinds">${
    kinds.join("")
  }</fieldset><fieldset aria-label="Outcome">${outcomes.join("")}</fieldset></form>\n`;
}

/**
 * Writes a trace as HTML: a line of figures with a strip that shows where in the rollout planning
 * tokens stand, then the text with its planning tokens marked by kind. Hovering a mark shows the
 * gram, its kind and the advantage. To be put, with {@linkcode traceStyles} in the page, into an
 * element of class `traces`.
 *
 * @example Usage
 * ```ts
 * import { traceHtml } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * const html = traceHtml({
 *   promptId: "1 < 2",
 *   truncated: false,
 *   numTokens: 2,
 *   numPlanning: 1,
 *   segments: [
 *     { text: "So", numTokens: 1, trained: true, mark: "deduction", gram: "so" },
 *     { text: " 1 < 2", numTokens: 1, trained: true },
 *   ],
 * });
 * assert.match(html, /<mark class="deduction" data-tip="so\ndeduction">So<\/mark> 1 &lt; 2/);
 * ```
 *
 * @param trace The trace.
 * @param options Whether it is open at first.
 * @returns A `<details>` element.
 */
export function traceHtml(trace: Trace, { open = false }: TraceHtmlOptions = {}): string {
  const { correct, promptId, prompt, segments } = trace;
  const outcome = correct === undefined ? "" : correct ? " correct" : " incorrect";
  const figures = traceFigures(trace).map((figure) =>
    `<span${/^[✓✗]/.test(figure) ? ' class="verdict"' : ""}>${escapeHtml(figure)}</span>`
  );
  return `<details class="trace${outcome}"${open ? " open" : ""}>` +
    `<summary><b>${escapeHtml(promptId)}</b>${figures.join("")}${stripHtml(segments)}</summary>\n` +
    (prompt === undefined ? "" : `<div class="prompt">${escapeHtml(prompt)}</div>\n`) +
    `<div class="text">${segments.map(segmentHtml).join("")}</div></details>\n`;
}

/**
 * Writes one page that needs nothing else: no script, no font, no picture from elsewhere. It follows
 * the reader's choice of light or dark.
 *
 * @example Usage
 * ```ts
 * import { tracesPage } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * let html = "";
 * for await (const chunk of tracesPage([], { title: "Step 12" })) html += chunk;
 * assert.match(html, /<h1>Step 12<\/h1>/);
 * ```
 *
 * @param traces The traces, in the order in which they are shown.
 * @param options Title, notes and how many are open.
 * @returns The page in chunks, as `writeOutput` takes them.
 */
export async function* tracesPage(
  traces: Iterable<Trace> | AsyncIterable<Trace>,
  { title, notes = [], numOpen = 3 }: TracesPageOptions,
): AsyncGenerator<string, void, undefined> {
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; background: light-dark(#f7f8fa, #101319); overflow-x: clip; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
main > p { margin: .3rem 0; color: var(--soft); max-width: 78ch; overflow-wrap: anywhere; }
main > .controls { position: sticky; top: 0; z-index: 3; margin-bottom: .6rem;
  background: light-dark(#f7f8fa, #101319); border-bottom: 1px solid var(--line); }
${traceStyles}</style>
</head>
<body>
<main class="traces">
<h1>${escapeHtml(title)}</h1>
${notes.map((note) => `<p>${escapeHtml(note)}</p>\n`).join("")}${traceControlsHtml()}`;
  let index = 0;
  for await (const trace of traces) yield traceHtml(trace, { open: index++ < numOpen });
  yield `</main>\n</body>\n</html>\n`;
}

function segmentHtml({ text, mark, gram, trained, advantage }: TraceSegment): string {
  const safe = escapeHtml(text);
  if (safe === "") return "";
  const shift = advantage && shiftText(advantage);
  if (mark !== undefined) {
    const tip = [gram, mark, shift].filter((line) => line !== undefined).join("\n");
    return `<mark class="${mark}" data-tip="${escapeHtml(tip)}">${safe}</mark>`;
  }
  if (shift !== undefined) {
    return `<span class="moved" data-tip="${escapeHtml(shift)}">${safe}</span>`;
  }
  return trained ? safe : `<span class="untrained">${safe}</span>`;
}

/** Where planning tokens stand, by token position. */
function stripHtml(segments: readonly TraceSegment[]): string {
  let position = 0;
  let rects = "";
  for (const { mark, numTokens } of segments) {
    if (mark !== undefined) {
      rects += `<rect class="${mark}" x="${position}" width="${numTokens}" height="1"/>`;
    }
    position += numTokens;
  }
  return `<svg class="strip" viewBox="0 0 ${Math.max(position, 1)} 1" preserveAspectRatio="none" ` +
    `aria-hidden="true">${rects}</svg>`;
}

const ENTITY: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"]/g, (character) => ENTITY[character]!);
}
