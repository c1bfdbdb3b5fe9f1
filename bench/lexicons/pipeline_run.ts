import { z } from "zod";
import { InputSyntaxError } from "../../batch/mod.ts";

/** The stages of a miner, in order; both pipelines report them. */
export const STAGES = ["read", "count", "embed", "cluster", "cover"] as const;

const Count = z.int().min(0);
const Seconds = z.number().min(0);

const Report = z.object({
  seconds: z.object({
    read: Seconds,
    count: Seconds,
    embed: Seconds,
    cluster: Seconds,
    cover: Seconds,
  }),
  cpuSeconds: Seconds,
  peakMemoryBytes: Count,
  characters: Count,
  solutions: Count,
  prompts: Count,
  ngrams: Count,
  vectors: Count,
  clusters: Count,
  epsilon: z.number(),
  grams: Count,
  coveredShare: z.number(),
  versions: z.record(z.string(), z.string()),
});

/** What a pipeline says of its run on standard output. */
export type PipelineReport = z.infer<typeof Report>;

/** A run as it looks from outside. */
export interface PipelineRun extends PipelineReport {
  /** From the start of the process to its end. */
  readonly wallSeconds: number;
}

/**
 * Reads what a pipeline wrote on standard output: one JSON object in the last line that is not blank.
 *
 * @param output The output.
 * @param name The pipeline, for the message.
 * @returns The report.
 * @throws {SyntaxError} If it is not JSON, or a figure is missing or of another kind.
 */
export function parseReport(output: string, name: string): PipelineReport {
  const line = output.trimEnd().split("\n").at(-1)!;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read the figures of ${name} as they must be one JSON object: ${
        (error as Error).message
      }`,
      { cause: error },
    );
  }
  const { data, error } = Report.safeParse(value);
  if (data === undefined) {
    const { path, message } = error.issues[0]!;
    throw new InputSyntaxError(
      `Cannot read the figures of ${name} as they must be complete: ${path.join(".")}: ${message}`,
    );
  }
  return data;
}
