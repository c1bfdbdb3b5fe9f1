import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { writeOutput } from "../../hooks/mod.ts";
import { endProgress } from "../progress.ts";
import { markdownTable } from "../report/markdown.ts";
import { replaceBlock } from "../report/readme.ts";
import { terminalTable } from "../report/terminal.ts";
import { evaluate } from "./evaluate.ts";
import { HELP, type MiningOptions, parseMiningOptions } from "./options.ts";
import { miningTables } from "./tables.ts";

/** Where `--readme` writes. */
const BLOCK = {
  file: "bench/mining/README.md",
  start: "<!-- figures: written by bench/mining/main.ts --readme -->",
  end: "<!-- end of figures -->",
};

async function main(options: MiningOptions): Promise<void> {
  const figures = await evaluate(options);
  endProgress();
  const tables = miningTables(figures);
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else for (const table of tables) console.log(terminalTable(table));
  if (options.readme) {
    const path = fileURLToPath(new URL("README.md", import.meta.url));
    const content = tables.map(markdownTable).join("\n").trimEnd();
    await writeOutput(path, [replaceBlock(await readFile(path, "utf8"), BLOCK, content)]);
    console.error(`Figures: ${BLOCK.file}`);
  }
}

try {
  const options = parseMiningOptions(process.argv.slice(2));
  if (options === null) console.log(HELP);
  else await main(options);
} catch (error) {
  // What the user can mend is told in one line; anything else keeps its trace.
  const { message, code } = error as NodeJS.ErrnoException;
  const isUsers = /^Cannot /.test(message) || code === "ENOENT" ||
    code?.startsWith("ERR_PARSE_ARGS");
  console.error(isUsers ? `error: ${message}` : error);
  process.exitCode = 1;
}
