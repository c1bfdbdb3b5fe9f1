import assert from "node:assert/strict";
import fc from "fast-check";
import { groupBaseline, type GroupBaselineOptions } from "../../advantage/baselines.ts";
import { assertAllClose } from "./_assert_close.ts";

const HALF_STD = Math.sqrt(0.5); // std of {0, 1} with ddof 1

interface Case {
  name: string;
  rewards: number[];
  groupIds: number[];
  options: GroupBaselineOptions;
  expected: number[];
}

const cases: Case[] = [
  { name: "an empty batch", rewards: [], groupIds: [], options: {}, expected: [] },
  {
    name: "the paper's convention by default",
    rewards: [1, 0, 0, 0],
    groupIds: [3, 3, 3, 3],
    options: {},
    expected: [0.75, -0.25, -0.25, -0.25],
  },
  {
    name: "scattered groups of unequal size",
    rewards: [1, 4, 3, 0, 2],
    groupIds: [9, 0, 9, 0, 9],
    options: {},
    expected: [-1, 2, 1, -2, 0],
  },
  {
    name: "leave-one-out",
    rewards: [1, 0, 0.5],
    groupIds: [0, 0, 0],
    options: { center: "leave-one-out" },
    expected: [0.75, -0.75, 0],
  },
  {
    name: "no baseline",
    rewards: [1, 0.25],
    groupIds: [0, 0],
    options: { center: "none" },
    expected: [1, 0.25],
  },
  {
    name: "std with ddof 1 and epsilon added",
    rewards: [1, 0],
    groupIds: [0, 0],
    options: { scale: "group-std", ddof: 1, epsilon: 0.1 },
    expected: [0.5 / (HALF_STD + 0.1), -0.5 / (HALF_STD + 0.1)],
  },
  {
    name: "std with ddof 0",
    rewards: [1, 0],
    groupIds: [0, 0],
    options: { scale: "group-std", ddof: 0, epsilon: 0 },
    expected: [1, -1],
  },
  {
    name: "epsilon as a floor",
    rewards: [1, 0, 4, 0],
    groupIds: [0, 0, 1, 1],
    options: { scale: "group-std", ddof: 0, epsilon: 1, epsilonPlace: "floor" },
    expected: [0.5, -0.5, 1, -1],
  },
  {
    name: "epsilon in the variance",
    rewards: [6, 0],
    groupIds: [0, 0],
    options: { scale: "group-std", ddof: 0, epsilon: 16, epsilonPlace: "variance" },
    expected: [0.6, -0.6], // sqrt(9 + 16) = 5
  },
  {
    name: "std of the whole batch around its own mean",
    rewards: [1, 1, 3, 3],
    groupIds: [0, 0, 1, 1],
    options: { center: "none", scale: "batch-std", ddof: 0, epsilon: 0 },
    expected: [1, 1, 3, 3],
  },
  {
    name: "std of the others, undivided where it is 0 or undefined",
    rewards: [1, 0, 0, 5, 2],
    groupIds: [0, 0, 0, 1, 1],
    options: { center: "leave-one-out", scale: "leave-one-out-std", ddof: 1, epsilon: 0 },
    expected: [1, -0.5 / HALF_STD, -0.5 / HALF_STD, 3, -3],
  },
  {
    name: "the mean as divisor, 0 without positive mean",
    rewards: [1, 0, 0, 0, 0, 0, -1, 0],
    groupIds: [0, 0, 0, 0, 1, 1, 2, 2],
    options: { scale: "mean", epsilon: 0 },
    expected: [3, -1, -1, -1, 0, 0, 0, 0],
  },
  {
    name: "equal rewards that binary fractions cannot hold",
    rewards: Array(7).fill(0.1),
    groupIds: Array(7).fill(0),
    options: { scale: "group-std", epsilon: 0 },
    expected: Array(7).fill(0),
  },
  {
    name: "a group of one as zero",
    rewards: [0.7, 1, 0],
    groupIds: [0, 1, 1],
    options: { singleton: "zero" },
    expected: [0, 0.5, -0.5],
  },
  {
    name: "a group of one as its reward with std 1",
    rewards: [3],
    groupIds: [0],
    options: { scale: "group-std", epsilon: 0.5, singleton: "reward" },
    expected: [2],
  },
  {
    name: "a group of one as its reward, undivided by the mean",
    rewards: [3],
    groupIds: [0],
    options: { scale: "mean", epsilon: 0.5, singleton: "reward" },
    expected: [3],
  },
  {
    name: "a group of one that needs no group",
    rewards: [3],
    groupIds: [0],
    options: { center: "none", singleton: "error" },
    expected: [3],
  },
  {
    name: "excluded rows, whatever they hold",
    rewards: [1, NaN, 0, 9, 1],
    groupIds: [0, 0, 0, -1, 0],
    options: { include: Uint8Array.of(1, 0, 1, 0, 0) },
    expected: [0.5, 0, -0.5, 0, 0],
  },
  {
    name: "a group of which exclusion leaves one",
    rewards: [1, 0],
    groupIds: [0, 0],
    options: { singleton: "reward", include: Uint8Array.of(1, 0) },
    expected: [1, 0],
  },
];

