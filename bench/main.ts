import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { writeOutput } from "../hooks/mod.ts";
import { type BenchOptions, HELP, parseOptions } from "./options.ts";
import { allTables } from "./report/all_tables.ts";
import { reportPage } from "./report/page.ts";
import { updateReadmes } from "./report/readme.ts";
import { summaryText } from "./report/summary.ts";
import { terminalTable } from "./report/terminal.ts";
import { runBench } from "./run.ts";
import { runCommand } from "./run_command.ts";

async function main(options: BenchOptions): Promise<void> {
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

async function write(path: string, chunks: Iterable<string>): Promise<void> {
  if (path !== "-") await mkdir(dirname(resolve(path)), { recursive: true });
  await writeOutput(path, chunks);
}

await runCommand({ parse: parseOptions, help: HELP, main });
