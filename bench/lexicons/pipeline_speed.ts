import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { InputRangeError } from "../../batch/mod.ts";
import { describeMachine } from "../machine.ts";
import { endProgress, progress } from "../progress.ts";
import { markdownTable, terminalTable } from "../table.ts";
import { writeBlock } from "./write_block.ts";
import { runCommand } from "../run_command.ts";
import { HELP, parsePipelineOptions, type PipelineOptions } from "./pipeline_options.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import { type PipelineFigures, type PipelinePair, pipelineTables } from "./pipeline_tables.ts";
import {
  missingPeer,
  ourPipeline,
  type Pipeline,
  pythonPipeline,
  runPipeline,
} from "./run_pipeline.ts";
import { SHARES, writeShares } from "./write_shares.ts";

/** Where `--readme` writes. */
const BLOCK = {
  file: "bench/lexicons/README.md",
  start: "<!-- speed: written by bench/lexicons/pipeline_speed.ts --readme -->",
  end: "<!-- end of speed -->",
};

async function main(options: PipelineOptions): Promise<void> {
  const missing = await missingPeer(options);
  if (missing !== undefined) {
    console.error(missing);
    if (options.readme) {
      throw new InputRangeError(
        "Cannot write figures into the README as they must be of both sides: Python was skipped",
      );
    }
  }
  const figures = await timePipelines(options, missing);
  endProgress();
  const tables = pipelineTables(figures);
  const lines = [figures.machine, ...figures.notes];
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else console.log([...tables.map(terminalTable), ...lines].join("\n"));
  if (options.readme) {
    const content = [...lines, "", ...tables.map(markdownTable)].join("\n").trimEnd();
    await writeBlock(BLOCK, content);
  }
}

async function timePipelines(
  options: PipelineOptions,
  missing: string | undefined,
): Promise<PipelineFigures> {
  const { rollouts, rounds } = options;
  const load = loadavg()[0]!;
  const { pipelines, pairs } = missing === undefined
    ? withPeer(options)
    : { pipelines: [ourPipeline("ours, static", "static")], pairs: [] };
  const runs: Record<string, PipelineRun[]> = {};
  const folder = await mkdtemp(join(tmpdir(), "hicra-growth-"));
  try {
    const shares = await writeShares(rollouts, folder);
    const growth = SHARES.map((share) => ({ share, runs: [] as PipelineRun[] }));
    const ours = ourPipeline("ours, static", "static");
    for (let round = 1; round <= rounds; round++) {
      for (const pipeline of pipelines) {
        progress(`round ${round} of ${rounds}: ${pipeline.name}`);
        (runs[pipeline.name] ??= []).push(await runPipeline(pipeline, rollouts));
      }
      for (const [s, path] of shares.entries()) {
        progress(`round ${round} of ${rounds}: ours on ${100 * SHARES[s]!} % of the prompts`);
        growth[s]!.runs.push(await runPipeline(ours, [path]));
      }
    }
    const versions = Object.assign({}, ...Object.values(runs).map(([run]) => run!.versions));
    return {
      machine: machineLine(load, versions),
      notes: missing === undefined ? [] : [missing],
      runs,
      pairs,
      growth,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is run where Python is there, in the order of a round. */
function withPeer(
  { python, models }: PipelineOptions,
): { pipelines: Pipeline[]; pairs: PipelinePair[] } {
  const [float32, int8] = [join(models, "float32"), join(models, "int8")];
  return {
    pipelines: [
      ourPipeline("ours, float32", float32),
      pythonPipeline("sentence-transformers", python, { embedder: "torch", model: float32 }),
      pythonPipeline("Python, float32", python, { embedder: "onnx", model: float32 }),
      ourPipeline("ours, int8", int8),
      pythonPipeline("Python, int8", python, { embedder: "onnx", model: int8 }),
      ourPipeline("ours, static", "static"),
    ],
    pairs: [
      { ours: "ours, float32", theirs: "sentence-transformers", sameEmbedder: true },
      { ours: "ours, float32", theirs: "Python, float32", sameEmbedder: true },
      { ours: "ours, int8", theirs: "Python, int8", sameEmbedder: true },
      { ours: "ours, static", theirs: "sentence-transformers", sameEmbedder: false },
    ],
  };
}

function machineLine(load: number, versions: Readonly<Record<string, string>>): string {
  const { cores, memoryGib, runtime } = describeMachine();
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cores} cores, ${memoryGib} GiB of memory`,
    `load of other work when it began ${load.toFixed(1)}`,
    runtime,
    ...others,
  ].join(", ") + ".";
}

await runCommand(async () => {
  const options = parsePipelineOptions(process.argv.slice(2));
  if (options === null) console.log(HELP);
  else await main(options);
});