for (const { name, rewards, groupIds, options, expected } of cases) {
  Deno.test(`groupBaseline() computes ${name}`, () => {
    const advantages = groupBaseline(
      Float32Array.from(rewards),
      Int32Array.from(groupIds),
      options,
    );
    assert.ok(advantages.every((advantage) => !Object.is(advantage, -0)));
    assertAllClose(advantages, expected, { rtol: 1e-6, atol: 0 });
  });
}

/** Rewards of a few groups, any sizes, scattered. */
const batches = fc
  .array(
    fc.record({
      reward: fc.float({ min: -8, max: 8, noNaN: true }),
      group: fc.integer({ min: 0, max: 4 }),
    }),
    { maxLength: 40 },
  )
  .map((rows) => ({
    rewards: Float32Array.from(rows, ({ reward }) => reward),
    groupIds: Int32Array.from(rows, ({ group }) => group),
  }));

const conventions = fc.record<GroupBaselineOptions>({
  center: fc.constantFrom("mean", "leave-one-out", "none"),
  scale: fc.constantFrom("none", "group-std", "leave-one-out-std", "batch-std"),
  ddof: fc.constantFrom(0, 1),
  epsilonPlace: fc.constantFrom("add", "floor", "variance"),
  singleton: fc.constantFrom("zero", "reward"),
});

Deno.test("groupBaseline() sums to zero in each group around the mean", () => {
  fc.assert(fc.property(batches, fc.constantFrom("none", "group-std"), (batch, scale) => {
    // With an epsilon of 1 no advantage exceeds 16, so f32 rounding bounds the sum of 40.
    const advantages = groupBaseline(batch.rewards, batch.groupIds, { scale, epsilon: 1 });
    const sums = new Map<number, number>();
    advantages.forEach((advantage, s) => {
      const group = batch.groupIds[s]!;
      sums.set(group, (sums.get(group) ?? 0) + advantage);
    });
    for (const sum of sums.values()) assert.ok(Math.abs(sum) < 1e-4, `sum is ${sum}`);
  }));
});

Deno.test("groupBaseline() follows a permutation of the sequences", () => {
  fc.assert(
    fc.property(batches, conventions, fc.infiniteStream(fc.nat()), (batch, options, keys) => {
      const order = Array.from(batch.rewards.keys())
        .map((s) => ({ s, key: keys.next().value! }))
        .sort((a, b) => a.key - b.key)
        .map(({ s }) => s);
      const permuted = groupBaseline(
        Float32Array.from(order, (s) => batch.rewards[s]!),
        Int32Array.from(order, (s) => batch.groupIds[s]!),
        { ...options, epsilon: 1 },
      );
      const advantages = groupBaseline(batch.rewards, batch.groupIds, { ...options, epsilon: 1 });
      // Sums run in another order; an epsilon of 1 keeps tiny spreads from magnifying the last bit.
      assertAllClose(permuted, order.map((s) => advantages[s]!), { rtol: 1e-5, atol: 1e-6 });
    }),
  );
});

/** Eighths in a small range: integer shifts and powers of two act on them exactly. */
const eighths = fc.array(fc.integer({ min: -64, max: 64 }).map((n) => n / 8), { maxLength: 32 })
  .map((rewards) => ({
    rewards: Float32Array.from(rewards),
    groupIds: Int32Array.from(rewards, (_, s) => s % 3),
  }));

Deno.test("groupBaseline() ignores a shift of the rewards where it has a center", () => {
  const shifts = fc.integer({ min: -9, max: 9 });
  fc.assert(fc.property(eighths, conventions, shifts, ({ rewards, groupIds }, given, shift) => {
    const options: GroupBaselineOptions = {
      ...given,
      center: given.center === "none" ? "mean" : given.center!,
      singleton: "zero",
      epsilon: 1e-3,
    };
    assertAllClose(
      groupBaseline(rewards.map((reward) => reward + shift), groupIds, options),
      groupBaseline(rewards, groupIds, options),
    );
  }));
});

