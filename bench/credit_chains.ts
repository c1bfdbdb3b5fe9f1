import { builtinTransforms, type TransformConfig } from "../advantage/mod.ts";

/** A chain of transforms to compare. */
export interface CreditChain {
  /** What tables call it. */
  readonly name: string;
  readonly group: "HICRA" | "placebo" | "uncertainty" | "other";
  readonly transforms: readonly TransformConfig[];
  /** Start from the mask of the placebo lexicon instead of the lexicon's. */
  readonly placeboMask?: boolean;
}

/**
 * Lists every mode of HICRA and every control, each as a chain of configurations. A transform that is
 * registered but in none of the chains gets one of its own with default options.
 *
 * @param alpha Alpha of HICRA, the same in all chains.
 * @returns The chains.
 */
export function creditChains(alpha: number): CreditChain[] {
  const hicra: TransformConfig = { name: "hicra", alpha };
  const onlyBacktracking = { deduction: 0, branching: 0, backtracking: alpha, other: 0 };
  const chains: CreditChain[] = [
    { name: "none", group: "other", transforms: [] },
    { name: "hicra paper", group: "HICRA", transforms: [hicra] },
    ...["symmetric", "positive-only", "mass-preserving", "baseline-corrected"].map((mode) => ({
      name: `hicra ${mode}`,
      group: "HICRA" as const,
      transforms: [{ ...hicra, mode }],
    })),
    {
      name: "hicra, only backtracking",
      group: "HICRA",
      transforms: [{ ...hicra, alpha: onlyBacktracking }],
    },
    {
      name: "official-code",
      group: "HICRA",
      transforms: [{ name: "official-code", alpha }],
    },
    { name: "placebo lexicon + hicra", group: "placebo", transforms: [hicra], placeboMask: true },
    ...["span", "token"].map((unit) => ({
      name: `shuffle-mask by ${unit} + hicra`,
      group: "placebo" as const,
      transforms: [{ name: "shuffle-mask", unit }, hicra],
    })),
    {
      name: "top-entropy-mask + hicra",
      group: "uncertainty",
      transforms: [{ name: "top-entropy-mask", fraction: "planning" }, hicra],
    },
    ...[
      "top-entropy-filter",
      "high-entropy-advantage",
      "gtpo",
      "surprisal-weighting",
      "sepa",
      "planning-boost",
    ].map((name) => ({ name, group: "uncertainty" as const, transforms: [{ name }] })),
    {
      name: "entropy-regularization",
      group: "other",
      transforms: [{ name: "entropy-regularization", coefficient: 0.001 }],
    },
  ];
  const named = new Set(chains.flatMap(({ transforms }) => transforms.map(({ name }) => name)));
  const rest = builtinTransforms().names().filter((name) => !named.has(name));
  return [
    ...chains,
    ...rest.map((name) => ({ name, group: "other" as const, transforms: [{ name }] })),
  ];
}
