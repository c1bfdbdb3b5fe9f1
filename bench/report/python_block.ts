import type { PythonFigures } from "../python/measure_python.ts";
import { markdownTable } from "./markdown.ts";
import { pythonTables } from "./python_tables.ts";

/** Where the figures beside Python stand: a block of their own, as they can be measured alone. */
export const PYTHON_BLOCK = {
  file: "bench/README.md",
  start: "<!-- python: written by deno task bench --readme, with or without --only python -->",
  end: "<!-- end of python -->",
} as const;

/** The figures beside Python for the README. */
export function pythonBlock(figures: PythonFigures, machine: string): string {
  return [`${machine}.`, "", ...pythonTables(figures).map(markdownTable)].join("\n").trimEnd();
}
