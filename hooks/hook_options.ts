import { z } from "zod";
import type {
  BaselineName,
  BaselinePreset,
  BuiltinTransformConfig,
  Transform,
} from "../advantage/mod.ts";
import { checkOptions, strictOptions } from "../batch/internal.ts";
import { metricsOptionsSchema } from "../metrics/internal.ts";
import type { GroupOptions, MetricsOptions } from "../metrics/mod.ts";
import type { SgMatcher } from "../sg/mod.ts";

/** What a hook is made of. */
export interface HookOptions {
  /** Marks planning tokens. Without it every batch must bring its `planningMask`. */
  readonly matcher?: SgMatcher;
  /**
   * The transforms, in the order in which they act: transforms, or plain JSON such as
   * `{ name: "hicra", alpha: 0.2 }`. Default: HICRA with the paper's alpha of 0.2.
   */
  readonly transforms?: readonly (Transform | BuiltinTransformConfig)[];
  /**
   * How advantages are computed from `rewards` and `groupIds`: the name of a preset such as `"trl"` or
   * `"verl"`, or a preset. Without it the batch must bring the host's `advantages`, and with it it must
   * not, so that nobody wonders which were used.
   */
  readonly baseline?: BaselineName | BaselinePreset;
  /**
   * Where the loop forms importance ratios. A ratio per sequence averages token advantages away, so
   * `"sequence"` is refused. Default: `"token"`.
   */
  readonly importanceSampling?: "token" | "sequence";
  /** What to measure; `false` for nothing, which leaves `metrics` out. */
  readonly metrics?: MetricsOptions | false;
  /**
   * What a failure does to a batch that the loop has given advantages. `"raise"` throws.
   * `"pass-through"` returns the host's advantages and counts in `failures`: a run whose failures are
   * not 0 is not a HICRA run. It is for failures of the moment: a mistake in the batch or in the
   * configuration (a step, a signal or a field that is needed and not given) raises under both.
   * Default: `"raise"`.
   */
  readonly onFailure?: "raise" | "pass-through";
  /**
   * Told of what deserves attention and is no error: of every failure that is passed through; once of
   * a batch without planning tokens, of values that a metric needs and that are not finite, of one phrase
   * with more than 30 % of the spans, of more than 10 % planning tokens, and of transforms that change only
   * the mask. Default: `console.warn`.
   */
  readonly warn?: (message: string) => void;
}

/** What the loop may tell with a batch. */
export interface HookStep {
  /** Training step, from 0: required where a transform reads it, for a schedule or a seed. */
  readonly step?: number;
  /** Values by name: required where a schedule is gated on one. */
  readonly signals?: Readonly<Record<string, number>>;
  /** For groups that are split over several batches of the step: how their metrics are joined. */
  readonly groups?: GroupOptions;
}

const isFunction = (value: unknown): boolean => typeof value === "function";

/** Transforms and baselines are checked in full where they are made. */
const optionsSchema = strictOptions(
  {
    matcher: z.custom((matcher) => isFunction((matcher as { match?: unknown } | null)?.match), {
      error: "must be what SgMatcher.compile returns",
    }).optional(),
    transforms: z.array(z.looseObject({ name: z.string() })).optional(),
    baseline: z.union([z.string(), z.looseObject({})], {
      error: "must be the name of a preset, or a preset",
    }).optional(),
    importanceSampling: z.enum(["token", "sequence"]).optional(),
    metrics: z.union([z.literal(false), metricsOptionsSchema], {
      error: "must be false, or options of metrics",
    }).optional(),
    onFailure: z.enum(["raise", "pass-through"]).optional(),
    warn: z.custom(isFunction, { error: "must be a function" }).optional(),
  } satisfies Record<keyof HookOptions, z.ZodType>,
);

/** What reads a step, a signal or groups checks it. */
const stepSchema = strictOptions(
  {
    step: z.unknown().optional(),
    signals: z.unknown().optional(),
    groups: z.unknown().optional(),
  } satisfies Record<keyof HookStep, z.ZodType>,
);

/** Refuses options that are unknown or of another type: nothing that a loop says is passed over. */
export function checkHookOptions(options: HookOptions): void {
  checkOptions("create a hook", optionsSchema, options);
}

/** Refuses what a step does not have. */
export function checkStep(step: HookStep): void {
  checkOptions("apply a hook", stepSchema, step);
}
