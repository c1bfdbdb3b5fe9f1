import { z } from "zod";
import { didYouMean } from "../batch/internal.ts";
import { InputSyntaxError, InputTypeError } from "../batch/mod.ts";
import type { TransformConfig } from "../advantage/mod.ts";
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

const schema = z.strictObject({
  lexicon: z.string().min(1).optional(),
  baseline: z.string().min(1).optional(),
  transforms: z.array(z.looseObject({ name: z.string().min(1) })).optional(),
  metrics: z.strictObject({
    correctAbove: z.number().optional(),
    followerLength: z.int().min(1).optional(),
    groupScope: z.string().min(1).optional(),
  }).optional(),
});

/**
 * Parses a configuration file, strictly: an unknown key is an error that lists the known ones. The
 * options of a transform are checked when it is created.
 *
 * @param text A JSON object.
 * @param name What error messages call it, for instance its path.
 * @returns The configuration.
 * @throws {SyntaxError} If the text is not JSON.
 * @throws {TypeError} If a key is unknown or a value breaks its rule.
 */
export function parseRunConfig(text: string, name: string): RunConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${name} as it must be JSON: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data as RunConfig;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    const known = issue.path[0] === "metrics" ? schema.shape.metrics.unwrap().shape : schema.shape;
    const key = [...issue.path, issue.keys[0]!].join(".");
    throw new InputTypeError(
      `Cannot read ${name} as ${key} is not known: known keys are ${Object.keys(known).join(", ")}${
        didYouMean(issue.keys[0]!, Object.keys(known))
      }`,
    );
  }
  const path = issue.path.join(".") || "the configuration";
  throw new InputTypeError(`Cannot read ${name} as ${path} is not valid: ${issue.message}`);
}
