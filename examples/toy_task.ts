/**
 * The toy task of the examples: a bigram policy over twelve tokens is to write a sentence that ends in the
 * right answer. It says nothing about whether HICRA helps.
 *
 * @module
 */
import { lexiconFromGrams, SgMatcher, tokenBytes } from "../mod.ts";

/** The tokens; a policy has a row of logits for the token before. */
export const VOCABULARY: readonly string[] = [
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

/** Rollouts of one step as one ragged batch, with what the policy knew when it sampled them. */
export interface ToyRollouts {
  readonly offsets: Int32Array<ArrayBuffer>;
  readonly tokenIds: Int32Array<ArrayBuffer>;
  /** The token before each: the row of the policy that it was sampled from. */
  readonly previousIds: Int32Array<ArrayBuffer>;
  readonly oldLogprobs: Float32Array<ArrayBuffer>;
  readonly rewards: Float32Array<ArrayBuffer>;
  readonly groupIds: Int32Array<ArrayBuffer>;
}

/** Samples groups of rollouts and rewards them. */
export function sampleRollouts(
  logitsAfter: (previous: number) => ArrayLike<number>,
  random: () => number,
): ToyRollouts {
  const rollouts = Array.from(
    { length: PROMPTS * GROUP_SIZE },
    () => sample(logitsAfter, random),
  );
  const offsets = Int32Array.of(0, ...rollouts.map(({ ids }) => ids.length));
  for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
  return {
    offsets,
    tokenIds: Int32Array.from(rollouts.flatMap(({ ids }) => ids)),
    previousIds: Int32Array.from(rollouts.flatMap(({ ids }) => [0, ...ids.slice(0, -1)])),
    oldLogprobs: Float32Array.from(rollouts.flatMap(({ logprobs }) => logprobs)),
    rewards: Float32Array.from(rollouts, ({ ids }) => Number(ids.at(-2) === ANSWER)),
    groupIds: Int32Array.from(rollouts, (_, k) => Math.floor(k / GROUP_SIZE)),
  };
}

/** Marks two phrases of the vocabulary as planning. */
export function toyMatcher(): SgMatcher {
  return SgMatcher.compile(
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
}

export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const weights = values.map((logit) => Math.exp(logit - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Numbers in [0, 1), the same for a seed everywhere. */
export function lcg(seed: number): () => number {
  return () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function sample(
  logitsAfter: (previous: number) => ArrayLike<number>,
  random: () => number,
): { ids: number[]; logprobs: number[] } {
  const ids: number[] = [];
  const logprobs: number[] = [];
  let previous = 0;
  while (ids.length < MAX_LENGTH && previous !== END) {
    const probabilities = softmax(logitsAfter(previous));
    let rest = random();
    let id = 0;
    while (id < END && (rest -= probabilities[id]!) >= 0) id++;
    ids.push(id);
    logprobs.push(Math.log(probabilities[id]!));
    previous = id;
  }
  return { ids, logprobs };
}
