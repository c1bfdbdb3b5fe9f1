import CliTable from "cli-table3";
import process from "node:process";
import { stripVTControlCharacters, styleText } from "node:util";
import type { Table } from "./table.ts";

/** Writes a table for a terminal; colours only where the output is one. */
export function terminalTable({ title, note, columns, rows, words = [] }: Table): string {
  const table = new CliTable({
    head: columns.map((column) => styleText("bold", column)),
    colAligns: columns.map((_, c) => c === 0 || words.includes(c) ? "left" : "right"),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  const text = `\n${styleText("bold", title)}\n${wrap(note)}\n${table.toString()}\n`;
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

/** Breaks lines at 100 columns. */
function wrap(text: string): string {
  return text.replace(/(.{1,100})(?:\s+|$)/g, "$1\n").trimEnd();
}
