import Table from "cli-table3";

const NO_LINES = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
    .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"])
    .map((part) => [part, ""]),
);

/** A table without lines, whose columns align with colors and wide characters. */
export function plainTable(colAligns: readonly ("left" | "right")[]): Table.Table {
  return new Table({
    chars: NO_LINES,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 2 },
    colAligns: [...colAligns],
  });
}

/** Its lines, without the spaces at their ends. */
export function linesOf(table: Table.Table): string[] {
  return table.toString().split("\n").map((line) => line.trimEnd());
}
