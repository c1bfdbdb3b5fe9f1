import { type Trace, traceControlsHtml, traceHtml } from "../../view/mod.ts";
import { tracesOf } from "../first_look.ts";
import type { Sample } from "../sample.ts";
import { escapeHtml } from "../table.ts";

/** Traces of these lengths, in tokens, can be read on a page. */
const LENGTHS = { least: 150, most: 1_500 } as const;

/**
 * Writes a few rollouts of each corpus with their planning tokens colored: the first correct and the
 * first incorrect one of readable length, where there are any with an advantage other than 0, chosen by
 * nothing else.
 */
export function tracesHtml(sample: Sample): string {
  let html = `<div class="traces">${traceControlsHtml()}`;
  for (const [c, { name }] of sample.corpora.entries()) {
    const traces = tracesOf(
      sample,
      c,
      (length) => length >= LENGTHS.least && length <= LENGTHS.most,
    )
      .toSorted((a, b) => Number(hasSignal(b)) - Number(hasSignal(a)));
    const shown = [traces.find(({ correct }) => correct), traces.find(({ correct }) => !correct)]
      .filter((trace) => trace !== undefined);
    if (shown.length === 0) continue;
    html += `<h3>${escapeHtml(name)}</h3>\n`;
    html += shown.map((trace) => traceHtml(trace, { open: c === 0 })).join("");
  }
  return `${html}</div>\n`;
}

function hasSignal({ advantage }: Trace): boolean {
  return (advantage?.before ?? 0) !== 0;
}
