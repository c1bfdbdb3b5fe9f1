import assert from "node:assert/strict";
import fc from "fast-check";
import {
  applyTransforms,
  hicra,
  hicraAdvantages,
  type HicraAdvantagesOptions,
  type HicraMode,
} from "../../advantage/mod.ts";
import { GRAM_KINDS } from "../../sg/gram.ts";
import { assertAllClose } from "./_assert_close.ts";
import { fromRows, rowsArbitrary } from "./_rows.ts";

const MODES: readonly HicraMode[] = [
  "paper",
  "symmetric",
  "positive-only",
  "mass-preserving",
  "baseline-corrected",
];
/** Modes that never touch a token off the mask. */
const LOCAL_MODES = MODES.slice(0, 3);

/** Any alpha below 1; sums of f32 are exact enough for all of them. */
/** 0 or a value that somebody might mean: credit of 1e-300 underflows in the means of a group. */
const alphaArbitrary = fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 0.999, noNaN: true }));
const modeArbitrary = fc.constantFrom(...MODES);

function f32(...values: number[]): Float32Array {
  return Float32Array.from(values);
}

function u8(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

// Powers of two make every expected value exact.
const TABLE: {
  name: string;
  advantages: number[];
  mask: number[];
  options: HicraAdvantagesOptions;
  expected: number[];
}[] = [
  { name: "an empty batch", advantages: [], mask: [], options: {}, expected: [] },
  {
    name: "one planning token",
    advantages: [2],
    mask: [1],
    options: {},
    expected: [Math.fround(2.4)],
  },
  {
    name: "success, failure and no signal",
    advantages: [1, 1, -1, -1, 0, 0],
    mask: [0, 1, 0, 1, 0, 1],
    options: { alpha: 0.25 },
    expected: [1, 1.25, -1, -0.75, 0, 0],
  },
  {
    name: "a zero of either sign",
    advantages: [0, -0, -0],
    mask: [1, 1, 0],
    options: {},
    expected: [0, -0, -0],
  },
  {
    name: "untrained tokens, whatever they hold",
    advantages: [1, NaN, -1, Infinity],
    mask: [1, 1, 1, 1],
    options: { alpha: 0.5, lossMask: u8(1, 0, 0, 0) },
    expected: [1.5, NaN, -1, Infinity],
  },
  {
    name: "mode symmetric",
    advantages: [1, -1, -1],
    mask: [1, 1, 0],
    options: { alpha: 0.25, mode: "symmetric" },
    expected: [1.25, -1.25, -1],
  },
  {
    name: "mode positive-only",
    advantages: [1, -1, 0],
    mask: [1, 1, 1],
    options: { alpha: 0.25, mode: "positive-only" },
    expected: [1.25, -1, 0],
  },
  {
    name: "mode mass-preserving where the credit cancels in the mass: it is credit still",
    advantages: [1, -1],
    mask: [1, 1],
    options: { alpha: 0.5, mode: "mass-preserving", offsets: Int32Array.of(0, 2) },
    expected: [1.5, -0.5],
  },
  {
    // sum|A| is 4, sum|A'| is 5 and 3: all tokens are scaled by 4/5 and 4/3.
    name: "mode mass-preserving",
    advantages: [2, 2, -2, -2, 3],
    mask: [1, 0, 1, 0, 0],
    options: { alpha: 0.5, mode: "mass-preserving", offsets: Int32Array.of(0, 2, 4, 5) },
    expected: [12 / 5, 8 / 5, -4 / 3, -8 / 3, 3].map(Math.fround),
  },
  {
    // Credit 0.5 on one of four trained tokens of group 7; group 8 has no planning token.
    name: "mode baseline-corrected",
    advantages: [1, 1, -1, -1, -1, 5],
    mask: [1, 0, 0, 0, 1, 0],
    options: {
      alpha: 0.5,
      mode: "baseline-corrected",
      offsets: Int32Array.of(0, 2, 5, 6),
      groupIds: Int32Array.of(7, 7, 8),
      lossMask: u8(1, 1, 1, 1, 0, 1),
    },
    expected: [1.375, 0.875, -1.125, -1.125, -1, 5],
  },
  {
    name: "an alpha for each kind",
    advantages: [1, -1, 1, -1, 1],
    mask: [1, 1, 1, 1, 0],
    options: {
      alpha: { deduction: 0.5, branching: 0.25, backtracking: 0.125, other: 0 },
      kinds: u8(1, 2, 3, 4, 0),
    },
    expected: [1.5, -0.75, 1.125, -1, 1],
  },
  {
    name: "alpha 1 where allowed: blame is erased",
    advantages: [-1, 1],
    mask: [1, 1],
    options: { alpha: 1, allowSignChange: true },
    expected: [0, 2],
  },
  {
    name: "the smallest denormals",
    advantages: [1e-45, -1e-45],
    mask: [1, 1],
    options: { alpha: 0.25 },
    expected: [1e-45, -1e-45].map(Math.fround),
  },
];

for (const { name, advantages, mask, options, expected } of TABLE) {
  Deno.test(`hicraAdvantages() equals the hand-worked values on ${name}`, () => {
    const input = Float32Array.from(advantages);
    const actual = hicraAdvantages(input, Uint8Array.from(mask), options);
    assert.deepEqual(actual, Float32Array.from(expected));
    assert.notEqual(actual, input);
    assert.deepEqual(input, Float32Array.from(advantages), "input was modified");
  });
}

Deno.test("hicraAdvantages() is the identity, bit for bit, when alpha is 0", () => {
  fc.assert(fc.property(rowsArbitrary, modeArbitrary, (rows, mode) => {
    const { credit, context } = fromRows(rows);
    const actual = hicra({ alpha: 0, mode }).apply(credit, context);
    assert.deepEqual(actual.advantages, credit.advantages);
  }));
});

Deno.test("hicraAdvantages() is bit-equal to its input off the mask and off lossMask", () => {
  fc.assert(fc.property(rowsArbitrary, modeArbitrary, alphaArbitrary, (rows, mode, alpha) => {
    const { credit, context } = fromRows(rows);
    const { advantages } = hicra({ alpha, mode }).apply(credit, context);
    const { lossMask } = context.batch;
    for (let i = 0; i < lossMask.length; i++) {
      const isLocal = LOCAL_MODES.includes(mode);
      if (lossMask[i] === 0 || (isLocal && credit.planningMask[i] === 0)) {
        assert.ok(Object.is(advantages![i], credit.advantages[i]), `token ${i}`);
      }
    }
  }));
});

Deno.test("hicraAdvantages() scales exactly with powers of two, H(cA) = cH(A)", () => {
  const exponent = fc.integer({ min: -20, max: 20 });
  // Denormals lose bits when scaled; zeros of both signs do not.
  const isScalable = (a: number) => a === 0 || Math.abs(a) > 1e-20;
  fc.assert(fc.property(
    rowsArbitrary,
    modeArbitrary,
    alphaArbitrary,
    exponent,
    (rows, mode, alpha, k) => {
      const { credit, context } = fromRows(rows);
      fc.pre(credit.advantages.every(isScalable));
      const transform = hicra({ alpha, mode });
      const scale = (values: Float32Array) => values.map((value) => value * 2 ** k);
      const { advantages } = transform.apply(credit, context);
      fc.pre(advantages!.every(isScalable));
      const scaled = transform.apply({ ...credit, advantages: scale(credit.advantages) }, context);
      assert.deepEqual(scaled.advantages, scale(advantages!));
    },
  ));
});

Deno.test("hicraAdvantages() never flips a sign for alpha below 1, but for baseline-corrected", () => {
  fc.assert(fc.property(rowsArbitrary, modeArbitrary, alphaArbitrary, (rows, mode, alpha) => {
    fc.pre(mode !== "baseline-corrected");
    const { credit, context } = fromRows(rows);
    const { advantages } = hicra({ alpha, mode }).apply(credit, context);
    for (let i = 0; i < advantages!.length; i++) {
      assert.ok(advantages![i]! * credit.advantages[i]! >= 0);
      if (Math.abs(credit.advantages[i]!) > 1e-30) assert.notEqual(advantages![i], 0);
    }
  }));
});

Deno.test("hicraAdvantages() keeps zeros of either sign, but for baseline-corrected", () => {
  fc.assert(fc.property(rowsArbitrary, modeArbitrary, alphaArbitrary, (rows, mode, alpha) => {
    fc.pre(mode !== "baseline-corrected");
    const { credit, context } = fromRows(rows);
    const { advantages } = hicra({ alpha, mode }).apply(credit, context);
    credit.advantages.forEach((value, i) => {
      if (value === 0) assert.ok(Object.is(advantages![i], value), `token ${i}`);
    });
  }));
});

Deno.test("hicraAdvantages() keeps sum|A| of every sequence in mode mass-preserving", () => {
  fc.assert(fc.property(rowsArbitrary, alphaArbitrary, (rows, alpha) => {
    const { credit, context } = fromRows(rows);
    const { advantages } = hicra({ alpha, mode: "mass-preserving" }).apply(credit, context);
    const { offsets, lossMask } = context.batch;
    const mass = (values: Float32Array, s: number) => {
      let sum = 0;
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
        sum += Math.abs(values[i]!) * lossMask[i]!;
      }
      return sum;
    };
    const sequences = rows.map((_, s) => s);
    // Each of at most 12 values is rounded to f32 once.
    assertAllClose(
      sequences.map((s) => mass(advantages!, s)),
      sequences.map((s) => mass(credit.advantages, s)),
      { rtol: 1e-7, atol: 1e-30 },
    );
  }));
});

