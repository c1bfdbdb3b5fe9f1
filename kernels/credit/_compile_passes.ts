import { compilePipeline } from "../_compile_pipeline.ts";
import {
  CENTERS,
  type Credit,
  EPSILON_PLACES,
  FORMS,
  FORMULAS,
  SCALES,
} from "./_resolve_credit.ts";
import { BASELINE_SHADER } from "./baseline_shader.ts";
import { GROUP_MEANS_SHADER } from "./group_means_shader.ts";
import { SUMS_SHADER } from "./sums_shader.ts";
import { TOKENS_SHADER } from "./tokens_shader.ts";

/** The passes that the options ask for, in their order. */
export interface CreditPipelines {
  readonly baseline?: { readonly all: GPUComputePipeline; readonly included: GPUComputePipeline };
  readonly sums?: GPUComputePipeline;
  readonly groupMeans?: GPUComputePipeline;
  readonly tokens: GPUComputePipeline;
}

/** Compiles them for a device. */
export async function compilePasses(device: GPUDevice, credit: Credit): Promise<CreditPipelines> {
  const { from, formula, form, needs, hasSums } = credit;
  const shared = {
    formula: FORMULAS.indexOf(formula),
    form: FORMS.indexOf(form),
    isPerSequence: from === "tokens" ? 0 : 1,
  };
  const [all, included, sums, groupMeans, tokens] = await Promise.all([
    from === "rewards" ? compileBaseline(device, credit, false) : undefined,
    from === "rewards" ? compileBaseline(device, credit, true) : undefined,
    hasSums
      ? compilePipeline(device, {
        label: "hicra credit sums",
        code: SUMS_SHADER,
        constants: shared,
      })
      : undefined,
    formula === "baseline-corrected"
      ? compilePipeline(device, { label: "hicra credit group means", code: GROUP_MEANS_SHADER })
      : undefined,
    compilePipeline(device, {
      label: "hicra credit tokens",
      code: TOKENS_SHADER,
      constants: { ...shared, needsSequence: needs.includes("offsets") ? 1 : 0 },
    }),
  ]);
  return {
    ...(all && included && { baseline: { all, included } }),
    ...(sums && { sums }),
    ...(groupMeans && { groupMeans }),
    tokens,
  };
}

function compileBaseline(
  device: GPUDevice,
  { baseline }: Credit,
  hasInclude: boolean,
): Promise<GPUComputePipeline> {
  const { center, scale, ddof, epsilon, epsilonPlace, singleton } = baseline;
  return compilePipeline(device, {
    label: "hicra credit baseline",
    code: BASELINE_SHADER,
    constants: {
      center: CENTERS.indexOf(center),
      scale: SCALES.indexOf(scale),
      ddof,
      epsilon,
      epsilonPlace: EPSILON_PLACES.indexOf(epsilonPlace),
      singletonReward: singleton === "reward" ? 1 : 0,
      hasInclude: hasInclude ? 1 : 0,
    },
  });
}
