import { didYouMean } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import type { BaselineConvention } from "./group_baseline.ts";
import type { WhitenOptions } from "./whiten.ts";

/** How one training framework, or one paper, turns rewards into advantages. Plain data. */
export interface BaselinePreset {
  /** The formula, with `mean` and `std` over the group and `ddof` in brackets. */
  readonly formula: string;
  /** The paper, or the framework and the file in its repository that computes it. */
  readonly source: string;
  /** Options of {@linkcode groupBaseline}. */
  readonly group: BaselineConvention;
  /** Options of {@linkcode whiten}, where the host whitens over the tokens of the batch afterwards. */
  readonly whiten?: WhitenOptions;
}

const CENTERED = { center: "mean", scale: "none", singleton: "zero" } as const;

const LEAVE_ONE_OUT = { center: "leave-one-out", scale: "none", singleton: "zero" } as const;

const VERL_GRPO = {
  center: "mean",
  scale: "group-std",
  ddof: 1,
  epsilon: 1e-6,
  singleton: "reward",
} as const;

const MASKED_WHITEN = { ddof: 1, epsilon: 1e-8, epsilonPlace: "variance" } as const;

/** `var.clamp(min=1e-8)`: a floor of 1e-4 under the standard deviation. */
const CLAMPED_WHITEN = { ddof: 0, epsilon: 1e-4, epsilonPlace: "floor" } as const;

/** Names of {@linkcode baselinePresets}. */
export type BaselineName =
  | "paper"
  | "dr-grpo"
  | "rloo"
  | "maxrl"
  | "reinforce++"
  | "reinforce++-baseline"
  | "trl"
  | "trl-batch"
  | "trl-none"
  | "trl-async"
  | "verl"
  | "verl-dr-grpo"
  | "verl-rloo"
  | "skyrl"
  | "skyrl-maxrl"
  | "slime"
  | "openrlhf"
  | "openrlhf-rloo"
  | "openrlhf-reinforce-baseline"
  | "nemo-rl"
  | "nemo-rl-reinforce++"
  | "areal"
  | "roll"
  | "rllm"
  | "art"
  | "atropos"
  | "torchforge"
  | "mlx-node"
  | "prime-rl"
  | "tinker"
  | "retrain";

/**
 * Baseline conventions by name: the same name, GRPO, is a different number in every framework.
 *
 * A group of one, where the host divides by the undefined standard deviation of one reward or
 * refuses to start, is refused here too (`singleton: "error"`). Reward clipping, penalties inside
 * the reward (KL, length) and per-rank batches are the host's own and not part of a preset. The
 * conventions were read from the frameworks' sources of July and August 2026 (AReaL May 2026,
 * torchforge and mlx-node 2025); those of TRL and verl are tested against the released packages.
 *
 * @example List them
 * ```ts
 * import { baselinePresets } from "@hicra/hicra/advantage";
 *
 * for (const [name, { formula, source }] of Object.entries(baselinePresets)) {
 *   console.log(`${name}: ${formula} (${source})`);
 * }
 * ```
 */