Deno.test("hicraAdvantages() adds credit that sums to zero in mode baseline-corrected", () => {
  fc.assert(fc.property(rowsArbitrary, alphaArbitrary, (rows, alpha) => {
    const { credit, context } = fromRows(rows);
    const { advantages } = hicra({ alpha, mode: "baseline-corrected" }).apply(credit, context);
    const { offsets, groupIds } = context.batch;
    const sums: Record<number, number> = {};
    rows.forEach((_, s) => {
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
        const added = advantages![i]! - credit.advantages[i]!;
        sums[groupIds![s]!] = (sums[groupIds![s]!] ?? 0) + added;
      }
    });
    // At most 72 values below 8, each rounded to f32 once: 72 * 8 * 2^-25.
    for (const sum of Object.values(sums)) assert.ok(Math.abs(sum) < 2e-5, `sum is ${sum}`);
  }));
});

Deno.test("hicra() uses the alpha of the schedule at the step and the kinds of the credit", () => {
  const { credit, context } = fromRows([{
    groupId: 0,
    tokens: [1, 2].map((kind) => ({
      id: 0,
      advantage: 1,
      loss: 1,
      segment: 0,
      kind,
      entropy: 0,
      logprob: 0,
    })),
  }]);
  const alpha = { type: "linear", from: 0, to: 0.5, steps: 4 } as const;
  const at = (step: number, options: Parameters<typeof hicra>[0]) =>
    applyTransforms([hicra(options)], credit, { ...context, step }).advantages;
  assert.deepEqual(at(0, { alpha }), f32(1, 1));
  assert.deepEqual(at(2, { alpha }), f32(1.25, 1.25));
  assert.deepEqual(at(9, { alpha }), f32(1.5, 1.5));
  assert.deepEqual(
    at(2, { alpha: { deduction: alpha, branching: 0.125, backtracking: 0, other: 0 } }),
    f32(1.25, 1.125),
  );
});

