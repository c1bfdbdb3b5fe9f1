import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputRangeError } from "../batch/mod.ts";
import { writeOutput } from "../files/mod.ts";
import { type BenchOptions, HELP, parseOptions } from "./options.ts";
import { allTables } from "./report/all_tables.ts";
import { pythonPage, reportPage } from "./report/page.ts";
import { PYTHON_BLOCK, pythonBlock } from "./report/python_block.ts";
import { pythonTables } from "./report/python_tables.ts";
import { updateReadmes, writeBlock } from "./report/readme.ts";
import { pythonLine, summaryText } from "./report/summary.ts";
import { terminalTable } from "./report/terminal.ts";
import { runBench, runOnlyPython } from "./run.ts";
import { runCommand } from "./run_command.ts";

async function main(options: BenchOptions): Promise<void> {
  if (options.only === "python") return await onlyPython(options);
  const run = await runBench(options);
  const { figures } = run;
  for (const table of allTables(figures)) console.log(terminalTable(table));
  console.log(summaryText(figures));
  if (options.json !== undefined) {
    await write(options.json, [JSON.stringify(figures, null, 2) + "\n"]);
    console.log(`Figures: ${options.json}`);
  }
  if (options.readme) console.log(`Figures: ${(await updateReadmes(figures)).join(", ")}`);
  await write(options.out, reportPage(run));
  console.log(`Report: ${options.out}`);
}

async function onlyPython(options: BenchOptions): Promise<void> {
  const run = await runOnlyPython(options);
  if (run.python === null) {
    console.error(run.notes.join("\n"));
    if (options.readme) throw new InputRangeError(PYTHON_WAS_SKIPPED);
    return;
  }
  for (const table of pythonTables(run.python)) console.log(terminalTable(table));
  console.log(pythonLine(run));
  if (options.json !== undefined) {
    await write(options.json, [JSON.stringify(run, null, 2) + "\n"]);
    console.log(`Figures: ${options.json}`);
  }
  if (options.readme) await writeBlock(PYTHON_BLOCK, pythonBlock(run.python, pythonLine(run)));
  await write(options.out, pythonPage(run.python, pythonLine(run)));
  console.log(`Report: ${options.out}`);
}

const PYTHON_WAS_SKIPPED =
  "Cannot write figures into the README as they must be of both sides: Python was skipped";

async function write(path: string, chunks: Iterable<string>): Promise<void> {
  if (path !== "-") await mkdir(dirname(resolve(path)), { recursive: true });
  await writeOutput(path, chunks);
}

await runCommand({ parse: parseOptions, help: HELP, main });
