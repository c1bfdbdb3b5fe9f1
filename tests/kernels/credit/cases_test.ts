/** Hand-worked cases, golden values and errors: one table each, through both backends. */
import assert from "node:assert/strict";
import { checkCredit } from "../../../kernels/credit/_check_credit.ts";
import { creditOnCpu } from "../../../kernels/credit/_reference.ts";
import { resolveCredit } from "../../../kernels/credit/_resolve_credit.ts";
import type { CreditBatch, CreditOptions } from "../../../kernels/mod.ts";
import { runOnce } from "./_run_once.ts";
import { assertWithin } from "../_assert_within.ts";
import { gpuTest } from "../_device.ts";
import { bitsOf, fromBits } from "./_bits.ts";
import { creditBounds } from "./_bounds.ts";
import golden from "./golden/credit.json" with { type: "json" };

/** Plain numbers that become the arrays of a batch; a loss mask of ones when left out. */
type Numbers = { readonly [Field in keyof CreditBatch]?: readonly number[] };

interface Case extends CreditOptions {
  readonly name: string;
  readonly batch: Numbers & { readonly offsets: readonly number[] };
  readonly expected: readonly number[];
}

function batchOf(numbers: Numbers & { readonly offsets: readonly number[] }): CreditBatch {
  const { offsets, lossMask, kinds, rewards, groupIds, include, advantages } = numbers;
  const { entropies, oldLogprobs } = numbers;
  return {
    offsets: Int32Array.from(offsets),
    lossMask: lossMask ? Uint8Array.from(lossMask) : new Uint8Array(offsets.at(-1)!).fill(1),
    ...(kinds && { kinds: Uint8Array.from(kinds) }),
    ...(rewards && { rewards: Float32Array.from(rewards) }),
    ...(groupIds && { groupIds: Int32Array.from(groupIds) }),
    ...(include && { include: Uint8Array.from(include) }),
    ...(advantages && { advantages: Float32Array.from(advantages) }),
    ...(entropies && { entropies: Float32Array.from(entropies) }),
    ...(oldLogprobs && { oldLogprobs: Float32Array.from(oldLogprobs) }),
  };
}

/** Exact in f32, so that hand-worked cases of the first modes have no rounding. */
const DYADIC = { deduction: 0.5, branching: 0.25, backtracking: 0, other: 0.75 };
const PAPER = { name: "hicra", alpha: DYADIC } as const;

/** Two groups of two and one of one, sequences of one token. */
const GROUPS = { offsets: [0, 1, 2, 3, 4, 5], groupIds: [8, 3, 8, 5, 3], rewards: [4, 1, 2, 6, 1] };

