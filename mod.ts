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
