import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import type {
  CreditBaseline,
  CreditBatch,
  CreditOptions,
  CreditTransform,
  HicraCredit,
} from "./options.ts";

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
const SINGLETONS = ["zero", "reward", "error"] as const;
const MODES = [...FORMS, "mass-preserving", "baseline-corrected"] as const;

/** Numbers of a transform, with which the parameters buffer is filled. */
export const NUM_PARAMETERS = 5;

/** Options with their defaults, and what follows from them. */
export interface Credit {
  readonly from: (typeof FROM)[number];
  readonly baseline: Required<CreditBaseline>;
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
  checkKeys("options", options, ["from", "baseline", "transform"]);
  const { from = "rewards", baseline = {}, transform } = options;
  checkKeys("baseline", baseline, BASELINE_KEYS);
  checkOneOf("from", from, FROM);
  const formula = formulaOf(transform);
  if (transform !== undefined) {
    checkKeys("transform", transform, TRANSFORM_KEYS[transform.name] ?? []);
    checkNumbers(transform);
  }
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
    baseline: resolveBaseline(baseline),
    formula,
    form: mode === "symmetric" || mode === "positive-only" ? mode : "paper",
    parameters: parametersOf(transform),
    needs,
    hasSums,
  };
}

const BASELINE_KEYS = ["center", "scale", "ddof", "epsilon", "epsilonPlace", "singleton"];

const TRANSFORM_KEYS: Readonly<Record<string, readonly string[]>> = {
  "hicra": ["name", "alpha", "mode", "allowSignChange"],
  "high-entropy-advantage": ["name", "alpha", "kappa"],
  "surprisal-weighting": ["name", "beta"],
  "sepa": ["name", "lambda", "beta"],
  "planning-boost": ["name", "gamma", "beta"],
};

/** Refuses what is no object, and keys that would be passed over. */
function checkKeys(field: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null) {
    const hint = field === "baseline"
      ? ", pass baselinePreset(name).group of @hicra/hicra/advantage for a preset"
      : "";
    throw new InputTypeError(
      `Cannot credit tokens as ${field} must be an object: current value is ` +
        `${JSON.stringify(value)}${hint}`,
    );
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new InputTypeError(
      `Cannot credit tokens as ${field} must have known keys: "${unknown}" is none, known are ` +
        known.join(", "),
    );
  }
}

/** A schedule, which `createTransform` takes, is for the loop to resolve. */
function checkNumbers(transform: CreditTransform): void {
  for (const [key, value] of Object.entries(transform)) {
    if (typeof value === "object" && value !== null && "type" in value) {
      throw new InputTypeError(
        `Cannot credit tokens as ${key} must be a number: current value is a schedule, resolve it for ` +
          `the step and pass the number, to a kernel through creditParameters`,
      );
    }
  }
}

/** Whether a group of one has no baseline. */
export function needsGroup({ center, scale }: Required<CreditBaseline>): boolean {
  return center !== "none" || (scale !== "none" && scale !== "batch-std");
}

/**
 * The numbers of a transform: `[0, alpha of kind 1, ..., of kind 4]` of HICRA, `[alpha, kappa]` of
 * high-entropy-advantage, `[beta]` of surprisal-weighting, `[lambda, beta]` of sepa, `[gamma, beta]`
 * of planning-boost; zeros behind.
 */
