import {
  type BuiltinTransformConfig,
  builtinTransforms,
  type HicraMode,
} from "../advantage/mod.ts";

/** A chain of transforms to compare. */
export interface Chain {
  /** What tables call it. */
  readonly name: string;
  readonly transforms: readonly BuiltinTransformConfig[];
}

const MODES: readonly HicraMode[] = [
  "symmetric",
  "positive-only",
  "mass-preserving",
  "baseline-corrected",
];

/** Options of transforms that have no default for them. */
const OPTIONS: Readonly<Record<string, object>> = {
  "entropy-regularization": { coefficient: 0.001 },
};

/**
 * Lists HICRA in every mode, the controls that replace its mask, and every other transform alone.
 *
 * @param alpha Alpha of HICRA, the same in all chains.
 * @returns The chains; the first one is HICRA as published.
 */
export function creditChains(alpha: number): Chain[] {
  const hicra = { name: "hicra", alpha } as const;
  const onlyBacktracking = { deduction: 0, branching: 0, backtracking: alpha, other: 0 };
  const masks = [
    { name: "shuffle-mask", unit: "span" },
    { name: "shuffle-mask", unit: "token" },
    { name: "top-entropy-mask", fraction: "planning" },
  ] as const;
  const others = builtinTransforms().names()
    .filter((name) => name !== "hicra" && !masks.some((mask) => mask.name === name));
  return [
    { name: "hicra", transforms: [hicra] },
    ...MODES.map((mode) => ({ name: `hicra, ${mode}`, transforms: [{ ...hicra, mode }] })),
    {
      name: "hicra, only backtracking",
      transforms: [{ ...hicra, alpha: onlyBacktracking }],
    },
    ...masks.map((mask) => ({
      name: `${mask.name}${"unit" in mask ? ` by ${mask.unit}` : ""} + hicra`,
      transforms: [mask, hicra],
    })),
    ...others.map((name) => ({
      name,
      transforms: [{ name, ...OPTIONS[name] } as BuiltinTransformConfig],
    })),
  ];
}
