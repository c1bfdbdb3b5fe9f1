/**
 * Planning-aware credit assignment for GRPO training loops.
 *
 * Rollouts and the host's advantages go in; a planning mask, token-level advantages and metrics come
 * out. The method is HICRA, "Emergent Hierarchical Reasoning in LLMs through Reinforcement Learning"
 * (https://arxiv.org/abs/2509.03646), with the controls that tell whether it helps.
 *
 * Here are the names that a training loop needs; start with `createHook`. All of each part is at its own
 * entry point: `./batch`, `./advantage`, `./sg`, `./metrics`, `./kernels`, `./onnx`, `./mining`, `./files`,
 * `./hooks`, `./sidecar`, `./tinker`, `./view`.
 *
 * @example A hook over advantages, with a planning mask of the loop's own
 * ```ts
 * import { createHook, metricValues } from "@hicra/hicra";
 * import assert from "node:assert/strict";
 *
 * const hook = createHook(); // or createHook({ matcher }), which marks the planning tokens by itself
 * const { advantages, metrics } = hook({
 *   offsets: Int32Array.of(0, 4), // one sequence of four tokens
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 *   planningMask: Uint8Array.of(1, 1, 0, 0),
 *   advantages: Float32Array.of(-1), // one for each sequence, or for each token
 * });
 * assert.deepEqual(advantages, Float32Array.of(-0.8, -0.8, -1, -1)); // A + 0.2 |A| where it plans
 * assert.equal(metricValues(metrics!)["hicra/planning_frac"], 0.5);
 * ```
 *
 * @module
 */
export {
  type Batch,
  checkBatch,
  type CheckedBatch,
  Flag,
  type InputError,
  isInputError,
  packPadded,
  type PaddedBatch,
  type PaddedLayout,
  type PlanningTokens,
  unpackPadded,
} from "./batch/mod.ts";
export {
  type BaselinePreset,
  baselinePreset,
  type BuiltinTransformConfig,
  builtinTransforms,
  createTransform,
  entropyRegularization,
  gtpo,
  hicra,
  type HicraOptions,
  highEntropyAdvantage,
  planningBoost,
  type Schedule,
  sepa,
  shuffleMask,
  surprisalWeighting,
  topEntropyFilter,
  topEntropyMask,
  type Transform,
} from "./advantage/mod.ts";
export {
  builtInLexicon,
  type Gram,
  type GramKind,
  type Lexicon,
  lexiconFromGrams,
  placeboLexicon,
  SgMatcher,
  type TokenBytes,
  tokenBytes,
} from "./sg/mod.ts";
export {
  measure,
  type MeasureOptions,
  mergeMetrics,
  type MetricPair,
  metricPairs,
  type MetricsOptions,
  type MetricSums,
  metricValues,
} from "./metrics/mod.ts";
export { loadLexicon, loadTokenizer, type Tokenizer } from "./files/mod.ts";
export {
  type AdvantageHook,
  createHook,
  type HookOptions,
  type HookResult,
  type HookStep,
} from "./hooks/mod.ts";
