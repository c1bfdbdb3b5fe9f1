import assert from "node:assert/strict";
import {
  batchFromSamples,
  datumsFromBatch,
  type SampledSequence,
  tokenLevelLoss,
} from "../../../hooks/tinker/mod.ts";
import { createHook } from "../../../hooks/mod.ts";
import { Flag } from "../../../batch/mod.ts";
import { tinyMatcher } from "../_tiny_matcher.ts";

const sampleOf = (tokens: number[], stopReason = "stop"): SampledSequence => ({
  tokens: Int32Array.from(tokens),
  logprobs: Float32Array.from(tokens, (id) => -(id + 1) / 8),
  stopReason,
});

/** A prompt of two tokens, and " so" (3) among others: a phrase of one token. */
const SAMPLES = [[sampleOf([2, 3, 2]), sampleOf([3], "length")], [sampleOf([0, 3])]];
const PROMPTS = [[9, 9], [9, 9], [8]].map((prompt) => Int32Array.from(prompt));

Deno.test("pitfall 1: a one-token phrase is credited where its token is the target", () => {
  const hook = createHook({
    matcher: tinyMatcher(),
    transforms: [{ name: "hicra", alpha: 0.5 }],
  });
  const batch = batchFromSamples(SAMPLES);
  const { advantages } = hook({
    ...batch,
    advantages: Float32Array.of(1, -1, 1),
    advantagesPer: "sequence",
  });
  const datums = datumsFromBatch(batch, advantages, PROMPTS);
  const [first, second, third] = datums.map(({ modelInput, lossFnInputs }) => ({
    input: Array.from(modelInput.chunks[0]!.tokens),
    ...Object.fromEntries(
      Object.entries(lossFnInputs).map(([name, values]) => [name, Array.from(values)]),
    ),
  }));
  assert.deepEqual(first, {
    input: [9, 9, 2, 3],
    targetTokens: [9, 2, 3, 2],
    weights: [0, 1, 1, 1],
    advantages: [0, 1, 1.5, 1],
    logprobs: [0, -0.375, -0.5, -0.375],
  });
  assert.deepEqual(second, {
    input: [9, 9],
    targetTokens: [9, 3],
    weights: [0, 1],
    advantages: [0, -0.5],
    logprobs: [0, -0.5],
  });
  assert.deepEqual(third, {
    input: [8, 0],
    targetTokens: [0, 3],
    weights: [1, 1],
    advantages: [1, 1.5],
    logprobs: [-0.125, -0.5],
  });
});

Deno.test("pitfall 3: tokens that are not trained on get nothing, whatever their arrays hold", () => {
  const batch = {
    offsets: Int32Array.of(0, 4),
    tokenIds: Int32Array.of(1, 2, 3, 4),
    lossMask: Uint8Array.of(1, 0, 0, 1), // two tokens of a tool between
    oldLogprobs: Float32Array.of(-1, NaN, -5, -2),
  };
  const [datum] = datumsFromBatch(batch, Float32Array.of(0.5, 7, NaN, 0.25), [[9]]);
  assert.deepEqual(datum!.lossFnInputs.targetTokens, Int32Array.of(1, 2, 3, 4));
  assert.deepEqual(datum!.lossFnInputs.weights, Float32Array.of(1, 0, 0, 1));
  assert.deepEqual(datum!.lossFnInputs.advantages, Float32Array.of(0.5, 0, 0, 0.25));
  assert.deepEqual(datum!.lossFnInputs.logprobs, Float32Array.of(-1, 0, 0, -2));
});

Deno.test("samples are packed with their groups and what was cut", () => {
  const batch = batchFromSamples(SAMPLES);
  assert.deepEqual(batch, {
    offsets: Int32Array.of(0, 3, 4, 6),
    tokenIds: Int32Array.of(2, 3, 2, 3, 0, 3),
    oldLogprobs: Float32Array.of(-0.375, -0.5, -0.375, -0.5, -0.125, -0.5),
    lossMask: Uint8Array.of(1, 1, 1, 1, 1, 1),
    groupIds: Int32Array.of(0, 0, 1),
    flags: Uint8Array.of(0, Flag.truncated, 0),
  });
});

Deno.test("prompts and advantages that do not fit the batch are refused", () => {
  const batch = batchFromSamples(SAMPLES);
  const advantages = new Float32Array(6);
  assert.throws(() => datumsFromBatch(batch, advantages, PROMPTS.slice(1)), {
    name: "RangeError",
    message: /prompts must be one per sequence: 2 for 3 sequences, repeat the prompt of a group/,
  });
  assert.throws(() => datumsFromBatch(batch, new Float32Array(3), PROMPTS), {
    name: "RangeError",
    message: /advantages must be one per token: 3 for 6 tokens/,
  });
  assert.throws(() => datumsFromBatch(batch, advantages, [[1], [], [1]]), {
    name: "RangeError",
    message: /prompts\[1\] is empty/,
  });
});

Deno.test("losses that lose token credit are refused", () => {
  for (const name of ["importance_sampling", "ppo", "cispo", "dppo"]) {
    assert.equal(tokenLevelLoss(name), name);
  }
  assert.throws(() => tokenLevelLoss("gspo"), /"gspo", its ratio per sequence averages/);
  assert.throws(() => tokenLevelLoss("cross_entropy"), /it reads no advantages/);
  assert.throws(() => tokenLevelLoss("mine"), /it is not known whether/);
});

Deno.test("datumsFromBatch() refuses a logprob that is missing where the loss reads it", () => {
  const batch = batchFromSamples(SAMPLES);
  const advantages = new Float32Array(batch.tokenIds.length);
  const oldLogprobs = batch.oldLogprobs.slice().fill(NaN, 1, 2);
  assert.throws(() => datumsFromBatch({ ...batch, oldLogprobs }, advantages, PROMPTS), {
    name: "RangeError",
    message: /^Cannot make datums as batch\.oldLogprobs must be finite .*: oldLogprobs\[1\] is NaN/,
  });
  const lossMask = batch.lossMask.slice().fill(0, 1, 2);
  const [first] = datumsFromBatch({ ...batch, oldLogprobs, lossMask }, advantages, PROMPTS);
  assert.equal(first!.lossFnInputs.logprobs![2], 0);
});