const CASES: readonly Case[] = [
  { name: "an empty batch", batch: { offsets: [0], rewards: [], groupIds: [] }, expected: [] },
  {
    name: "sequences without tokens",
    batch: { offsets: [0, 0, 0], rewards: [1, 0], groupIds: [0, 0] },
    expected: [],
  },
  {
    name: "empty sequences between others count in the baseline",
    batch: {
      offsets: [0, 0, 2, 2, 3, 3],
      rewards: [4, 1, 1, 1, 1],
      groupIds: [0, 0, 0, 0, 1],
    },
    expected: [-0.75, -0.75, -0.75],
  },
  { name: "mean of groups that lie anywhere", batch: GROUPS, expected: [1, 0, -1, 0, 0] },
  {
    name: "mean of the others",
    batch: GROUPS,
    baseline: { center: "leave-one-out" },
    expected: [2, 0, -2, 0, 0],
  },
  {
    name: "a group of one keeps its reward",
    batch: GROUPS,
    baseline: { singleton: "reward" },
    expected: [1, 0, -1, 6, 0],
  },
  {
    name: "a group of one is divided by a deviation of 1",
    batch: GROUPS,
    baseline: { scale: "group-std", ddof: 0, epsilon: 1, singleton: "reward" },
    expected: [0.5, 0, -0.5, 3, 0],
  },
  {
    name: "no center and no scale needs no group",
    batch: GROUPS,
    baseline: { center: "none", singleton: "error" },
    expected: [4, 1, 2, 6, 1],
  },
  {
    name: "a deviation of all rewards",
    batch: { ...GROUPS, rewards: [3, 1, 3, 1, 3], include: [1, 1, 1, 1, 0] },
    baseline: { center: "none", scale: "batch-std", ddof: 0, epsilon: 1 },
    expected: [1.5, 0.5, 1.5, 0.5, 0],
  },
  {
    name: "a deviation of the others: of one with ddof 1 it divides nothing",
    batch: GROUPS,
    baseline: { scale: "leave-one-out-std" },
    expected: [1, 0, -1, 0, 0],
  },
  {
    name: "equal rewards give exactly 0, whatever they are",
    batch: { offsets: [0, 1, 2, 3], rewards: [0.1, 0.1, 0.1], groupIds: [0, 0, 0] },
    baseline: { scale: "group-std", epsilon: 0 },
    expected: [0, 0, 0],
  },
  {
    name: "MaxRL divides by the mean, and gives 0 where it is not positive",
    batch: { offsets: [0, 1, 2, 3, 4], rewards: [1, 0, -1, 1], groupIds: [0, 0, 1, 1] },
    baseline: { scale: "mean", epsilon: 0 },
    expected: [1, -1, 0, 0],
  },
  {
    name: "epsilon as a floor and in the variance",
    batch: { offsets: [0, 1, 2], rewards: [1, -1], groupIds: [0, 0] },
    baseline: { scale: "group-std", ddof: 0, epsilon: 4, epsilonPlace: "floor" },
    expected: [0.25, -0.25],
  },
  {
    name: "excluded sequences enter no baseline, whatever their reward and group",
    batch: {
      offsets: [0, 1, 2, 3, 4],
      rewards: [NaN, 3, 1, 1e30],
      groupIds: [0, 0, 0, -1],
      include: [0, 1, 1, 0],
    },
    expected: [0, 1, -1, 0],
  },
  {
    name: "HICRA on rewards; off the mask and off the loss the baseline stays",
    batch: {
      offsets: [0, 3, 6],
      rewards: [1, 0],
      groupIds: [2, 2],
      kinds: [1, 0, 1, 4, 0, 1],
      lossMask: [1, 1, 0, 1, 1, 0],
    },
    transform: PAPER,
    expected: [0.75, 0.5, 0.5, -0.125, -0.5, -0.5],
  },
  {
    name: "advantages of sequences",
    batch: { offsets: [0, 2, 2, 3], advantages: [2, 7, -4], kinds: [0, 1, 1] },
    from: "sequences",
    transform: PAPER,
    expected: [2, 3, -2],
  },
  {
    name: "advantages of tokens without a transform pass",
    batch: { offsets: [0, 3], advantages: [NaN, -0, 2], lossMask: [0, 1, 1] },
    from: "tokens",
    expected: [NaN, -0, 2],
  },
  ...([
    { name: "one execution token", advantages: [-3], kinds: [0], expected: [-3] },
    { name: "one planning token", advantages: [2], kinds: [1], expected: [3] },
    { name: "a penalty is dampened", advantages: [-2], kinds: [1], expected: [-1] },
    {
      name: "a penalty grows when symmetric",
      advantages: [-2, 2],
      kinds: [1, 1],
      expected: [-3, 3],
      mode: "symmetric",
    },
    {
      name: "a penalty is left alone when positive-only",
      advantages: [-2, 2],
      kinds: [1, 1],
      expected: [-2, 3],
      mode: "positive-only",
    },
    {
      name: "a gain per kind",
      advantages: [4, 4, 4, 4, 4],
      kinds: [0, 1, 2, 3, 4],
      expected: [4, 6, 5, 4, 7],
    },
    {
      name: "a gain per kind, penalties",
      advantages: [-4, -4, -4, -4, -4],
      kinds: [0, 1, 2, 3, 4],
      expected: [-4, -2, -3, -4, -1],
    },
    { name: "all zero", advantages: [0, 0, -0], kinds: [0, 1, 1], expected: [0, 0, -0] },
    {
      name: "what is not trained is not looked at",
      advantages: [NaN, Infinity, -0, -Infinity, 1],
      kinds: [1, 0, 1, 3, 1],
      lossMask: [0, 0, 0, 0, 1],
      expected: [NaN, Infinity, -0, -Infinity, 1.5],
    },
    {
      name: "no planning tokens: bit-equal",
      advantages: [0.1, -0.3],
      kinds: [0, 0],
      expected: [0.1, -0.3],
      mode: "mass-preserving",
    },
    {
      name: "mass is kept where all tokens plan",
      advantages: [2, 2, -0],
      kinds: [1, 1, 1],
      expected: [2, 2, -0],
      mode: "mass-preserving",
    },
    {
      name: "mass is divided differently",
      advantages: [2, 2, -4],
      kinds: [1, 0, 1],
      // Mass 8 becomes 3 + 2 + 2 = 7.
      expected: [24 / 7, 16 / 7, -16 / 7],
      mode: "mass-preserving",
    },
    {
      name: "credit that cancels in the mass is credit still",
      advantages: [1, -1],
      kinds: [1, 1],
      expected: [1.5, -0.5],
      mode: "mass-preserving",
    },
    {
      name: "the mean credit of the group is taken from all",
      advantages: [2, 2, -2, -2],
      kinds: [1, 0, 2, 0],
      // Credit 1 + 0.5 over 4 tokens.
      expected: [2.625, 1.625, -1.875, -2.375],
      mode: "baseline-corrected",
    },
    {
      name: "no credit to correct: bit-equal",
      advantages: [-0, 0.1],
      kinds: [3, 0],
      expected: [-0, 0.1],
      mode: "baseline-corrected",
    },
  ] as const).map(({ name, advantages, kinds, expected, ...rest }): Case => ({
    name,
    batch: {
      offsets: [0, advantages.length],
      groupIds: [0],
      advantages,
      kinds,
      ...("lossMask" in rest && { lossMask: rest.lossMask }),
    },
    from: "tokens",
    transform: { ...PAPER, mode: "mode" in rest ? rest.mode : "paper" },
    expected,
  })),
  {
    name: "a bounded entropy term",
    batch: { offsets: [0, 4], advantages: [1, 1, -1, -0], entropies: [0, 0.5, 9, 9] },
    from: "tokens",
    transform: { name: "high-entropy-advantage", alpha: 0.5, kappa: 2 },
    expected: [1, 1.25, -0.5, -0],
  },
  {
    name: "surprisal relative to the sequence, not below 0; tokens off the loss do not count",
    batch: {
      offsets: [0, 3, 4, 6],
      advantages: [1, 1, 5, 3, 2, 2],
      lossMask: [1, 1, 0, 1, 1, 1],
      oldLogprobs: [-3, -1, -9, 0, -4, 0.0001],
    },
    from: "tokens",
    transform: { name: "surprisal-weighting", beta: 2 },
    expected: [2, 0, 5, 3, 6, 0],
  },
  {
    name: "SEPA pools execution tokens",
    batch: {
      offsets: [0, 4],
      advantages: [1, 1, 1, 1],
      kinds: [2, 0, 0, 0],
      oldLogprobs: [-6, -1, -3, -2],
    },
    from: "tokens",
    transform: { name: "sepa", lambda: 0.5, beta: 1 },
    // 6, 1.5, 2.5, 2 over a mean of 3.
    expected: [2, 0.5, 2.5 / 3, 2 / 3],
  },
  {
    name: "SEPA without execution tokens is surprisal weighting",
    batch: { offsets: [0, 2], advantages: [1, 1], kinds: [1, 1], oldLogprobs: [-3, -1] },
    from: "tokens",
    transform: { name: "sepa", beta: 0.5 },
    expected: [1.25, 0.75],
  },
  {
    name: "a boost of planning tokens",
    batch: { offsets: [0, 2], advantages: [1, -1], kinds: [1, 0], oldLogprobs: [-1, -3] },
    from: "tokens",
    transform: { name: "planning-boost", gamma: 1, beta: 1 },
    // 3 and 3 over a mean of 3.
    expected: [1, -1],
  },
];

