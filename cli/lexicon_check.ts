import { visibleText } from "../batch/internal.ts";
import type { LexiconCheck } from "../mining/mod.ts";
import { linesOf, plainTable } from "./plain_table.ts";

/** Grams that the report shows. */
const TOP_GRAMS = 10;
/** Absent grams that it names. */
const ABSENT = 10;

/** A check for a terminal: how much is matched, by what, and what may be missing. */
export function lexiconCheckReport(check: LexiconCheck): string {
  const { solutions, prompts, characters, spans, grams, absent, missed } = check;
  const summary = plainTable(["left", "right"]);
  summary.push(
    ["solutions", `${count(solutions)} of ${count(prompts)} prompts`],
    ["characters in matches", `${share(check.share)} of ${count(characters)}`],
    ["solutions without a match", share(check.unmatched)],
    ["spans", count(spans)],
    ...Object.entries(check.kinds).map(([kind, of]) => [`  ${kind}`, share(of / spans)]),
    ["  repeated in their solution", share(check.repetition)],
    ["accuracy", share(check.accuracy)],
    ["grams that occur", `${count(grams.length)} of ${count(grams.length + absent.length)}`],
  );
  const top = plainTable(["right", "left", "left"]);
  for (const { text, kind, share: of, example } of grams.slice(0, TOP_GRAMS)) {
    top.push([share(of), `"${oneLine(text)}", ${kind}`, oneLine(example)]);
  }
  const openings = plainTable(["right", "left", "left"]);
  for (const { text, solutions: of, example } of missed) {
    openings.push([share(of / solutions), `"${oneLine(text)}"`, oneLine(example)]);
  }
  const named = absent.slice(0, ABSENT).map((text) => `"${oneLine(text)}"`).join(", ");
  const more = absent.length > ABSENT ? ` and ${count(absent.length - ABSENT)} more` : "";
  return [
    `Lexicon ${oneLine(check.lexicon)}`,
    "",
    ...linesOf(summary),
    ...(grams.length > 0 ? ["", "Most of the spans are", "", ...linesOf(top)] : []),
    ...(absent.length > 0 ? ["", `Never found: ${named}${more}`] : []),
    ...(missed.length > 0
      ? [
        "",
        "Sentences without a match begin, in so many of the solutions,",
        "",
        ...linesOf(openings),
      ]
      : []),
    "",
    ...check.warnings.map((warning) => `Warning: ${oneLine(warning)}`),
    "",
  ].join("\n");
}

function share(value: number | null): string {
  return value === null || Number.isNaN(value) ? "unknown" : `${(100 * value).toFixed(1)} %`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function oneLine(text: string): string {
  return visibleText(text).replaceAll("\n", "⏎");
}
