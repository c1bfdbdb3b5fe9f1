/**
 * A whole GRPO loop in one file, small enough to read: a bigram policy over twelve tokens learns to
 * write a sentence that ends in the right answer, with the hook where it belongs. Run it:
 *
 *     deno run examples/in_process_loop.ts
 *
 * What to copy is `trainStep`. The task is a toy and says nothing about whether HICRA helps.
 *
 * @module
 */
import { type AdvantageHook, createHook, metricValues } from "../mod.ts";
import { groupBaseline } from "../advantage/mod.ts";
import { lcg, sampleRollouts, softmax, toyMatcher, VOCABULARY } from "./toy_task.ts";

/** Trains one policy and returns the mean reward of each step. */
export function train(hook: AdvantageHook, steps: number, log: (line: string) => void): number[] {
  const random = lcg(7);
  const logits = VOCABULARY.map(() => new Float64Array(VOCABULARY.length));
  return Array.from({ length: steps }, (_, step) => trainStep(logits, hook, step, random, log));
}

function trainStep(
  logits: Float64Array[],
  hook: AdvantageHook,
  step: number,
  random: () => number,
  log: (line: string) => void,
): number {
  // 1. Sample groups of rollouts and reward them; they come as one ragged batch.
  const { offsets, tokenIds, previousIds, oldLogprobs, rewards, groupIds } = sampleRollouts(
    (previous) => logits[previous]!,
    random,
  );

  // 2. Your estimator, then the hook.
  const { advantages, metrics } = hook({
    offsets,
    tokenIds,
    lossMask: new Uint8Array(tokenIds.length).fill(1),
    advantages: groupBaseline(rewards, groupIds),
    advantagesPer: "sequence",
    rewards,
    groupIds,
    oldLogprobs,
  }, { step });

  // 3. The policy gradient, with one advantage per token: A * (one-hot - softmax).
  tokenIds.forEach((id, t) => {
    const row = logits[previousIds[t]!]!;
    const scale = advantages[t]! / rewards.length;
    softmax(row).forEach((p, token) => row[token]! += scale * (Number(token === id) - p));
  });

  const values = metricValues(metrics!);
  const reward = rewards.reduce((sum, value) => sum + value, 0) / rewards.length;
  log(
    `step ${step}: reward ${reward.toFixed(2)}, planning share ` +
      `${values["hicra/planning_frac"]!.toFixed(2)}, advantage shift ` +
      `${values["hicra/adv_shift"]!.toFixed(4)}`,
  );
  return reward;
}

if (import.meta.main) {
  const hook = createHook({
    matcher: toyMatcher(),
    transforms: [{ name: "hicra", alpha: 0.2 }],
    warn: () => {}, // it would say that this policy soon writes the answer without planning
  });
  train(hook, 100, (line) => console.log(line));
}
