/**
 * Mines rollout files and writes seconds by stage, what was counted and peak memory as JSON on standard
 * output, as bench/peers/mining_pipeline.py does.
 *
 *     deno run -A bench/lexicons/mine_files.ts --model FOLDER|static FILE...
 */
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { readSolutions } from "../../files/mod.ts";
import {
  type Embedder,
  mine,
  type MineProgress,
  sentenceTransformer,
  staticEmbedder,
} from "../../mining/mod.ts";
import { type PipelineReport, STAGES } from "./pipeline_run.ts";

type Stage = typeof STAGES[number];

/** Seconds by stage: each lasts until the next one begins. */
class StageClock {
  readonly seconds: Record<Stage, number> = { read: 0, count: 0, embed: 0, cluster: 0, cover: 0 };
  #stage: Stage = "read";
  #start = performance.now();

  /** Begins a stage, unless it or a later one has begun. */
  begin(stage: Stage): void {
    if (STAGES.indexOf(stage) <= STAGES.indexOf(this.#stage)) return;
    this.end();
    this.#stage = stage;
  }

  /** Ends the stage. */
  end(): void {
    const now = performance.now();
    this.seconds[this.#stage] += (now - this.#start) / 1000;
    this.#start = now;
  }
}

const OUR_STAGES: Readonly<Record<MineProgress["stage"], Stage>> = {
  read: "read",
  filter: "count",
  count: "count",
  examples: "count",
  embed: "embed",
  cluster: "cluster",
  cover: "cover",
};

async function mineFiles(files: readonly string[], model: string): Promise<PipelineReport> {
  const embedder = model === "static" ? await staticEmbedder() : await sentenceTransformer({
    model: join(model, "model.onnx"),
    tokenizer: join(model, "tokenizer.json"),
  });
  const clock = new StageClock();
  // Progress comes after a piece of work, so the embedder says when the first one begins.
  const watched: Embedder = {
    name: embedder.name,
    digest: embedder.digest,
    dimensions: embedder.dimensions,
    embed(texts, options) {
      clock.begin("embed");
      return embedder.embed(texts, options);
    },
    release: () => embedder.release(),
  };
  const { grams, provenance } = await mine(readSolutions(files), {
    unlabeled: "drop",
    embedder: watched,
    onProgress({ stage, done, total }) {
      clock.begin(OUR_STAGES[stage]);
      if (stage === "embed" && done === total) clock.begin("cluster");
    },
  });
  clock.end();
  await embedder.release();
  const figures = provenance.parameters!;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return {
    seconds: clock.seconds,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakMemoryBytes: maxRSS * 1024,
    characters: Number(figures.characters),
    solutions: Number(figures.solutions),
    prompts: Number(figures.prompts),
    ngrams: Number(figures.ngrams),
    vectors: Number(figures.afterAbsorption),
    clusters: Number(figures.clusters),
    epsilon: Number(figures.epsilon),
    grams: grams.length,
    coveredShare: Number(figures.coveredShare),
    versions: {},
  };
}

const { values, positionals } = parseArgs({
  options: { model: { type: "string", default: "static" } },
  allowPositionals: true,
});
console.log(JSON.stringify(await mineFiles(positionals, values.model)));
