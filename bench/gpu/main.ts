import { writeFile } from "node:fs/promises";
import process from "node:process";
import { InputRangeError } from "../../batch/mod.ts";
import { requestDevice } from "../../kernels/mod.ts";
import { markdownTable } from "../report/markdown.ts";
import { writeBlock } from "../report/readme.ts";
import { terminalTable } from "../report/terminal.ts";
import { runCommand } from "../run_command.ts";
import { GPU_CASES } from "./cases.ts";
import { type GpuBenchOptions, HELP, parseOptions } from "./options.ts";
import { adapterName, isSoftware, runCases } from "./run_cases.ts";
import { gpuTables, machineLine } from "./tables.ts";

/** Where `--readme` writes. */
const BLOCK = {
  file: "bench/README.md",
  start: "<!-- gpu figures: written by deno task bench:gpu --readme -->",
  end: "<!-- end of gpu figures -->",
};

async function main({ quick, json, readme }: GpuBenchOptions): Promise<void> {
  const device = await requestDevice({
    features: ["timestamp-query"],
    onLost: ({ message }) => console.error(`The GPU was lost: ${message}`),
  });
  try {
    if (readme && isSoftware(device)) {
      throw new InputRangeError(
        `Cannot write GPU figures into ${BLOCK.file} as they must be of a GPU: ` +
          `this adapter is ${adapterName(device)}`,
      );
    }
    const figures = await runCases(device, GPU_CASES, {
      quick,
      progress: (name) => console.error(`... ${name}`),
    });
    console.log(machineLine(figures));
    for (const table of gpuTables(figures)) console.log(terminalTable(table));
    if (json !== undefined) await writeFile(json, JSON.stringify(figures, null, 2) + "\n");
    if (readme) {
      const tables = gpuTables(figures).map(markdownTable);
      await writeBlock(BLOCK, [machineLine(figures), "", ...tables].join("\n").trimEnd());
    }
    if (figures.cases.some(({ wrong }) => wrong !== null)) process.exitCode = 1;
  } finally {
    device.destroy();
  }
}

await runCommand({ parse: parseOptions, help: HELP, main });