Deno.test("the reference of the kernel computes the hand-worked cases", () => {
  for (const { name, batch, expected, ...options } of CASES) {
    const actual = creditOnCpu(batchOf(batch), options);
    assert.deepEqual(actual, Float32Array.from(expected), name);
  }
});

gpuTest("CreditKernel.run() computes the hand-worked cases", async (device) => {
  for (const { name, batch, expected, ...options } of CASES) {
    const actual = await runOnce(device, batchOf(batch), options);
    // Divisions of WGSL are good to 2.5 units in the last place, and few follow each other.
    assertWithin(
      actual,
      Float32Array.from(expected),
      (t) => 2 ** -20 * Math.abs(expected[t]!),
      name,
    );
    const exact = options.transform === undefined ||
      options.transform.name === "hicra" && !options.transform.mode?.includes("-");
    if (exact && options.baseline?.scale === undefined) {
      assert.deepEqual(actual, Float32Array.from(expected), name);
    }
  }
});

gpuTest("CreditKernel.run() is within its bounds of exact arithmetic", async (device) => {
  const numSequences = golden.rewards.length;
  const batch = {
    offsets: Int32Array.from({ length: numSequences + 1 }, (_, s) => s),
    lossMask: new Uint8Array(numSequences).fill(1),
    rewards: fromBits(golden.rewards),
    groupIds: Int32Array.from(golden.groupIds),
  };
  for (const { baseline, expected } of golden.conventions) {
    const options = { baseline } as CreditOptions;
    const actual = await runOnce(device, batch, options);
    const bounds = creditBounds(batch, options);
    assertWithin(actual, fromBits(expected), (t) => bounds[t]!, JSON.stringify(baseline));
  }
  const tokens = {
    offsets: Int32Array.from(golden.offsets),
    lossMask: Uint8Array.from(golden.lossMask),
    groupIds: Int32Array.from(golden.sequenceGroups),
    advantages: fromBits(golden.advantages),
    kinds: Uint8Array.from(golden.kinds),
    entropies: fromBits(golden.entropies),
    oldLogprobs: fromBits(golden.oldLogprobs),
  };
  for (const { transform, expected } of golden.transforms) {
    const options = { from: "tokens", transform } as CreditOptions;
    const actual = await runOnce(device, tokens, options);
    const bounds = creditBounds(tokens, options);
    assertWithin(actual, fromBits(expected), (t) => bounds[t]!, JSON.stringify(transform));
  }
});

