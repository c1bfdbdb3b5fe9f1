import { escapeHtml } from "./html.ts";
import type { Table } from "./table.ts";

/** Writes a table for a page, folded away behind its title unless it is to be open. */
export function htmlTable(
  { title, note, columns, rows, words = [] }: Table,
  { open }: { readonly open: boolean },
): string {
  const align = (c: number): string => c === 0 || words.includes(c) ? ' class="word"' : "";
  const cells = (tag: "td" | "th", row: readonly string[]): string =>
    row.map((cell, c) => `<${tag}${align(c)}>${escapeHtml(cell)}</${tag}>`).join("");
  return `<details class="table"${open ? " open" : ""}><summary>${escapeHtml(title)}</summary>
<p>${escapeHtml(note)}</p>
<div class="scroll"><table><thead><tr>${cells("th", columns)}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}</tbody></table></div>
</details>
`;
}
