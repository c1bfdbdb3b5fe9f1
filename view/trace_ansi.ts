import { visibleText } from "../batch/internal.ts";
import type { Trace, TraceSegment } from "./trace.ts";

/** Options of {@linkcode traceAnsi}. */
export interface TraceAnsiOptions {
  /** Color with ANSI escape sequences; otherwise planning tokens stand in brackets. */
  readonly color: boolean;
}

type Mark = NonNullable<TraceSegment["mark"]>;

/** Select Graphic Rendition codes: bold, and a color that is legible on black and on white. */
const STYLE_OF: Readonly<Record<Mark, string>> = {
  deduction: "1;34",
  branching: "1;32",
  backtracking: "1;31",
  other: "1;35",
  planning: "1;36",
};
const DIM = "2";

/**
 * Writes a trace for a terminal: a line of figures, then the text with its planning tokens colored
 * by kind. Without color they stand in brackets with the first letters of their kind, as in
 * `⟦ba: wait⟧`. Control characters of the text are made visible, so that it cannot steer the
 * terminal.
 *
 * @example Usage
 * ```ts
 * import { type Trace, traceAnsi } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * const trace: Trace = {
 *   promptId: "p",
 *   reward: 1,
 *   correct: true,
 *   truncated: false,
 *   numTokens: 4,
 *   numPlanning: 2,
 *   segments: [
 *     { text: "But wait", numTokens: 2, trained: true, mark: "backtracking", gram: "but wait" },
 *     { text: ", no", numTokens: 2, trained: true },
 *   ],
 * };
 * assert.equal(
 *   traceAnsi(trace, { color: false }),
 *   "── p · ✓ reward 1 · 4 tokens · 50.0 % planning\n⟦ba:But wait⟧, no\n",
 * );
 * ```
 *
 * @param trace The trace.
 * @param options Whether to color.
 * @returns Text that ends with a line end.
 */
export function traceAnsi(trace: Trace, { color }: TraceAnsiOptions): string {
  const paint = (style: string, text: string): string =>
    color ? `\x1b[${style}m${text}\x1b[0m` : text;
  const body = trace.segments.map(({ text, mark, trained }) => {
    const safe = visibleText(text);
    if (mark !== undefined && safe !== "") return markText(mark, safe, color);
    return trained || safe === "" ? safe : paint(DIM, safe);
  });
  const prompt = trace.prompt === undefined
    ? ""
    : paint(DIM, `prompt: ${abbreviate(visibleText(trace.prompt))}`) + "\n";
  const figures = ["── " + visibleText(trace.promptId), ...traceFigures(trace)].join(" · ");
  return `${paint("1", figures)}\n${prompt}${body.join("")}\n`;
}

/**
 * Writes what the colors or brackets of {@linkcode traceAnsi} mean, in one line.
 *
 * @example Usage
 * ```ts
 * import { traceLegendAnsi } from "@hicra/hicra/view";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   traceLegendAnsi({ color: false }),
 *   "⟦de:deduction⟧ ⟦br:branching⟧ ⟦ba:backtracking⟧ ⟦ot:other⟧\n",
 * );
 * ```
 *
 * @param options Whether to color.
 * @returns A line.
 */
export function traceLegendAnsi({ color }: TraceAnsiOptions): string {
  const kinds: Mark[] = ["deduction", "branching", "backtracking", "other"];
  return kinds.map((kind) => markText(kind, kind, color)).join(" ") + "\n";
}

/** The figures of a trace in words, one for each that is known. */
export function traceFigures(trace: Trace): string[] {
  const { reward, correct, truncated, numTokens, numPlanning, numSpans, advantage } = trace;
  const { unit = "token" } = trace;
  const figures: string[] = [];
  if (reward !== undefined) figures.push(`${correct ? "✓" : "✗"} reward ${short(reward)}`);
  figures.push(`${numTokens} ${numTokens === 1 ? unit : `${unit}s`}`);
  if (numTokens > 0) figures.push(`${(100 * numPlanning / numTokens).toFixed(1)} % planning`);
  if (numSpans !== undefined) figures.push(`${numSpans} ${numSpans === 1 ? "span" : "spans"}`);
  if (advantage !== undefined) figures.push(`mean ${shiftText(advantage)}`);
  if (truncated) figures.push("truncated");
  return figures;
}

/** An advantage in words, with the value after the transforms where it differs. */
export function shiftText({ before, after }: NonNullable<Trace["advantage"]>): string {
  const moved = after === undefined || after === before ? "" : ` → ${short(after)}`;
  return `advantage ${short(before)}${moved}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function markText(mark: Mark, text: string, color: boolean): string {
  if (!color) return `⟦${mark.slice(0, 2)}:${text}⟧`;
  // A color that is still on at a line end bleeds into the margin of pagers.
  return text.split("\n").map((line) => line && `\x1b[${STYLE_OF[mark]}m${line}\x1b[0m`).join("\n");
}

const PROMPT_LENGTH = 160;

function abbreviate(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > PROMPT_LENGTH ? line.slice(0, PROMPT_LENGTH).trimEnd() + "…" : line;
}
