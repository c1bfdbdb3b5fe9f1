import assert from "node:assert/strict";
import { creditOnCpu } from "../../../kernels/credit/_reference.ts";
import { creditParameters } from "../../../kernels/mod.ts";
import { bitsOf, fromBits } from "./_bits.ts";
import type { BASELINES, TRANSFORMS } from "./_options.ts";
import golden from "./golden/credit.json" with { type: "json" };

Deno.test("advantage/ equals exact arithmetic rounded to f32, through the reference of the kernel", () => {
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
    assert.deepEqual(bitsOf(creditOnCpu(one, { from: "tokens", transform })), golden[mode]);
  }
  const numSequences = golden.rewards.length;
  for (const { baseline, expected } of golden.conventions) {
    const batch = {
      offsets: Int32Array.from({ length: numSequences + 1 }, (_, s) => s),
      lossMask: new Uint8Array(numSequences).fill(1),
      rewards: fromBits(golden.rewards),
      groupIds: Int32Array.from(golden.groupIds),
    };
    const actual = creditOnCpu(batch, { baseline: baseline as typeof BASELINES[number] });
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
    assert.deepEqual(bitsOf(creditOnCpu(batch, options)), expected, JSON.stringify(transform));
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
