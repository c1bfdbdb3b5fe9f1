import type { Table } from "./table.ts";

/** Writes a table as Markdown, with its title and note. */
export function markdownTable(table: Table): string {
  return [`### ${table.title}`, "", table.note, "", markdownRows(table), ""].join("\n");
}

/** Writes the bare table as Markdown. */
export function markdownRows({ columns, rows, words = [] }: Omit<Table, "title" | "note">): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = columns.map((_, c) => c === 0 || words.includes(c) ? "---" : "---:");
  return [line(columns), line(rule), ...rows.map(line)].join("\n");
}
