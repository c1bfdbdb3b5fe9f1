import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { resolveConvention } from "../../advantage/internal.ts";
import {
  type BaselineConvention,
  createTransform,
  type HicraOptions,
  type PerKind,
} from "../../advantage/mod.ts";
import type { CreditBatch, CreditOptions, CreditTransform } from "./options.ts";

/** A formula of the last pass; its place in {@linkcode FORMULAS} is its number in the shaders. */
export type Formula =
  | "none"
  | "hicra"
  | "mass-preserving"
  | "baseline-corrected"
  | Exclude<CreditTransform["name"], "hicra">;

export const FORMULAS = [
  "none",
  "hicra",
  "mass-preserving",
  "baseline-corrected",
  "high-entropy-advantage",
  "surprisal-weighting",
  "sepa",
  "planning-boost",
] as const satisfies Formula[];

export const FROM = ["rewards", "sequences", "tokens"] as const;
export const CENTERS = ["mean", "leave-one-out", "none"] as const;
export const SCALES = ["none", "group-std", "leave-one-out-std", "batch-std", "mean"] as const;
export const EPSILON_PLACES = ["add", "floor", "variance"] as const;
/** What is amplified of a planning token: `|A|`, `A` or `max(A, 0)`. */
export const FORMS = ["paper", "symmetric", "positive-only"] as const;

/** The transforms that the kernel computes. */
const CREDIT_TRANSFORMS: readonly CreditTransform["name"][] = [
  "hicra",
  "high-entropy-advantage",
  "surprisal-weighting",
  "sepa",
  "planning-boost",
];

/** Numbers of a transform, with which the parameters buffer is filled. */
export const NUM_PARAMETERS = 5;

/** Options with their defaults, and what follows from them. */
export interface Credit {
  readonly from: (typeof FROM)[number];
  readonly baseline: Required<BaselineConvention>;
  readonly formula: Formula;
  readonly form: (typeof FORMS)[number];
  /** `[5]`, see {@linkcode parametersOf}. */
  readonly parameters: readonly number[];
  /** Fields of the batch that are read, without `lossMask` and the optional `include`. */
  readonly needs: readonly Exclude<keyof CreditBatch, "lossMask" | "include">[];
  /** Whether sums over the tokens of each sequence come before the last pass. */
  readonly hasSums: boolean;
}

export function resolveCredit(options: CreditOptions): Credit {
  const { from = "rewards", baseline = {}, transform, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined) {
    throw new InputTypeError(
      `Cannot credit tokens as option "${key}" is not known: known options are from, baseline, transform`,
    );
  }
  checkOneOf("from", from, FROM);
  if (typeof baseline !== "object" || baseline === null) {
    throw new InputTypeError(
      `Cannot credit tokens as baseline must be an object: current value is ` +
        `${JSON.stringify(baseline)}, pass baselinePreset(name).group for a preset`,
    );
  }
  const parameters = parametersOf(transform);
  const formula = formulaOf(transform);
  const mode = transform?.name === "hicra" ? transform.mode ?? "paper" : "paper";
  const hasSums = formula !== "none" && formula !== "hicra" && formula !== "high-entropy-advantage";
  const needs: Credit["needs"][number][] = [];
  if (from === "rewards") needs.push("rewards");
  else needs.push("advantages");
  if (from === "rewards" || formula === "baseline-corrected") needs.push("groupIds");
  if (from !== "tokens" || hasSums) needs.push("offsets");
  if (transform?.name === "hicra" || formula === "sepa" || formula === "planning-boost") {
    needs.push("kinds");
  }
  if (formula === "high-entropy-advantage") needs.push("entropies");
  if (formula === "surprisal-weighting" || formula === "sepa" || formula === "planning-boost") {
    needs.push("oldLogprobs");
  }
  return {
    from,
    baseline: resolveConvention(baseline),
    formula,
    form: mode === "symmetric" || mode === "positive-only" ? mode : "paper",
    parameters,
    needs,
    hasSums,
  };
}

/**
 * The numbers of a transform: `[0, alpha of kind 1, ..., of kind 4]` of HICRA, `[alpha, kappa]` of
 * high-entropy-advantage, `[beta]` of surprisal-weighting, `[lambda, beta]` of sepa, `[gamma, beta]`
 * of planning-boost; zeros behind.
 */
export function parametersOf(transform: CreditTransform | undefined): number[] {
  if (transform === undefined) return new Array<number>(NUM_PARAMETERS).fill(0);
  checkOneOf("transform.name", transform.name, CREDIT_TRANSFORMS);
  const options = createTransform(transform).options!;
  const names = NUMBERS[transform.name];
  const numbers = names === undefined
    ? [0, ...alphasOf(options)]
    : names.map((name) => numberOf(name, options[name]));
  return [...numbers, ...new Array<number>(NUM_PARAMETERS - numbers.length).fill(0)];
}

/** The options of each transform that are its numbers, but for HICRA, whose alphas are by kind. */
const NUMBERS: Readonly<Partial<Record<CreditTransform["name"], readonly string[]>>> = {
  "high-entropy-advantage": ["alpha", "kappa"],
  "surprisal-weighting": ["beta"],
  "sepa": ["lambda", "beta"],
  "planning-boost": ["gamma", "beta"],
};

/** A schedule, which `createTransform` takes, is for the loop to resolve. */
function numberOf(name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new InputTypeError(
    `Cannot credit tokens as ${name} must be a number: current value is a schedule, resolve it for ` +
      `the step and pass the number, to a kernel through creditParameters`,
  );
}

function alphasOf({ alpha, mode, allowSignChange }: HicraOptions): number[] {
  const isPerKind = typeof alpha === "object" && !("type" in alpha);
  const ofKind = ({ deduction, branching, backtracking, other }: PerKind<unknown>) => [
    numberOf("alpha.deduction", deduction),
    numberOf("alpha.branching", branching),
    numberOf("alpha.backtracking", backtracking),
    numberOf("alpha.other", other),
  ];
  const alphas = isPerKind ? ofKind(alpha) : new Array(4).fill(numberOf("alpha", alpha));
  // What rounds to 1 in f32 is 1 on the device.
  const tooLarge = alphas.find((one) => Math.fround(one) >= 1);
  if (tooLarge !== undefined && (mode === "mass-preserving" || !allowSignChange)) {
    throw new InputRangeError(
      `Cannot credit tokens as alpha must be less than 1` +
        `${
          mode === "mass-preserving"
            ? ' in mode "mass-preserving", as 1 may leave a sequence no mass'
            : ""
        }` +
        `: current value is ${tooLarge}`,
    );
  }
  return alphas;
}

function formulaOf(transform: CreditTransform | undefined): Formula {
  if (transform === undefined) return "none";
  if (transform.name !== "hicra") return transform.name;
  const { mode = "paper" } = transform;
  return mode === "mass-preserving" || mode === "baseline-corrected" ? mode : "hicra";
}

function checkOneOf<Value>(field: string, value: Value, known: readonly Value[]): void {
  if (known.includes(value)) return;
  throw new InputRangeError(
    `Cannot credit tokens as ${field} must be one of ` +
      `${known.map((one) => JSON.stringify(one)).join(", ")}: current value is ${
        JSON.stringify(value)
      }`,
  );
}