Deno.test("groupBaseline() ignores the scale of the rewards where it divides by a std", () => {
  const factors = fc.constantFrom(0.25, 2, 1024);
  fc.assert(fc.property(eighths, factors, ({ rewards, groupIds }, factor) => {
    const options = { scale: "group-std", epsilon: 0 } as const;
    assert.deepEqual(
      groupBaseline(rewards.map((reward) => reward * factor), groupIds, options),
      groupBaseline(rewards, groupIds, options),
    );
  }));
});

Deno.test("groupBaseline() equals rloo's n / (n - 1) times the centered reward", () => {
  fc.assert(fc.property(batches, ({ rewards, groupIds }) => {
    const centered = groupBaseline(rewards, groupIds);
    const sizes = new Map<number, number>();
    for (const group of groupIds) sizes.set(group, (sizes.get(group) ?? 0) + 1);
    assertAllClose(
      groupBaseline(rewards, groupIds, { center: "leave-one-out" }),
      Array.from(centered, (advantage, s) => {
        const size = sizes.get(groupIds[s]!)!;
        return size === 1 ? 0 : advantage * size / (size - 1);
      }),
    );
  }));
});

Deno.test("groupBaseline() does not modify its inputs", () => {
  const rewards = Float32Array.of(1, 0);
  const groupIds = Int32Array.of(0, 0);
  groupBaseline(rewards, groupIds, { scale: "group-std" });
  assert.deepEqual(rewards, Float32Array.of(1, 0));
  assert.deepEqual(groupIds, Int32Array.of(0, 0));
});

const errors: [string, Error, () => unknown][] = [
  [
    "an unknown group",
    new RangeError(
      "Cannot compute a group baseline as every sequence needs a known group: groupIds[1] is -1, " +
        "give it the id of its prompt or set include[1] to 0",
    ),
    () => groupBaseline(Float32Array.of(1, 0), Int32Array.of(0, -1)),
  ],
  [
    "a reward that is not finite",
    new RangeError(
      "Cannot compute a group baseline as rewards must be finite: rewards[0] is NaN, or set " +
        "include[0] to 0 to leave the sequence out",
    ),
    () => groupBaseline(Float32Array.of(NaN), Int32Array.of(0)),
  ],
  [
    "groupIds of another length",
    new RangeError(
      "Cannot compute a group baseline as groupIds must hold one value per reward, 1: current " +
        "length is 2",
    ),
    () => groupBaseline(Float32Array.of(1), Int32Array.of(0, 0)),
  ],
  [
    "include of another length",
    new RangeError(
      "Cannot compute a group baseline as include must hold one value per reward, 1: current " +
        "length is 0",
    ),
    () => groupBaseline(Float32Array.of(1), Int32Array.of(0), { include: new Uint8Array() }),
  ],
  [
    "include that is not 0 or 1",
    new RangeError(
      "Cannot compute a group baseline as include holds only 0 and 1: include[0] is 2",
    ),
    () => groupBaseline(Float32Array.of(1), Int32Array.of(0), { include: Uint8Array.of(2) }),
  ],
  [
    "a refused group of one",
    new RangeError(
      "Cannot compute a group baseline as this convention needs at least 2 rewards in a group: " +
        'group 7 holds only sequence 0, choose singleton "zero" or "reward"',
    ),
    () => groupBaseline(Float32Array.of(1), Int32Array.of(7), { singleton: "error" }),
  ],
  [
    "a center that is not known",
    new RangeError(
      'Cannot compute a group baseline as center must be one of "mean", "leave-one-out", "none": ' +
        'current value is "median"',
    ),
    () =>
      groupBaseline(Float32Array.of(1), Int32Array.of(0), {
        center: "median",
      } as unknown as GroupBaselineOptions),
  ],
  [
    "an option that is not known",
    new TypeError(
      'Cannot compute a group baseline as option "eps" is not known: known options are center, ' +
        'scale, ddof, epsilon, epsilonPlace, singleton, did you mean "epsilon"?',
    ),
    () =>
      groupBaseline(Float32Array.of(1), Int32Array.of(0), {
        eps: 1,
      } as unknown as GroupBaselineOptions),
  ],
];

for (const [name, { name: type, message }, compute] of errors) {
  Deno.test(`groupBaseline() refuses ${name}`, () => {
    assert.throws(compute, { name: type, message });
  });
}
