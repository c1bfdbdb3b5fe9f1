import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { writeOutput } from "../../hooks/mod.ts";
import type { Figures } from "../figures.ts";
import { markdownTable } from "./markdown.ts";
import { massTable } from "./mass_table.ts";
import { shareTables } from "./share_tables.ts";
import { speedTables } from "./speed_tables.ts";
import { headlines, machineLine } from "./summary.ts";

const README = new URL("../README.md", import.meta.url);
const START = "<!-- figures: written by deno task bench --readme -->";
const END = "<!-- end of figures -->";

/**
 * Replaces the figures in bench/README.md, between its two markers.
 *
 * @param figures Those of a full run.
 * @returns What was written, for a message.
 */
export async function updateReadme(figures: Figures): Promise<string> {
  const text = await readFile(README, "utf8");
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start === -1 || end < start) {
    throw new SyntaxError(
      `Cannot write figures as bench/README.md must hold the lines "${START}" and "${END}"`,
    );
  }
  const next = `${text.slice(0, start + START.length)}\n\n${block(figures)}\n${text.slice(end)}`;
  await writeOutput(fileURLToPath(README), [next]);
  return "bench/README.md";
}

function block(figures: Figures): string {
  return [
    `${machineLine(figures)}.`,
    "",
    ...headlines(figures).map(({ label, value, detail }) => `- **${label}: ${value}** (${detail})`),
    "",
    ...speedTables(figures).map(markdownTable),
    ...shareTables(figures).map(markdownTable),
    markdownTable(massTable(figures)),
  ].join("\n");
}
