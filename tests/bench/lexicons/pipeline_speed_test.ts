import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parsePipelineOptions } from "../../../bench/lexicons/pipeline_options.ts";
import { parseReport, type PipelineRun } from "../../../bench/lexicons/pipeline_run.ts";
import {
  costRatio,
  type PipelineFigures,
  pipelineTables,
} from "../../../bench/lexicons/pipeline_tables.ts";
import { missingPeer, runPipeline } from "../../../bench/lexicons/run_pipeline.ts";
import { SHARES, writeShares } from "../../../bench/lexicons/write_shares.ts";
import { readRollouts } from "../../../files/mod.ts";

/** Five stages of a second each, and one second around them. */
function runOf(changes: Partial<PipelineRun> = {}): PipelineRun {
  return {
    wallSeconds: 6,
    seconds: { read: 1, count: 1, embed: 1, cluster: 1, cover: 1 },
    cpuSeconds: 7,
    peakMemoryBytes: 2 ** 20,
    characters: 1000,
    solutions: 3,
    prompts: 2,
    ngrams: 20,
    vectors: 10,
    clusters: 5,
    epsilon: 0.1,
    grams: 4,
    coveredShare: 0.04,
    versions: {},
    ...changes,
  };
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hicra-pipeline-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("parseReport() reads the last line and drops what it does not know", () => {
  const { wallSeconds: _, ...report } = runOf({ versions: { numpy: "2.4.6" } });
  const output = `a library greets\n${JSON.stringify({ ...report, other: 1 })}\n\n`;
  assert.deepEqual(parseReport(output, "peer"), report);
});

Deno.test("parseReport() throws when figures are missing or no JSON", () => {
  const { wallSeconds: _, ...report } = runOf();
  const seconds = { ...report.seconds, embed: undefined };
  assert.throws(() => parseReport("", "peer"), {
    name: "SyntaxError",
    message: /^Cannot read the figures of peer as they must be one JSON object: /,
  });
  assert.throws(() => parseReport(JSON.stringify({ ...report, seconds }), "peer"), {
    name: "SyntaxError",
    message: /^Cannot read the figures of peer as they must be complete: seconds\.embed: /,
  });
});

Deno.test("costRatio() compares round by round", () => {
  const ours = [2, 4, 5].map((wallSeconds) => runOf({ wallSeconds }));
  const theirs = [6, 4, 10].map((wallSeconds) => runOf({ wallSeconds }));
  assert.deepEqual(costRatio(ours, theirs, (run) => run.wallSeconds), {
    median: 2,
    min: 1,
    max: 3,
  });
});

Deno.test("pipelineTables() shows costs, ratios and growth per character", () => {
  const figures: PipelineFigures = {
    machine: "",
    notes: [],
    runs: { ours: [runOf()], theirs: [runOf({ wallSeconds: 18, peakMemoryBytes: 2 ** 22 })] },
    pairs: [{ ours: "ours", theirs: "theirs", sameEmbedder: false }],
    growth: [1, 2, 4].map((factor) => ({
      share: factor / 4,
      runs: [runOf({ characters: 1000 * factor, cpuSeconds: 7 * factor * factor })],
    })),
  };
  const [costs, ratios, growth] = pipelineTables(figures);
  const row = (table: typeof costs, label: string): string[][] =>
    table!.rows.filter(([first]) => first === label).map(([, ...cells]) => cells);
  assert.deepEqual(row(costs, "start, load, end"), [["1.00", "13.0"]]);
  assert.deepEqual(row(costs, "end to end but embed"), [["5.00", "17.0"]]);
  assert.deepEqual(ratios!.columns, ["", "theirs / ours (another embedder)"]);
  assert.deepEqual(row(ratios, "end to end"), [["3.00× (3.00–3.00)"]]);
  assert.deepEqual(row(ratios, "peak memory, MiB"), [["4.00× (4.00–4.00)"]]);
  assert.deepEqual(row(growth, "  per character"), [
    ["–", "0.500× (0.500–0.500)", "0.250× (0.250–0.250)"],
    ["–", "2.00× (2.00–2.00)", "4.00× (4.00–4.00)"],
  ]);
  assert.equal(pipelineTables({ ...figures, pairs: [] }).length, 2);
});

Deno.test("missingPeer() names what is not there, and how to make it", async () => {
  await inFolder(async (folder) => {
    const python = join(folder, "python");
    const none = await missingPeer({ python, models: folder });
    assert.match(
      none!,
      /^SKIPPED: the plain Python pipeline, as .*python is not there; `bash bench/,
    );
    await writeFile(python, "");
    assert.match((await missingPeer({ python, models: folder }))!, /float32.model\.onnx is not/);
    for (const model of ["float32", "int8"]) {
      await mkdir(join(folder, model));
      await writeFile(join(folder, model, "model.onnx"), "");
    }
    assert.equal(await missingPeer({ python, models: folder }), undefined);
  });
});

Deno.test("runPipeline() times a process, and passes on why it failed", async () => {
  const { wallSeconds: _, ...report } = runOf();
  const program = (code: string) => ({
    name: "peer",
    command: [process.execPath, "eval", code] as const,
  });
  const run = await runPipeline(program(`console.log('${JSON.stringify(report)}')`), []);
  assert.ok(run.wallSeconds > 0);
  assert.deepEqual(run, { ...report, wallSeconds: run.wallSeconds });
  await assert.rejects(runPipeline(program("console.error('no torch'); Deno.exit(3)"), []), {
    message: /^Cannot time peer as it must end with status 0: it ended with 3\n.*no torch/,
  });
});

Deno.test("writeShares() keeps the solutions of a prompt together, and shares nested", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "all.jsonl");
    const lines = Array.from(
      { length: 8 },
      (_, p) =>
        [1, 0].map((reward) =>
          JSON.stringify({ prompt_id: `p${p}`, completion: `${p} ${reward}`, reward })
        ),
    ).flat();
    await writeFile(file, lines.join("\n"));
    const paths = await writeShares([file], folder);
    const texts = await Promise.all(
      paths.map(async (path) =>
        (await Array.fromAsync(readRollouts(path))).map(({ completion }) => completion)
      ),
    );
    assert.equal(SHARES.length, 3);
    assert.deepEqual(texts.slice(0, 2), [
      ["0 1", "0 0", "4 1", "4 0"],
      ["0 1", "0 0", "1 1", "1 0", "4 1", "4 0", "5 1", "5 0"],
    ]);
    assert.equal(texts[2]!.length, 16);
  });
});

Deno.test("parsePipelineOptions() refuses what it cannot do", () => {
  assert.equal(parsePipelineOptions(["--help"]), null);
  assert.equal(parsePipelineOptions([])!.rollouts.length, 2);
  assert.throws(() => parsePipelineOptions(["--rounds", "0"]), {
    name: "RangeError",
    message:
      'Cannot time pipelines as --rounds must be a whole number from 1: current value is "0"',
  });
  assert.throws(() => parsePipelineOptions(["--rollouts", "a", "--readme"]), {
    name: "RangeError",
    message: /^Cannot write figures into the README as they must be of what is shipped: /,
  });
});

Deno.test("pipeline_speed.ts says that Python was skipped and writes no README without it", async () => {
  const program = fileURLToPath(
    new URL("../../../bench/lexicons/pipeline_speed.ts", import.meta.url),
  );
  const args = ["run", "--quiet", "-A", program, "--python", "nowhere/python", "--readme"];
  await assert.rejects(promisify(execFile)(process.execPath, args), ({ stderr }) => {
    assert.match(stderr, /SKIPPED: the plain Python pipeline, as nowhere.python is not there; /);
    assert.match(stderr, /error: Cannot write figures into the README .*: Python was skipped/);
    return true;
  });
});
