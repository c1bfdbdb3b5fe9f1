import process from "node:process";
import { endProgress } from "../progress.ts";
import { markdownTable, terminalTable } from "../table.ts";
import { writeBlock } from "./write_block.ts";
import { runCommand } from "../run_command.ts";
import { evaluate, type MiningFigures } from "./evaluate.ts";
import { HELP, type MiningOptions, parseMiningOptions } from "./options.ts";
import { miningTables } from "./tables.ts";

/** Where `--readme` writes. */
const BLOCK = {
  file: "bench/lexicons/README.md",
  start: "<!-- figures: written by bench/lexicons/main.ts --readme -->",
  end: "<!-- end of figures -->",
};

async function main(options: MiningOptions): Promise<void> {
  const figures = await evaluate(options);
  endProgress();
  const tables = miningTables(figures);
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else for (const table of tables) console.log(terminalTable(table));
  if (options.readme) {
    const content = [machineLine(figures), "", ...tables.map(markdownTable)].join("\n").trimEnd();
    await writeBlock(BLOCK, content);
  }
}

function machineLine({ date, machine }: MiningFigures): string {
  return `${date}, ${machine.cores} cores, ${machine.memoryGib} GiB of memory, ${machine.runtime}.`;
}

await runCommand(async () => {
  const options = parseMiningOptions(process.argv.slice(2));
  if (options === null) console.log(HELP);
  else await main(options);
});