export const baselinePresets: Readonly<Record<BaselineName, BaselinePreset>> = {
  paper: {
    formula: "r - mean",
    source: "HICRA, https://arxiv.org/abs/2509.03646, section 3",
    group: CENTERED,
  },
  "dr-grpo": {
    formula: "r - mean",
    source: "Dr. GRPO, https://arxiv.org/abs/2503.20783",
    group: CENTERED,
  },
  rloo: {
    formula: "r - mean of the others",
    source: "RLOO, https://arxiv.org/abs/2402.14740; TRL trl/trainer/rloo_trainer.py",
    group: LEAVE_ONE_OUT,
  },
  maxrl: {
    formula: "(r - mean) / mean, 0 where mean <= 0",
    source: "MaxRL, https://arxiv.org/abs/2602.02710; prime-rl " +
      "src/prime_rl/orchestrator/algo/max_rl.py",
    group: { center: "mean", scale: "mean", epsilon: 0, singleton: "zero" },
  },
  "reinforce++": {
    formula: "whiten(r), std[1] over tokens",
    source: "REINFORCE++, https://arxiv.org/abs/2501.03262; verl verl/trainer/ppo/core_algos.py " +
      "with gamma 1",
    group: { center: "none", scale: "none" },
    whiten: MASKED_WHITEN,
  },
  "reinforce++-baseline": {
    formula: "whiten(r - mean), std[1] over tokens; whiten(r) for a group of one",
    source: "REINFORCE++, https://arxiv.org/abs/2501.03262; verl verl/trainer/ppo/core_algos.py",
    group: { ...CENTERED, singleton: "reward" },
    whiten: MASKED_WHITEN,
  },
  trl: {
    formula: "(r - mean) / (std[1] + 1e-4)",
    source: 'TRL trl/trainer/grpo_trainer.py, scale_rewards="group"',
    group: { ...CENTERED, scale: "group-std", ddof: 1, epsilon: 1e-4 },
  },
  "trl-batch": {
    formula: "(r - mean) / (std[1] of all rewards + 1e-4)",
    source: 'TRL trl/trainer/grpo_trainer.py, scale_rewards="batch"',
    group: { ...CENTERED, scale: "batch-std", ddof: 1, epsilon: 1e-4 },
  },
  "trl-none": {
    formula: "r - mean",
    source: 'TRL trl/trainer/grpo_trainer.py, scale_rewards="none"',
    group: CENTERED,
  },
  "trl-async": {
    formula: "(r - mean) / (std[0] + 1e-8)",
    source: "TRL trl/experimental/async_grpo/async_rollout_worker.py",
    group: { ...CENTERED, scale: "group-std", ddof: 0, epsilon: 1e-8 },
  },
  verl: {
    formula: "(r - mean) / (std[1] + 1e-6); mean 0 and std 1 for a group of one",
    source: "verl verl/trainer/ppo/core_algos.py, compute_grpo_outcome_advantage",
    group: VERL_GRPO,
  },
  "verl-dr-grpo": {
    formula: "r - mean; r for a group of one",
    source: "verl verl/trainer/ppo/core_algos.py, norm_adv_by_std_in_grpo=False",
    group: { ...CENTERED, singleton: "reward" },
  },
  "verl-rloo": {
    formula: "r - mean of the others; r for a group of one",
    source: "verl verl/trainer/ppo/core_algos.py, compute_rloo_outcome_advantage",
    group: { ...LEAVE_ONE_OUT, singleton: "reward" },
  },
  skyrl: {
    formula: "(r - mean) / (std[1] + 1e-6); mean 0 and std 1 for a group of one",
    source: "SkyRL skyrl/backends/skyrl_train/utils/ppo_utils.py, compute_grpo_outcome_advantage",
    group: VERL_GRPO,
  },
  "skyrl-maxrl": {
    formula: "(r - mean) / (mean + 1e-6), 0 where mean <= 0; r for a group of one. SkyRL itself " +
      "divides by a negative mean too",
    source: "SkyRL skyrl/backends/skyrl_train/utils/ppo_utils.py, compute_maxrl_advantage",
    group: { center: "mean", scale: "mean", epsilon: 1e-6, singleton: "reward" },
  },
  slime: {
    formula: "(r - mean) / (std[1] + 1e-6); r - mean = 0 for a group of one",
    source:
      "slime slime/ray/rollout.py, _post_process_rewards with groups of one size (where sizes " +
      "differ slime takes the whole batch for one group)",
    group: { ...VERL_GRPO, singleton: "zero" },
  },
  openrlhf: {
    formula: "(r - mean) / (std[1] + 1e-9)",
    source: "OpenRLHF openrlhf/trainer/ppo_utils/experience_maker.py, group_norm",
    group: { center: "mean", scale: "group-std", ddof: 1, epsilon: 1e-9, singleton: "error" },
  },
  "openrlhf-rloo": {
    formula: "r - mean of the others",
    source: "OpenRLHF openrlhf/trainer/ppo_utils/experience_maker.py, rloo",
    group: { ...LEAVE_ONE_OUT, singleton: "error" },
  },
  "openrlhf-reinforce-baseline": {
    formula: "whiten(r - mean), max(std[0], 1e-4) over tokens",
    source: "OpenRLHF openrlhf/trainer/ppo_utils/experience_maker.py, reinforce_baseline",
    group: { ...CENTERED, singleton: "error" },
    whiten: CLAMPED_WHITEN,
  },
  "nemo-rl": {
    formula:
      "(r - mean of the others) / (std[1] of the others + 1e-6), undivided where that std is " +
      "0; 0 for a group of one",
    source: "NeMo-RL nemo_rl/algorithms/utils.py, calculate_baseline_and_std_per_prompt",
    group: {
      center: "leave-one-out",
      scale: "leave-one-out-std",
      ddof: 1,
      epsilon: 1e-6,
      singleton: "zero",
    },
  },
  "nemo-rl-reinforce++": {
    formula: "whiten(r - mean), max(std[0], 1e-4) over tokens",
    source:
      "NeMo-RL nemo_rl/algorithms/advantage_estimator.py, ReinforcePlusPlusAdvantageEstimator",
    group: CENTERED,
    whiten: CLAMPED_WHITEN,
  },
  areal: {
    formula: "whiten((r - mean) / (std[1] + 1e-5)), std[1] + 1e-5 over tokens",
    source:
      "AReaL areal/utils/data.py, Normalization, with reward_norm (group) and adv_norm (batch) " +
      "as in examples/math/gsm8k_grpo.yaml",
    group: { ...CENTERED, scale: "group-std", ddof: 1, epsilon: 1e-5 },
    whiten: { ddof: 1, epsilon: 1e-5, epsilonPlace: "add" },
  },
  roll: {
    formula: "(r - mean) / (std[1] + 1e-6)",
    source: "ROLL roll/utils/functionals.py, reward_norm with group mean and std",
    group: { ...VERL_GRPO, singleton: "error" },
  },
  rllm: {
    formula: "(r - mean) / (std[0] + 1e-6); mean 0 and std 1 for a group of one",
    source: "rLLM rllm/trainer/algorithms/rl_algo.py, calculate_grpo_advantages_per_group",
    group: { ...VERL_GRPO, ddof: 0 },
  },
  art: {
    formula: "(r - mean) / (std[0] + 1e-6)",
    source: "ART src/art/preprocessing/tokenize.py, scale_rewards=True (ART then drops zeros)",
    group: { ...CENTERED, scale: "group-std", ddof: 0, epsilon: 1e-6 },
  },
  atropos: {
    formula: "(r - mean) / max(std[0], 1e-8); r for a group of one",
    source: "Atropos example_trainer/data.py",
    group: {
      center: "mean",
      scale: "group-std",
      ddof: 0,
      epsilon: 1e-8,
      epsilonPlace: "floor",
      singleton: "reward",
    },
  },
  torchforge: {
    formula: "(r - mean) / (std[1] + 1e-4)",
    source: "torchforge apps/grpo/main.py, ComputeAdvantages",
    group: { ...CENTERED, scale: "group-std", ddof: 1, epsilon: 1e-4, singleton: "error" },
  },
  "mlx-node": {
    formula: "(r - mean) / (std[0] + 1e-4)",
    source: "mlx-node crates/mlx-core/src/grpo/advantages.rs",
    group: { ...CENTERED, scale: "group-std", ddof: 0, epsilon: 1e-4 },
  },
  "prime-rl": {
    formula: "r - mean",
    source: "prime-rl src/prime_rl/orchestrator/algo/grpo.py without length penalty",
    group: CENTERED,
  },
  tinker: {
    formula: "r - mean",
    source: "tinker-cookbook tinker_cookbook/rl/data_processing.py, compute_advantages",
    group: CENTERED,
  },
  retrain: {
    formula: "r - mean",
    source: "retrain retrain/advantages/episode.py, compute_grpo_advantages",
    group: CENTERED,
  },
};

/**
 * Returns the {@linkcode baselinePresets} entry of a name.
 *
 * @example Usage
 * ```ts
 * import { baselinePreset, groupBaseline } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const rewards = Float32Array.of(1, 0);
 * const groupIds = Int32Array.of(0, 0);
 * const [advantage] = groupBaseline(rewards, groupIds, baselinePreset("trl").group);
 * assert.equal(advantage, Math.fround(0.5 / (Math.sqrt(0.5) + 1e-4)));
 * ```
 *
 * @param name Name of a preset, such as "paper", "trl" or "verl".
 * @returns The preset.
 * @throws {RangeError} If no preset has that name; the message lists the names, and the one meant where it
 * is near.
 */
export function baselinePreset(name: string): BaselinePreset {
  if (Object.hasOwn(baselinePresets, name)) return baselinePresets[name as BaselineName];
  const names = Object.keys(baselinePresets);
  throw new InputRangeError(
    `Cannot find a baseline preset as its name must be one of ${names.join(", ")}: ` +
      `current value is "${name}"${didYouMean(name, names)}`,
  );
}
