import { count, decimal, NOTHING, significant, times } from "../format.ts";
import type { Table } from "../table.ts";
import { median, type Spread, timeRatio } from "../spread.ts";
import { type PipelineRun, STAGES } from "./pipeline_run.ts";

/** All that was timed, as plain JSON. */
export interface PipelineFigures {
  /** Day, machine, versions. */
  readonly machine: string;
  /** What a reader must know. */
  readonly notes: readonly string[];
  /** Runs by the name of the pipeline, a run a round. */
  readonly runs: Readonly<Record<string, readonly PipelineRun[]>>;
  /** What is compared with what. */
  readonly pairs: readonly PipelinePair[];
  /** Runs of our pipeline on growing shares of the corpus, a run a round. */
  readonly growth: readonly {
    readonly share: number;
    readonly runs: readonly PipelineRun[];
  }[];
}

/** Two pipelines side by side. */
export interface PipelinePair {
  readonly ours: string;
  readonly theirs: string;
  /** Whether both embed with the same model. */
  readonly sameEmbedder: boolean;
}

/** A figure of a run in which less is better. */
type Cost = readonly [label: string, of: (run: PipelineRun) => number];

const COSTS: readonly Cost[] = [
  ["start, load, end", (run) => run.wallSeconds - stagesOf(run)],
  ...STAGES.map((stage): Cost => [stage, ({ seconds }) => seconds[stage]]),
  ["end to end", ({ wallSeconds }) => wallSeconds],
  ["end to end but embed", ({ wallSeconds, seconds }) => wallSeconds - seconds.embed],
  ["processor time", ({ cpuSeconds }) => cpuSeconds],
  ["peak memory, MiB", ({ peakMemoryBytes }) => peakMemoryBytes / 2 ** 20],
];

const COUNTS = ["solutions", "ngrams", "vectors", "clusters", "grams"] as const;

/** Sums the stages of a run. */
function stagesOf({ seconds }: PipelineRun): number {
  return STAGES.reduce((sum, stage) => sum + seconds[stage], 0);
}

/**
 * Says how many times as much one pipeline takes as the other, round by round.
 *
 * @param ours Our runs.
 * @param theirs Theirs, of the same rounds.
 * @param of The figure.
 * @returns Median, least and greatest of theirs over ours.
 */
export function costRatio(
  ours: readonly PipelineRun[],
  theirs: readonly PipelineRun[],
  of: (run: PipelineRun) => number,
): Spread {
  return timeRatio(theirs.map(of), ours.map(of));
}

/**
 * Sets the pipelines side by side.
 *
 * @param figures What was timed.
 * @returns Costs, their ratios where there is a peer, and growth.
 */
export function pipelineTables(figures: PipelineFigures): Table[] {
  const ratios = figures.pairs.length === 0 ? [] : [ratioTable(figures)];
  return [costTable(figures), ...ratios, growthTable(figures)];
}

function costTable({ runs }: PipelineFigures): Table {
  const all = Object.values(runs);
  return {
    title: "Seconds by stage",
    note:
      `Medians of ${
        all[0]!.length
      } rounds, in which every pipeline ran once in a process of its own. ` +
      "Stages as in bench/peers/mining_pipeline.py: read with near-duplicates, count with absorption, " +
      "cluster with ranking.",
    columns: ["", ...Object.keys(runs)],
    rows: [
      ...COSTS.map((
        [label, of],
      ) => [label, ...all.map((some) => significant(median(some.map(of))))]),
      ...COUNTS.map((name) => [name, ...all.map((some) => count(some[0]![name]))]),
    ],
  };
}

function ratioTable({ runs, pairs }: PipelineFigures): Table {
  return {
    title: "Python over ours",
    note:
      "How many times as long Python takes, or as much memory; median over the rounds, in brackets the " +
      "range.",
    columns: [
      "",
      ...pairs.map(({ ours, theirs, sameEmbedder }) =>
        `${theirs} / ${ours}${sameEmbedder ? "" : " (another embedder)"}`
      ),
    ],
    rows: COSTS.map(([label, of]) => [
      label,
      ...pairs.map(({ ours, theirs }) => times(costRatio(runs[ours]!, runs[theirs]!, of))),
    ]),
  };
}

function growthTable({ growth }: PipelineFigures): Table {
  const medians = growth.map(({ runs }) => (of: (run: PipelineRun) => number) =>
    median(runs.map(of))
  );
  const perCharacter = (of: (run: PipelineRun) => number): string[] =>
    growth.map(({ runs }, g) =>
      g === 0 ? NOTHING : times(costRatio(growth[0]!.runs, runs, (run) => of(run) / run.characters))
    );
  return {
    title: "Growth with the corpus",
    note:
      "Ours with static vectors on a quarter of the prompts, a half and all: seconds by stage, and seconds " +
      "per character over those of the quarter, where 1 is linear.",
    columns: ["", ...growth.map((_, g) => `${2 ** g}x`)],
    rows: [
      ["characters, M", ...medians.map((of) => decimal(of(({ characters }) => characters / 1e6)))],
      ["ngrams", ...medians.map((of) => count(of(({ ngrams }) => ngrams)))],
      ["vectors", ...medians.map((of) => count(of(({ vectors }) => vectors)))],
      ...STAGES.map((stage) => [
        stage,
        ...medians.map((of) => significant(of(({ seconds }) => seconds[stage]))),
      ]),
      ["all stages", ...medians.map((of) => significant(of(stagesOf)))],
      ["  per character", ...perCharacter(stagesOf)],
      ["processor time", ...medians.map((of) => significant(of(({ cpuSeconds }) => cpuSeconds)))],
      ["  per character", ...perCharacter(({ cpuSeconds }) => cpuSeconds)],
      [
        "peak memory, MiB",
        ...medians.map((of) => count(of((run) => run.peakMemoryBytes / 2 ** 20))),
      ],
    ],
  };
}
