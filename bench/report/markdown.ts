import type { Table } from "./table.ts";

/** Writes a table as Markdown. */
export function markdownTable({ title, note, columns, rows, words = [] }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = columns.map((_, c) => c === 0 || words.includes(c) ? "---" : "---:");
  return [`### ${title}`, "", note, "", line(columns), line(rule), ...rows.map(line), ""].join(
    "\n",
  );
}
