import { type Command, InvalidArgumentError } from "commander";
import {
  baselinePreset,
  builtinTransforms,
  checkClock,
  type Schedule,
  type ScheduleClock,
  scheduleValue,
  type Transform,
  type TransformConfig,
} from "../advantage/mod.ts";
import { InputRangeError } from "../batch/mod.ts";
import { readWhole } from "../files/internal.ts";
import { finiteNumber, wholeNumber } from "./arguments.ts";
import type { CreditRolloutsOptions } from "./credit_rollouts.ts";
import { parseRunConfig, type RunConfig } from "./run_config.ts";
import { UsageError } from "./usage_error.ts";

/** What says how advantages are credited. */
export interface CreditFlags {
  readonly config?: string;
  readonly alpha?: number;
  readonly mode?: string;
  readonly transform?: TransformConfig[];
  readonly baseline?: string;
  readonly step?: number;
  readonly signal?: Record<string, number>;
}

/** Baseline, transforms and clock, checked. */
export type Credit = Pick<CreditRolloutsOptions, "baseline" | "metrics"> & {
  readonly transforms: readonly Transform[];
  readonly step: ScheduleClock;
};

/** Adds the options that say how advantages are credited. */
export function creditOptions(command: Command): Command {
  return command
    .option(
      "--config <CONFIG.json>",
      'keys "lexicon", "baseline", "transforms" and "metrics", all optional; flags win',
    )
    .option(
      "--transform <NAME|JSON>",
      "transform, may be repeated, see hicra list (default: hicra)",
      collectTransform,
    )
    .option("--alpha <NUMBER>", "alpha of hicra (default: 0.2)", finiteNumber)
    .option("--mode <MODE>", 'mode of hicra (default: "paper")')
    .option(
      "--baseline <PRESET>",
      "advantages from rewards, see hicra list (default: paper where there are none)",
    )
    .option("--step <N>", "training step, required by schedules and shuffle-mask", wholeNumber)
    .option(
      "--signal <NAME=NUMBER>",
      "signal, required by gated schedules, may be repeated",
      collectSignal,
    );
}

/** The configuration that the flags name. */
export async function loadConfig({ config }: CreditFlags): Promise<RunConfig> {
  return config === undefined
    ? {}
    : parseRunConfig(new TextDecoder().decode(await readWhole(config, "settings")), config);
}

/** Whether anything asks for transforms where they are optional. */
export function asksForCredit(
  { alpha, mode, transform, baseline }: CreditFlags,
  config: RunConfig,
): boolean {
  return [alpha, mode, transform, baseline, config.transforms, config.baseline]
    .some((value) => value !== undefined);
}

/** Flags win over the configuration. Names and options are checked before any rollout is read. */
export function creditOf(flags: CreditFlags, config: RunConfig): Credit {
  const registry = builtinTransforms();
  const create = (one: TransformConfig): Transform => registry.create(one);
  if (flags.transform === undefined) config.transforms?.forEach(create);
  if (flags.baseline === undefined && config.baseline !== undefined) {
    baselinePreset(config.baseline);
  }
  // The configuration is in order, so what fails now is due to a flag.
  try {
    const transforms = transformsOf(flags, config).map(create);
    const step = {
      ...(flags.step !== undefined && { step: flags.step }),
      ...(flags.signal && { signals: flags.signal }),
    };
    checkClock(transforms, step);
    const baseline = flags.baseline ?? config.baseline;
    if (baseline !== undefined) baselinePreset(baseline);
    return {
      transforms,
      ...(baseline !== undefined && { baseline }),
      ...(config.metrics && { metrics: config.metrics }),
      step,
    };
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function transformsOf(
  { transform, alpha, mode }: CreditFlags,
  config: RunConfig,
): readonly TransformConfig[] {
  const transforms = transform ?? config.transforms ?? [{ name: "hicra" }];
  const options = { ...(alpha !== undefined && { alpha }), ...(mode !== undefined && { mode }) };
  if (Object.keys(options).length > 0 && !transforms.some(({ name }) => name === "hicra")) {
    throw new InputRangeError(
      "Cannot set --alpha or --mode as they belong to transform hicra: current transforms are " +
        transforms.map(({ name }) => name).join(", "),
    );
  }
  return transforms.map((one) => one.name === "hicra" ? { ...one, ...options } : one);
}

/** Says what was applied, with every default filled in and every schedule at its value. */
export function creditNotes(baseline: string, { transforms, step: clock }: Credit): string[] {
  const applied = transforms.map(({ name, options = {} }) =>
    `${name} ${JSON.stringify(valueAt(options, clock))}`
  );
  return [
    baseline === "host"
      ? "Advantages: those of the rollouts."
      : `Advantages: baseline ${baseline}, ${baselinePreset(baseline).formula}.`,
    `Transforms${clock.step === undefined ? "" : ` at step ${clock.step}`}: ` +
    `${applied.join("; ") || "none"}.`,
  ];
}

/** Options with each schedule replaced by its value at a step. */
function valueAt(value: unknown, clock: ScheduleClock): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if ("type" in value) return scheduleValue(value as Schedule, clock);
  const entries = Object.entries(value).map(([key, part]) => [key, valueAt(part, clock)]);
  return Object.fromEntries(entries);
}

function collectTransform(text: string, previous: TransformConfig[] = []): TransformConfig[] {
  if (!text.trimStart().startsWith("{")) return [...previous, { name: text }];
  try {
    return [...previous, JSON.parse(text)];
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${(error as Error).message}`);
  }
}

function collectSignal(
  text: string,
  previous: Record<string, number> = {},
): Record<string, number> {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It must be NAME=NUMBER.");
  return { ...previous, [name]: finiteNumber(value!) };
}