const VALID = { offsets: [0, 1, 2], rewards: [1, 0], groupIds: [4, 4] };
const TOKENS = { offsets: [0, 1, 2], advantages: [1, 0], kinds: [1, 0], groupIds: [4, 4] };

const ERRORS: readonly {
  readonly batch?: Numbers & { readonly offsets: readonly number[] };
  readonly change?: Record<string, unknown>;
  readonly options?: Record<string, unknown>;
  readonly error: { readonly name: string; readonly message: string };
}[] = [
  {
    options: { from: "logits" },
    error: {
      name: "RangeError",
      message: 'Cannot credit tokens as from must be one of "rewards", "sequences", "tokens": ' +
        'current value is "logits"',
    },
  },
  {
    options: { transform: { name: "gtpo" } },
    error: {
      name: "RangeError",
      message: 'Cannot credit tokens as transform.name must be one of "hicra", ' +
        '"high-entropy-advantage", "surprisal-weighting", "sepa", "planning-boost": ' +
        'current value is "gtpo"',
    },
  },
  {
    options: { transform: { name: "hicra", mode: "magic" } },
    error: {
      name: "RangeError",
      message:
        `Cannot create transform "hicra" as mode must be one of "paper", "symmetric", "positive-only", "mass-preserving", "baseline-corrected": current value is "magic"`,
    },
  },
  {
    options: { baseline: { ddof: 2 } },
    error: {
      name: "TypeError",
      message: "Cannot compute a group baseline as ddof must be 0 or 1: current value is 2",
    },
  },
  {
    options: { baseline: { epsilon: -1 } },
    error: {
      name: "RangeError",
      message: "Cannot compute a group baseline as epsilon must be at least 0: current value is -1",
    },
  },
  {
    options: { transform: { name: "hicra", alpha: 1 } },
    error: {
      name: "RangeError",
      message:
        `Cannot create transform "hicra" as alpha must be less than 1, as 1 zeroes the planning tokens of failed rollouts and more flips their sign (allowSignChange: true permits it): current value is 1`,
    },
  },
  {
    options: {
      transform: { name: "hicra", alpha: 1, mode: "mass-preserving", allowSignChange: true },
    },
    error: {
      name: "RangeError",
      message:
        `Cannot credit tokens as alpha must be less than 1 in mode "mass-preserving", as 1 may leave a sequence no mass: current value is 1`,
    },
  },
  {
    options: { transform: { name: "hicra", alpha: { ...DYADIC, other: NaN } } },
    error: {
      name: "TypeError",
      message:
        `Cannot create transform "hicra" as alpha.other must be a number or a schedule of type "linear" or "gated": current value is NaN`,
    },
  },
  {
    options: { transform: { name: "sepa", lambda: 1.5 } },
    error: {
      name: "RangeError",
      message: `Cannot create transform "sepa" as lambda must be at most 1: current value is 1.5`,
    },
  },
  {
    options: { transform: { name: "high-entropy-advantage", kappa: 1 } },
    error: {
      name: "RangeError",
      message:
        `Cannot create transform "high-entropy-advantage" as kappa must be greater than 1: current value is 1`,
    },
  },
  {
    change: { groupIds: undefined },
    error: {
      name: "TypeError",
      message: 'Cannot credit tokens as from "rewards" needs batch.groupIds: ' +
        "current value is undefined",
    },
  },
  {
    options: { transform: { name: "hicra" } },
    error: {
      name: "TypeError",
      message: 'Cannot credit tokens as transform "hicra" needs batch.kinds: ' +
        "current value is undefined",
    },
  },
  {
    change: { offsets: Int32Array.of(0, 2, 1) },
    error: {
      name: "RangeError",
      message: "Cannot use batch.offsets as offsets must never decrease: offsets[2] is 1 after 2",
    },
  },
  {
    change: { rewards: [1, 0] },
    error: {
      name: "TypeError",
      message: "Cannot use batch.rewards as it must be a Float32Array: current value is Array",
    },
  },
  {
    change: { rewards: Float32Array.of(1) },
    error: {
      name: "RangeError",
      message:
        "Cannot use batch.rewards as its length must be the number of sequences, 2: current length is 1",
    },
  },
  {
    change: { rewards: Float32Array.of(1, NaN) },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as rewards must be finite: rewards[1] is NaN, " +
        "or set include[1] to 0 to leave the sequence out",
    },
  },
  {
    change: { groupIds: Int32Array.of(4, -1) },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as every sequence needs a known group: groupIds[1] is -1, " +
        "give it the id of its prompt or set include[1] to 0",
    },
  },
  {
    change: { include: Uint8Array.of(1, 2) },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as include holds only 0 and 1: include[1] is 2",
    },
  },
  {
    change: { include: Uint8Array.of(1, 0) },
    options: { baseline: { singleton: "error" } },
    error: {
      name: "RangeError",
      message:
        `Cannot compute a group baseline as this convention needs at least 2 rewards in a group: group 4 holds only sequence 0, choose singleton "zero" or "reward"`,
    },
  },
  {
    batch: TOKENS,
    change: { kinds: Uint8Array.of(1, 5) },
    options: { from: "tokens", transform: { name: "hicra" } },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as kinds are 0 to 4: kinds[1] is 5",
    },
  },
  {
    batch: TOKENS,
    change: { kinds: Uint8Array.of(1) },
    options: { from: "tokens", transform: { name: "hicra" } },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as kinds must hold 2 values: current length is 1",
    },
  },
  {
    batch: TOKENS,
    change: { advantages: Float32Array.of(NaN, 1) },
    options: { from: "tokens", transform: { name: "hicra" } },
    error: {
      name: "RangeError",
      message: "Cannot use batch.advantages as it must be finite where lossMask is 1: " +
        "advantages[0] is NaN, or set lossMask to 0 there",
    },
  },
  {
    batch: TOKENS,
    change: { entropies: Float32Array.of(1, NaN) },
    options: { from: "tokens", transform: { name: "high-entropy-advantage" } },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as batch.entropies must be finite where lossMask is 1: " +
        "entropies[1] is NaN, measure it, drop the sequence, or do without what reads it",
    },
  },
  {
    batch: TOKENS,
    change: { groupIds: Int32Array.of(4, -1) },
    options: { from: "tokens", transform: { name: "hicra", mode: "baseline-corrected" } },
    error: {
      name: "RangeError",
      message: "Cannot credit tokens as every sequence with trained tokens needs a known group: " +
        "groupIds[1] is -1, give it the id of its prompt",
    },
  },
];

