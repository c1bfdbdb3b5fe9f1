import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { writeOutput } from "../files/mod.ts";
import { allTables, machineLine, measureAll } from "./figures.ts";
import { firstLook } from "./first_look.ts";
import { benchCommand, type BenchOptions } from "./options.ts";
import { endProgress, progress } from "./progress.ts";
import { reportPage } from "./report/page.ts";
import { runCommand } from "./run_command.ts";
import { loadSample } from "./sample.ts";
import { markdownTable, terminalTable } from "./table.ts";

async function main(options: BenchOptions): Promise<void> {
  const show = options.markdown ? markdownTable : terminalTable;
  progress("reading rollouts and a tokenizer");
  const sample = await loadSample(options);
  endProgress();
  if (!options.markdown) {
    const color = process.stdout.isTTY && !process.env.NO_COLOR;
    const { text, table } = firstLook(sample, { color });
    console.log(text);
    if (table !== null) console.log(show(table));
  }
  const figures = await measureAll(sample, options);
  endProgress();
  for (const table of allTables(figures)) console.log(show(table));
  console.log(machineLine(figures));
  if (options.json !== undefined) {
    await write(options.json, [JSON.stringify(figures, null, 2) + "\n"]);
  }
  await write(options.out, reportPage(sample, figures));
  console.log(`Report: ${options.out}`);
}

async function write(path: string, chunks: Iterable<string>): Promise<void> {
  if (path !== "-") await mkdir(dirname(resolve(path)), { recursive: true });
  await writeOutput(path, chunks);
}

await runCommand(() => benchCommand(main).parseAsync());
