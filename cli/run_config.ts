import { z } from "zod";
import { checkOptions, parseJson, strictOptions } from "../batch/internal.ts";
import type { TransformConfig } from "../advantage/mod.ts";
import { metricsOptionsSchema } from "../metrics/internal.ts";
import type { MetricsOptions } from "../metrics/mod.ts";

/** What a configuration file may say of a run over rollouts. Everything has a default elsewhere. */
export interface RunConfig {
  /** Name of a built-in lexicon, or a file. */
  readonly lexicon?: string;
  /** Name of a baseline preset. */
  readonly baseline?: string;
  /** The transforms, in the order in which they act. */
  readonly transforms?: readonly TransformConfig[];
  /** What to measure. */
  readonly metrics?: RunMetrics;
}

/** What a configuration says of metrics. */
export interface RunMetrics extends MetricsOptions {
  /** Name of the step: a group that is split over files of this scope is joined by its `prompt_id`. */
  readonly groupScope?: string;
}

const schema = strictOptions({
  lexicon: z.string().min(1).exactOptional(),
  baseline: z.string().min(1).exactOptional(),
  transforms: z.array(z.looseObject({ name: z.string().min(1) })).exactOptional(),
  metrics: strictOptions({
    ...metricsOptionsSchema.shape,
    groupScope: z.string().min(1).exactOptional(),
  }, "key").exactOptional(),
}, "key");

/**
 * Parses a configuration file, strictly: an unknown key is an error that lists the known ones. The
 * options of a transform are checked when it is created.
 *
 * @param text A JSON object.
 * @param name What error messages call it, for instance its path.
 * @returns The configuration.
 * @throws {SyntaxError} If the text is not JSON.
 * @throws {TypeError} If a key is unknown or a value has the wrong type.
 * @throws {RangeError} If a value is out of range.
 */
export function parseRunConfig(text: string, name: string): RunConfig {
  return checkOptions(`read ${name}`, schema, parseJson(text, name), "key");
}