export function parametersOf(transform: CreditTransform | undefined): number[] {
  const values = new Array<number>(NUM_PARAMETERS).fill(0);
  const set = (at: number, field: string, value: number, min: number, max = Infinity) => {
    if (!Number.isFinite(value) || value < min || value > max) {
      const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
      throw new InputRangeError(
        `Cannot credit tokens as ${field} must be a finite number ${range}: current value is ${value}`,
      );
    }
    values[at] = value;
  };
  if (transform === undefined) return values;
  switch (transform.name) {
    case "hicra": {
      for (const [field, kind, alpha] of alphasOf(transform)) {
        set(kind, field, alpha, 0);
        checkBelowOne(field, alpha, transform);
      }
      break;
    }
    case "high-entropy-advantage": {
      const { alpha = 0.4, kappa = 2 } = transform;
      set(0, "alpha", alpha, 0);
      if (!(kappa > 1)) {
        throw new InputRangeError(
          `Cannot credit tokens as kappa must be greater than 1: current value is ${kappa}`,
        );
      }
      set(1, "kappa", kappa, 1);
      break;
    }
    case "surprisal-weighting":
      set(0, "beta", transform.beta ?? 0.1, 0);
      break;
    case "sepa":
      set(0, "lambda", transform.lambda ?? 1, 0, 1);
      set(1, "beta", transform.beta ?? 0.1, 0);
      break;
    case "planning-boost":
      set(0, "gamma", transform.gamma ?? 0.3, 0);
      set(1, "beta", transform.beta ?? 0.1, 0);
  }
  return values;
}

function alphasOf({ alpha = 0.2 }: HicraCredit): [field: string, kind: number, alpha: number][] {
  if (typeof alpha === "number") return [1, 2, 3, 4].map((kind) => ["alpha", kind, alpha]);
  const { deduction, branching, backtracking, other } = alpha;
  return [
    ["alpha.deduction", 1, deduction],
    ["alpha.branching", 2, branching],
    ["alpha.backtracking", 3, backtracking],
    ["alpha.other", 4, other],
  ];
}

function checkBelowOne(
  field: string,
  alpha: number,
  { mode = "paper", allowSignChange = false }: HicraCredit,
): void {
  // What rounds to 1 in f32 is 1 on the device.
  if (Math.fround(alpha) < 1) return;
  if (mode === "mass-preserving") {
    throw new InputRangeError(
      `Cannot credit tokens as ${field} must be less than 1 in mode "mass-preserving", as 1 may ` +
        `leave a sequence no mass to rescale: current value is ${alpha}`,
    );
  }
  if (!allowSignChange) {
    throw new InputRangeError(
      `Cannot credit tokens as ${field} must be less than 1, as 1 zeroes the planning tokens of ` +
        `failed rollouts and more flips their sign (allowSignChange: true permits it): ` +
        `current value is ${alpha}`,
    );
  }
}

function formulaOf(transform: CreditTransform | undefined): Formula {
  if (transform === undefined) return "none";
  const { name } = transform;
  const names = ["hicra", ...FORMULAS.slice(FORMULAS.indexOf("high-entropy-advantage"))];
  checkOneOf("transform.name", name, names);
  if (name !== "hicra") return name;
  const { mode = "paper" } = transform;
  checkOneOf("transform.mode", mode, MODES);
  return mode === "mass-preserving" || mode === "baseline-corrected" ? mode : "hicra";
}

function resolveBaseline({
  center = "mean",
  scale = "none",
  ddof = 1,
  epsilon = 1e-6,
  epsilonPlace = "add",
  singleton = "zero",
}: CreditBaseline): Required<CreditBaseline> {
  checkOneOf("baseline.center", center, CENTERS);
  checkOneOf("baseline.scale", scale, SCALES);
  checkOneOf("baseline.epsilonPlace", epsilonPlace, EPSILON_PLACES);
  checkOneOf("baseline.singleton", singleton, SINGLETONS);
  checkOneOf("baseline.ddof", ddof, [0, 1]);
  if (!Number.isFinite(epsilon) || epsilon < 0) {
    throw new InputRangeError(
      `Cannot credit tokens as baseline.epsilon must be a finite number at least 0: ` +
        `current value is ${epsilon}`,
    );
  }
  return { center, scale, ddof, epsilon, epsilonPlace, singleton };
}

function checkOneOf<Value>(field: string, value: Value, known: readonly Value[]): void {
  if (known.includes(value)) return;
  const show = (one: Value) => typeof one === "string" ? `"${one}"` : String(one);
  throw new InputRangeError(
    `Cannot credit tokens as ${field} must be one of ${known.map(show).join(", ")}: ` +
      `current value is ${show(value)}`,
  );
}