/** What `CreditKernel.compile` and `run` check before any work on the device. */
function check(batch: CreditBatch, options: CreditOptions): void {
  checkCredit(batch, resolveCredit(options));
}

Deno.test("CreditKernel throws when an input breaks the contract", () => {
  for (const { batch = VALID, change, options = {}, error } of ERRORS) {
    const given = { ...batchOf(batch), ...change } as CreditBatch;
    assert.throws(() => check(given, options as CreditOptions), error, error.message);
  }
});

Deno.test("the reference keeps its inputs, and the bits of what is not trained", () => {
  const bits = [0x7fc00001, 0xffa00002, 0x80000000, 0x00000001];
  const advantages = fromBits(bits);
  const lossMask = new Uint8Array(4);
  const batch = {
    offsets: Int32Array.of(0, 4),
    lossMask,
    advantages,
    kinds: Uint8Array.of(1, 1, 1, 1),
  };
  const out = creditOnCpu(batch, { from: "tokens", transform: { name: "hicra" } });
  assert.deepEqual(bitsOf(out), bits);
  assert.notEqual(out.buffer, advantages.buffer);
});

Deno.test("CreditKernel refuses options that it would pass over", () => {
  const batch = {
    offsets: Int32Array.of(0, 1),
    lossMask: Uint8Array.of(1),
    kinds: Uint8Array.of(1),
    rewards: Float32Array.of(1),
    groupIds: Int32Array.of(0),
  };
  const cases: [options: unknown, message: RegExp][] = [
    [{ baseline: "verl" }, /baseline must be an object: .*, pass baselinePreset\(name\).group for/],
    [{ baseline: { scael: "none" } }, /option "scael" is not known: .*, did you mean "scale"\?$/],
    [{ transfrom: { name: "hicra" } }, /option "transfrom" is not known: known options are from, /],
    [{ transform: { name: "hicra", alhpa: 0.5 } }, /option "alhpa" is not known: .* "alpha"\?$/],
    [
      { transform: { name: "sepa", lambda: { type: "linear", from: 0, to: 1, steps: 9 } } },
      /^TypeError: Cannot credit tokens as lambda must be a number: current value is a schedule, /,
    ],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => check(batch, options as CreditOptions), message);
  }
});
