import assert from "node:assert/strict";
import fc from "fast-check";
import {
  boostSurprisals,
  builtinTransforms,
  gtpoAdvantages,
  highEntropyAdvantages,
  poolSurprisals,
  surprisalWeightedAdvantages,
  topEntropyAdvantages,
  topEntropyMask,
  topEntropyTokenMask,
} from "../../advantage/mod.ts";
import { assertAllClose } from "./_assert_close.ts";
import { fromRows, rowsArbitrary } from "./_rows.ts";

function f32(...values: number[]): Float32Array {
  return Float32Array.from(values);
}

function i32(...values: number[]): Int32Array {
  return Int32Array.from(values);
}

function u8(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

const TABLE: [string, () => unknown, unknown][] = [
  ["highEntropyAdvantages() on nothing", () => highEntropyAdvantages(f32(), f32()), f32()],
  [
    // min(0.4*H, |A|/2): entropy-bound, advantage-bound, dampened blame, no signal, untrained.
    "highEntropyAdvantages() with the defaults",
    () =>
      highEntropyAdvantages(f32(2, 2, -2, 0, 2), f32(1, 9, 9, 9, 9), {
        lossMask: u8(1, 1, 1, 1, 0),
      }),
    f32(2.4, 3, -1, 0, 2),
  ],
  ["topEntropyTokenMask() on nothing", () => topEntropyTokenMask(f32()), u8()],
  [
    "topEntropyTokenMask() marks at least one token",
    () => topEntropyTokenMask(f32(1, 2, 3)),
    u8(0, 0, 1),
  ],
  [
    "topEntropyTokenMask() marks 2 of 10 by default, ties at the threshold included",
    () => topEntropyTokenMask(f32(0, 1, 2, 3, 4, 5, 6, 7, 7, 9)),
    u8(0, 0, 0, 0, 0, 0, 0, 1, 1, 1),
  ],
  [
    "topEntropyTokenMask() of no share",
    () => topEntropyTokenMask(f32(1, 2), { fraction: 0 }),
    u8(0, 0),
  ],
  ["topEntropyTokenMask() of all", () => topEntropyTokenMask(f32(1, 2), { fraction: 1 }), u8(1, 1)],
  [
    "topEntropyTokenMask() ranks only trained tokens",
    () => topEntropyTokenMask(f32(9, NaN, 1, 2), { fraction: 0.5, lossMask: u8(0, 0, 1, 1) }),
    u8(0, 0, 0, 1),
  ],
  [
    "topEntropyTokenMask() per sequence, empty ones included",
    () =>
      topEntropyTokenMask(f32(9, 8, 1, 2), {
        fraction: 0.5,
        per: "sequence",
        offsets: i32(0, 2, 2, 4),
      }),
    u8(1, 0, 0, 1),
  ],
  [
    "topEntropyTokenMask() marks as many as another mask, sequence by sequence",
    () =>
      topEntropyTokenMask(f32(9, 8, 7, 1, 2), {
        matching: u8(1, 1, 0, 0, 0),
        per: "sequence",
        offsets: i32(0, 3, 5),
      }),
    u8(1, 1, 0, 0, 0),
  ],
  [
    "topEntropyAdvantages() zeroes the rest and leaves untrained tokens alone",
    () => topEntropyAdvantages(f32(5, -1, 1, 1), f32(0, 4, 2, 1), { lossMask: u8(0, 1, 1, 1) }),
    f32(5, -1, 0, 0),
  ],
  [
    // Position 0: two failures with 1/H of 1 and 1/3; position 1 is reached by one alone.
    "gtpoAdvantages() blames certain tokens of failed rollouts",
    () =>
      gtpoAdvantages(f32(-1, -1, -1), f32(1, 3, 2), {
        offsets: i32(0, 1, 3),
        groupIds: i32(0, 0),
        beta: 1,
      }),
    f32(-1.5, -0.5, -1),
  ],
  [
    "gtpoAdvantages() compares neither outcomes nor groups, and counts only trained tokens",
    () =>
      gtpoAdvantages(f32(1, 7, 1, -1, 1, 0), f32(3, 100, 1, 1, 5, 5), {
        offsets: i32(0, 1, 3, 4, 5, 6),
        groupIds: i32(0, 0, 0, 9, 0),
        lossMask: u8(1, 0, 1, 1, 1, 1),
        beta: 0.5,
      }),
    f32(1.25, 7, 0.75, -1, 1, 0),
  ],
  [
    "gtpoAdvantages() divides evenly where all are certain",
    () =>
      gtpoAdvantages(f32(1, 1, -1, -1), f32(0, 0, 0, 0), {
        offsets: i32(0, 1, 2, 3, 4),
        groupIds: i32(0, 0, 0, 0),
      }),
    f32(1, 1, -1, -1),
  ],
  [
    "surprisalWeightedAdvantages() stops at zero",
    () => surprisalWeightedAdvantages(f32(2, -2), f32(4, 0), { offsets: i32(0, 2), beta: 2 }),
    f32(6, -0),
  ],
  [
    "surprisalWeightedAdvantages() keeps a sequence that is certain throughout",
    () => surprisalWeightedAdvantages(f32(2, -2), f32(0, 0), { offsets: i32(0, 2) }),
    f32(2, -2),
  ],
  [
    "poolSurprisals() pools execution tokens alone, each sequence for itself",
    () =>
      poolSurprisals(f32(9, 1, 3, 50, 4, 6, 7), u8(1, 0, 0, 0, 0, 0, 1), {
        offsets: i32(0, 4, 6, 7),
        lossMask: u8(1, 1, 1, 0, 1, 1, 1),
      }),
    f32(9, 2, 2, 50, 5, 5, 7),
  ],
  [
    "poolSurprisals() is the identity when lambda is 0",
    () => poolSurprisals(f32(1, 3), u8(0, 0), { offsets: i32(0, 2), lambda: 0 }),
    f32(1, 3),
  ],
  [
    "boostSurprisals() adds a share of the mean to planning tokens",
    () =>
      boostSurprisals(f32(1, 3, 8), u8(1, 0, 1), {
        offsets: i32(0, 3),
        lossMask: u8(1, 1, 0),
        gamma: 0.5,
      }),
    f32(2, 3, 8),
  ],
];

for (const [name, act, expected] of TABLE) {
  Deno.test(name, () => assert.deepEqual(act(), expected));
}

/** Every transform that can be created without options, and some of the others. */
const CONFIGS = [
  ...builtinTransforms().names().filter((name) => name !== "entropy-regularization")
    .map((name) => ({ name })),
  { name: "entropy-regularization", coefficient: 0.01 },
  { name: "hicra", mode: "mass-preserving" },
  { name: "hicra", mode: "baseline-corrected" },
  { name: "shuffle-mask", unit: "token" },
  { name: "top-entropy-mask", per: "sequence", fraction: "planning" },
];

for (const config of CONFIGS) {
  const transform = builtinTransforms().create(config);

  Deno.test(`${JSON.stringify(config)} permutes with the sequences of the batch`, () => {
    fc.assert(fc.property(rowsArbitrary, fc.infiniteStream(fc.nat()), (rows, keys) => {
      const order = rows.map((_, s) => ({ s, key: keys.next().value! }))
        .sort((a, b) => a.key - b.key).map(({ s }) => s);
      const original = fromRows(rows);
      const permuted = fromRows(order.map((s) => rows[s]!));
      const expected = transform.apply(original.credit, original.context);
      const actual = transform.apply(permuted.credit, permuted.context);
      const { offsets } = original.context.batch;
      for (const field of ["advantages", "planningMask", "kinds"] as const) {
        assert.equal(actual[field] === undefined, expected[field] === undefined);
        if (expected[field] === undefined) continue;
        const values = order.flatMap((s) =>
          Array.from(expected[field]!.subarray(offsets[s]!, offsets[s + 1]!))
        );
        // Sums over a group are taken in another order, in f64, and rounded to f32 once.
        assertAllClose(actual[field]!, values, { rtol: 1e-6, atol: 1e-30 });
      }
      assert.equal(actual.entropyCoefficient, expected.entropyCoefficient);
    }));
  });

  Deno.test(`${JSON.stringify(config)} keeps its inputs, and tokens that are not trained`, () => {
    fc.assert(fc.property(rowsArbitrary, (rows) => {
      const { credit, context } = fromRows(rows);
      const before = structuredClone(credit);
      const after = transform.apply(credit, context);
      assert.deepEqual(credit, before);
      const { lossMask } = context.batch;
      for (let i = 0; i < lossMask.length; i++) {
        if (lossMask[i] === 0 && after.advantages !== undefined) {
          assert.ok(Object.is(after.advantages[i], credit.advantages[i]));
        }
      }
    }));
  });
}

Deno.test("topEntropyMask() with fraction planning marks at least as many tokens", () => {
  // Ties at the threshold may add some; without ties the numbers are equal.
  const transform = topEntropyMask({ fraction: "planning", per: "sequence" });
  fc.assert(fc.property(rowsArbitrary, (rows) => {
    const { credit, context } = fromRows(rows);
    const { planningMask } = transform.apply(credit, context);
    rows.forEach((row, s) => {
      const { offsets } = context.batch;
      const trained = row.tokens.filter((token) => token.loss === 1);
      const wanted = trained.filter((token) => token.kind > 0).length;
      const marked = planningMask!.subarray(offsets[s], offsets[s + 1]).filter((m) => m === 1);
      const distinct = new Set(trained.map((token) => token.entropy)).size;
      if (distinct === trained.length) assert.equal(marked.length, wanted);
      else assert.ok(marked.length >= wanted);
    });
  }));
});

const ERRORS: [string, () => unknown, RegExp][] = [
  [
    "entropies of another length",
    () => highEntropyAdvantages(f32(1), f32()),
    /entropies must hold 1/,
  ],
  [
    "a share above 1",
    () => topEntropyTokenMask(f32(1), { fraction: 2 }),
    /RangeError: .*fraction must be from 0 to 1: current value is 2/,
  ],
  [
    "a share that is NaN",
    () => topEntropyTokenMask(f32(1), { fraction: NaN }),
    /current value is NaN/,
  ],
  [
    "a sequence scope without offsets",
    () => topEntropyTokenMask(f32(1), { per: "sequence" }),
    /TypeError: .*per "sequence" needs offsets/,
  ],
  [
    "a rollout of an unknown group",
    () => gtpoAdvantages(f32(1), f32(1), { offsets: i32(0, 1), groupIds: i32(-1) }),
    /Cannot apply GTPO weights as every sequence with trained tokens needs a known group: groupIds\[0\] is -1/,
  ],
  [
    "groups of another length",
    () => gtpoAdvantages(f32(1), f32(1), { offsets: i32(0, 1), groupIds: i32() }),
    /groupIds must hold 1 values: current length is 0/,
  ],
  [
    "a mask of another length",
    () => poolSurprisals(f32(1), u8(), { offsets: i32(0, 1) }),
    /planningMask must hold 1/,
  ],
  [
    "offsets that end elsewhere",
    () => boostSurprisals(f32(1), u8(0), { offsets: i32(0, 3) }),
    /last offset/,
  ],
  [
    "surprisals of another length",
    () => surprisalWeightedAdvantages(f32(1), f32(), { offsets: i32(0, 1) }),
    /surprisals must hold 1/,
  ],
];

for (const [name, act, message] of ERRORS) {
  Deno.test(`controls refuse ${name}`, () => {
    assert.throws(act, (error) => {
      assert.match(String(error), message);
      return true;
    });
  });
}

Deno.test("group statistics accept unknown groups of rows without trained tokens", () => {
  // A host pads its batch with such rows.
  const advantages = gtpoAdvantages(f32(1, 5), f32(1, 1), {
    offsets: i32(0, 1, 2),
    groupIds: i32(0, -1),
    lossMask: u8(1, 0),
  });
  assert.deepEqual(advantages, f32(1, 5));
});
