import type { CreditBatch } from "../../../kernels/mod.ts";
import { seededRandom } from "../../../bench/seeded_random.ts";

/** Every field that any option may ask for. */
export type FullBatch = Required<CreditBatch> & { readonly sequenceAdvantages: Float32Array };

/** What the rewards of a batch look like. */
export type RewardKind = "binary" | "real" | "nearly equal" | "positive";

export interface BatchShape {
  readonly numSequences: number;
  readonly maxLength: number;
  readonly rewardKind?: RewardKind;
  /** Share of planning tokens; 0.2 when left out. */
  readonly planning?: number;
  /** Tokens of the first sequence, where it is to be a long one. */
  readonly firstLength?: number;
}

/**
 * A ragged batch: empty sequences, groups of any size that lie anywhere, sequences without trained
 * tokens, excluded sequences, advantages of 0 and -0.
 */
export function randomBatch(seed: number, shape: BatchShape): FullBatch {
  const { numSequences, maxLength, rewardKind = "real", planning = 0.2, firstLength } = shape;
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const offsets = new Int32Array(numSequences + 1);
  for (let s = 0; s < numSequences; s++) {
    const length = s === 0 && firstLength !== undefined
      ? firstLength
      : random() < 0.1
      ? 0
      : 1 + below(maxLength);
    offsets[s + 1] = offsets[s]! + length;
  }
  const numTokens = offsets[numSequences]!;
  const sequences = <Values extends Float32Array | Int32Array | Uint8Array>(
    values: Values,
    next: () => number,
  ): Values => {
    for (let i = 0; i < values.length; i++) values[i] = next();
    return values;
  };
  const reward = {
    binary: () => below(2),
    real: () => 4 * random() - 2,
    "nearly equal": () => 1000 + below(4) / 1024,
    positive: () => 0.1 + random(),
  }[rewardKind];
  const numGroups = 1 + Math.floor(numSequences / 3);
  const lossMask = sequences(new Uint8Array(numTokens), () => random() < 0.9 ? 1 : 0);
  for (let s = 0; s < numSequences; s++) {
    if (random() < 0.05) lossMask.fill(0, offsets[s], offsets[s + 1]);
  }
  const advantage = () => random() < 0.1 ? (random() < 0.5 ? 0 : -0) : 4 * random() - 2;
  return {
    offsets,
    lossMask,
    kinds: sequences(new Uint8Array(numTokens), () => random() < planning ? 1 + below(4) : 0),
    rewards: sequences(new Float32Array(numSequences), reward),
    groupIds: sequences(new Int32Array(numSequences), () => 7 * below(numGroups) - 20),
    include: sequences(new Uint8Array(numSequences), () => random() < 0.9 ? 1 : 0),
    advantages: sequences(new Float32Array(numTokens), advantage),
    sequenceAdvantages: sequences(new Float32Array(numSequences), advantage),
    entropies: sequences(new Float32Array(numTokens), () => 3 * random()),
    oldLogprobs: sequences(new Float32Array(numTokens), () => Math.log(1 - random())),
  };
}