Deno.test("hicra() reads kinds in the order that sg gives their codes", () => {
  const alpha = { deduction: 0.1, branching: 0.2, backtracking: 0.3, other: 0.4 };
  const advantages = hicraAdvantages(f32(1, 1, 1, 1), u8(1, 1, 1, 1), {
    alpha,
    kinds: u8(1, 2, 3, 4),
  });
  assert.deepEqual(advantages, Float32Array.from(GRAM_KINDS, (kind) => 1 + alpha[kind]));
  assert.deepEqual(Object.keys(alpha), GRAM_KINDS);
});

const ERRORS: [string, () => unknown, RegExp][] = [
  [
    "a mask of another length",
    () => hicraAdvantages(f32(1), u8()),
    /planningMask must hold 1 values: current length is 0/,
  ],
  [
    "alpha 1",
    () => hicraAdvantages(f32(1), u8(1), { alpha: 1 }),
    /RangeError: Cannot apply HICRA as alpha must be less than 1, as 1 zeroes .*: current value is 1/,
  ],
  [
    "a negative alpha of a kind",
    () =>
      hicraAdvantages(f32(1), u8(1), {
        alpha: { deduction: 0, branching: -1, backtracking: 0, other: 0 },
        kinds: u8(1),
      }),
    /alpha.branching must be finite and not negative: current value is -1/,
  ],
  [
    "an alpha that is NaN",
    () => hicraAdvantages(f32(1), u8(1), { alpha: NaN }),
    /alpha must be finite/,
  ],
  [
    "kinds that are missing",
    () =>
      hicraAdvantages(f32(1), u8(1), {
        alpha: { deduction: 0, branching: 0, backtracking: 0, other: 0 },
      }),
    /TypeError: .*needs the kinds of the planning tokens/,
  ],
  [
    "a planning token without a kind",
    () =>
      hicraAdvantages(f32(1, 1), u8(0, 1), {
        alpha: { deduction: 0, branching: 0, backtracking: 0, other: 0 },
        kinds: u8(0, 0),
      }),
    /must be a code from 1 to 4: kinds\[1\] is 0/,
  ],
  [
    "a kind that is no code",
    () =>
      hicraAdvantages(f32(1), u8(1), {
        alpha: { deduction: 0, branching: 0, backtracking: 0, other: 0 },
        kinds: u8(5),
      }),
    /kinds\[0\] is 5/,
  ],
  [
    "missing offsets",
    () => hicraAdvantages(f32(1), u8(1), { mode: "mass-preserving" }),
    /TypeError: .*mode "mass-preserving" needs offsets/,
  ],
  [
    "missing groups",
    () =>
      hicraAdvantages(f32(1), u8(1), { mode: "baseline-corrected", offsets: Int32Array.of(0, 1) }),
    /TypeError: .*mode "baseline-corrected" needs groupIds/,
  ],
  [
    "offsets that end elsewhere",
    () => hicraAdvantages(f32(1), u8(1), { mode: "mass-preserving", offsets: Int32Array.of(0, 2) }),
    /the last offset must be the number of tokens, 1: current value is 2/,
  ],
  [
    "an unknown group",
    () =>
      hicraAdvantages(f32(1), u8(1), {
        mode: "baseline-corrected",
        offsets: Int32Array.of(0, 1),
        groupIds: Int32Array.of(-1),
      }),
    /groupIds\[0\] is -1, give it the id of its prompt/,
  ],
  [
    "no mass left",
    () =>
      hicraAdvantages(f32(-1), u8(1), {
        alpha: 1,
        allowSignChange: true,
        mode: "mass-preserving",
        offsets: Int32Array.of(0, 1),
      }),
    /leaves sequence 0 no mass to rescale: sum\|A\| was 1 and is 0/,
  ],
  [
    "a schedule that reaches 1",
    () => hicra({ alpha: { type: "linear", from: 0, to: 1, steps: 10 } }),
    /RangeError: Cannot create transform "hicra" as alpha must be less than 1/,
  ],
  [
    "a kind's alpha that reaches 1",
    () =>
      hicra({
        alpha: {
          deduction: { type: "gated", signal: "x", threshold: 0, when: "above", open: 2 },
          branching: 0,
          backtracking: 0,
          other: 0,
        },
      }),
    /alpha must be less than 1/,
  ],
];

for (const [name, act, message] of ERRORS) {
  Deno.test(`hicra refuses ${name}`, () => {
    assert.throws(act, (error) => {
      assert.match(String(error), message);
      return true;
    });
  });
}

Deno.test("hicra() accepts alpha 1 and more when sign changes are allowed", () => {
  const { credit, context } = fromRows([{
    groupId: 0,
    tokens: [{ id: 0, advantage: -1, loss: 1, segment: 0, kind: 1, entropy: 0, logprob: 0 }],
  }]);
  const { advantages } = hicra({ alpha: 1.5, allowSignChange: true }).apply(credit, context);
  assert.deepEqual(advantages, f32(0.5));
});
