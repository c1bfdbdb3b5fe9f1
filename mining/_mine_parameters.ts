import { InputRangeError } from "../batch/mod.ts";
import { checkCount } from "./_check_count.ts";
import type { MineOptions } from "./mine_options.ts";

const DEFAULTS = {
  unlabeled: "error",
  similarity: 0.9,
  unit: "word",
  minWords: 2,
  maxWords: 5,
  absorbShare: 0.9,
  clustering: "dbscan",
  minPoints: 2,
  keepClusters: 0.2,
  keepSparse: 0.9,
  functional: true,
  prior: 0.12,
  mathWeight: 0.5,
  maxShare: 0.045,
} as const satisfies MineOptions;

/** Options with every default filled in that the lexicon depends on. */
export type MineParameters = MineOptions & Required<Pick<MineOptions, keyof typeof DEFAULTS>>;

/**
 * Checks options and fills in what is not given.
 *
 * @throws {RangeError} If an option is out of range; those of a stage's own are checked there.
 */
export function mineParameters(options: MineOptions): MineParameters {
  const check = (name: keyof MineOptions, isRight: (value: number) => boolean, rule: string) => {
    const value = options[name];
    if (value === undefined || isRight(value as number)) return;
    throw new InputRangeError(`Cannot mine as ${name} must be ${rule}: current value is ${value}`, {
      option: name,
    });
  };
  for (const name of ["keepClusters", "keepSparse", "maxShare"] as const) {
    check(name, (share) => share > 0 && share <= 1, "a share above 0 and at most 1");
  }
  check("prior", (share) => share > 0 && share < 1, "a share above 0 and below 1");
  check("mathWeight", (weight) => weight >= 0 && weight < Infinity, "a number from 0");
  check("temperature", (value) => value > 0 && value < Infinity, "a number above 0");
  check("epsilon", (value) => value > 0 && value <= 2, "above 0 and at most 2");
  if (options.minPoints !== undefined) checkCount("mine", "minPoints", options.minPoints, 1);
  if (options.unit === "character" && options.functional !== false && !options.prototypes) {
    throw new InputRangeError(
      "Cannot mine characters as prototypes must be of the language that is mined: those by default " +
        "are English, pass prototypes, or functional false",
      { option: "prototypes" },
    );
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

/** The parameters as a lexicon records them. */
export function recordOf(parameters: MineParameters): Record<string, string | number | boolean> {
  return Object.fromEntries(
    (Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]).map((name) => {
      const value = parameters[name];
      return [name, typeof value === "object" ? value.name : value];
    }),
  );
}
