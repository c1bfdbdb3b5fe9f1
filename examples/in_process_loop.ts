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
import {
  type AdvantageHook,
  createHook,
  groupBaseline,
  lexiconFromGrams,
  metricValues,
  SgMatcher,
  tokenBytes,
} from "../mod.ts";

const VOCABULARY = [
  "Okay",
  " but",
  " wait",
  " let's",
  " check",
  " the",
  " sum",
  " is",
  " 41",
  " 42",
  ".",
  "<|end|>",
];
const ANSWER = VOCABULARY.indexOf(" 42");
const END = VOCABULARY.indexOf("<|end|>");
const PROMPTS = 4;
const GROUP_SIZE = 16;
const MAX_LENGTH = 24;

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
  // 1. Sample groups of rollouts and reward them.
  const rollouts = Array.from({ length: PROMPTS * GROUP_SIZE }, () => sample(logits, random));
  const rewards = Float32Array.from(rollouts, ({ ids }) => Number(ids.at(-2) === ANSWER));
  const groupIds = Int32Array.from(rollouts, (_, k) => Math.floor(k / GROUP_SIZE));

  // 2. Lay them out as one ragged batch.
  const offsets = Int32Array.of(0, ...rollouts.map(({ ids }) => ids.length));
  for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
  const tokenIds = Int32Array.from(rollouts.flatMap(({ ids }) => ids));

  // 3. Your estimator, then the hook.
  const { advantages, metrics } = hook({
    offsets,
    tokenIds,
    lossMask: new Uint8Array(tokenIds.length).fill(1),
    advantages: groupBaseline(rewards, groupIds),
    advantagesPer: "sequence",
    rewards,
    groupIds,
    oldLogprobs: Float32Array.from(rollouts.flatMap(({ logprobs }) => logprobs)),
  }, { step });

  // 4. The policy gradient, with one advantage per token: A * (one-hot - softmax).
  rollouts.forEach(({ ids }, s) => {
    let previous = 0;
    ids.forEach((id, t) => {
      const scale = advantages[offsets[s]! + t]! / rollouts.length;
      softmax(logits[previous]!).forEach((p, token) => {
        logits[previous]![token]! += scale * (Number(token === id) - p);
      });
      previous = id;
    });
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

function sample(
  logits: Float64Array[],
  random: () => number,
): { ids: number[]; logprobs: number[] } {
  const ids: number[] = [];
  const logprobs: number[] = [];
  let previous = 0;
  while (ids.length < MAX_LENGTH && previous !== END) {
    const probabilities = softmax(logits[previous]!);
    let rest = random();
    let id = 0;
    while (id < END && (rest -= probabilities[id]!) >= 0) id++;
    ids.push(id);
    logprobs.push(Math.log(probabilities[id]!));
    previous = id;
  }
  return { ids, logprobs };
}

function softmax(logits: Float64Array): Float64Array {
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Numbers in [0, 1), the same for a seed everywhere. */
function lcg(seed: number): () => number {
  return () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

if (import.meta.main) {
  const matcher = SgMatcher.compile(
    lexiconFromGrams(["but wait", "let's check"], { name: "toy" }),
    tokenBytes({
      model: {
        type: "BPE",
        vocab: Object.fromEntries(VOCABULARY.map((text, id) => [text.replaceAll(" ", "Ġ"), id])),
        merges: [],
      },
      decoder: { type: "ByteLevel" },
      added_tokens: [{ id: END, content: "<|end|>", special: true }],
    }),
  );
  const hook = createHook({
    matcher,
    transforms: [{ name: "hicra", alpha: 0.2 }],
    warn: () => {}, // it would say that this policy soon writes the answer without planning
  });
  train(hook, 100, (line) => console.log(line));
}
