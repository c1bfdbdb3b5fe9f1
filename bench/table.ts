import CliTable from "cli-table3";
import process from "node:process";
import { stripVTControlCharacters, styleText } from "node:util";

/** A table as text. The first column is aligned left, the others right unless they hold words. */
export interface Table {
  readonly title: string;
  /** What it says and how to read it. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns beside the first that hold words and are aligned left. */
  readonly words?: readonly number[];
}

/** Writes a table for a terminal; colors only where the output is one. */
export function terminalTable({ title, note, columns, rows, words = [] }: Table): string {
  const table = new CliTable({
    head: columns.map((column) => styleText("bold", column)),
    colAligns: columns.map((_, c) => isLeft(c, words) ? "left" : "right"),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  const text = `\n${styleText("bold", title)}\n${wrap(note)}\n${table.toString()}\n`;
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

/** Writes a table as Markdown, with its title and note. */
export function markdownTable({ title, note, columns, rows, words = [] }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = line(columns.map((_, c) => isLeft(c, words) ? "---" : "---:"));
  return [`### ${title}`, "", note, "", line(columns), rule, ...rows.map(line), ""].join("\n");
}

/** Writes a table for a page, folded away behind its title unless it is to be open. */
export function htmlTable(
  { title, note, columns, rows, words = [] }: Table,
  { open }: { readonly open: boolean },
): string {
  const cells = (tag: "td" | "th", row: readonly string[]): string =>
    row.map((cell, c) =>
      `<${tag}${isLeft(c, words) ? ' class="word"' : ""}>${escapeHtml(cell)}</${tag}>`
    ).join("");
  return `<details class="table"${open ? " open" : ""}><summary>${escapeHtml(title)}</summary>
<p>${escapeHtml(note)}</p>
<div class="scroll"><table><thead><tr>${cells("th", columns)}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}</tbody></table></div>
</details>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Escapes text for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}

function isLeft(column: number, words: readonly number[]): boolean {
  return column === 0 || words.includes(column);
}

/** Breaks lines at 100 columns. */
function wrap(text: string): string {
  return text.replace(/(.{1,100})(?:\s+|$)/g, "$1\n").trimEnd();
}
