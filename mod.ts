/**
 * Planning-aware credit assignment for GRPO training loops.
 *
 * Rollouts and the host's advantages go in; a planning mask, token-level advantages and metrics come
 * out. The method is HICRA, "Emergent Hierarchical Reasoning in LLMs through Reinforcement Learning"
 * (https://arxiv.org/abs/2509.03646), with the controls that tell whether it helps.
 *
 * Start with `createHook`. Each part is usable alone from its own entry point: `./batch`,
 * `./advantage`, `./sg`, `./metrics`, `./kernels`, `./files`, `./hooks`,
 * `./view`.
 *
 * @module
 */
export * from "./batch/mod.ts";
export * from "./advantage/mod.ts";
export * from "./sg/mod.ts";
export * from "./metrics/mod.ts";
export * from "./files/mod.ts";
export * from "./hooks/mod.ts";
export * from "./view/mod.ts";
