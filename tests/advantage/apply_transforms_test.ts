import assert from "node:assert/strict";
import {
  applyTransforms,
  builtinTransforms,
  checkClock,
  type Credit,
  gtpo,
  hicra,
  shuffleMask,
  topEntropyMask,
  type Transform,
  type TransformContext,
} from "../../advantage/mod.ts";
import { checkBatch, type CheckedBatch } from "../../batch/mod.ts";

const credit: Credit = {
  advantages: Float32Array.of(1, NaN, -1),
  planningMask: Uint8Array.of(1, 1, 0),
  kinds: Uint8Array.of(2, 1, 0),
};
const context: TransformContext = {
  batch: checkBatch({
    offsets: Int32Array.of(0, 3),
    lossMask: Uint8Array.of(1, 0, 1),
    entropies: Float32Array.of(0, 0, 1),
  }),
  step: 0,
  signals: {},
};

function returning(changes: unknown): Transform {
  return { name: "mine", needs: [], apply: () => changes as Partial<Credit> };
}

Deno.test("applyTransforms() returns fresh, equal arrays when there is nothing to do", () => {
  for (const transforms of [[], [returning({})]]) {
    const result = applyTransforms(transforms, credit, context);
    assert.deepEqual(result, credit);
    for (const field of ["advantages", "planningMask", "kinds"] as const) {
      assert.notEqual(result[field], credit[field]);
    }
  }
});

Deno.test("applyTransforms() runs each transform on the result of the one before", () => {
  const { advantages, planningMask } = applyTransforms(
    [topEntropyMask({ fraction: 0.5 }), hicra({ alpha: 0.25 })],
    credit,
    context,
  );
  assert.deepEqual(planningMask, Uint8Array.of(0, 0, 1));
  assert.deepEqual(advantages, Float32Array.of(1, NaN, -0.75));
});

Deno.test("applyTransforms() forgets kinds with their mask, unless the transform returns new ones", () => {
  assert.equal("kinds" in applyTransforms([topEntropyMask()], credit, context), false);
  assert.equal("kinds" in applyTransforms([shuffleMask()], credit, context), true);
  assert.equal("kinds" in applyTransforms([hicra()], credit, context), true);
  const alpha = { deduction: 0.1, branching: 0.2, backtracking: 0.3, other: 0.4 };
  assert.throws(
    () => applyTransforms([topEntropyMask(), hicra({ alpha })], credit, context),
    /needs the kinds of the planning tokens/,
  );
});

Deno.test("applyTransforms() hands the entropy coefficient on", () => {
  const result = applyTransforms(
    [returning({ entropyCoefficient: 0.5 }), hicra()],
    credit,
    context,
  );
  assert.equal(result.entropyCoefficient, 0.5);
});

const ERRORS: [string, () => unknown, string, RegExp][] = [
  [
    "a batch without what a transform needs, before any runs",
    () => applyTransforms([returning(undefined), gtpo()], credit, context),
    "TypeError",
    /^Cannot apply transform "gtpo" as it needs batch\.groupIds: current value is undefined, have the/,
  ],
  [
    "the same transform twice",
    () => applyTransforms([hicra(), hicra()], credit, context),
    "RangeError",
    /each may act once on a batch: "hicra" stands twice/,
  ],
  [
    "advantages that are not finite where trained",
    () => applyTransforms([returning({ advantages: Float32Array.of(1, 1, NaN) })], credit, context),
    "RangeError",
    /^Cannot use the result of transform "mine" as .*where lossMask is 1: advantages\[2\] is NaN$/,
  ],
  [
    "advantages that overflow",
    () =>
      applyTransforms([hicra()], { ...credit, advantages: Float32Array.of(3e38, 0, 0) }, context),
    "RangeError",
    /advantages\[0\] is Infinity/,
  ],
  [
    "advantages of the wrong length",
    () => applyTransforms([returning({ advantages: new Float32Array(2) })], credit, context),
    "RangeError",
    /one value per token, 3: current length is 2/,
  ],
  [
    "advantages of the wrong type",
    () => applyTransforms([returning({ advantages: [1, 2, 3] })], credit, context),
    "TypeError",
    /advantages must be a Float32Array: current value is Array/,
  ],
  [
    "a mask that is not 0 or 1",
    () => applyTransforms([returning({ planningMask: Uint8Array.of(0, 2, 0) })], credit, context),
    "RangeError",
    /planningMask\[1\] is 2/,
  ],
  [
    "kinds of the wrong length",
    () => applyTransforms([returning({ kinds: new Uint8Array(1) })], credit, context),
    "RangeError",
    /kinds must hold one value per token/,
  ],
  [
    "an entropy coefficient that is not finite",
    () => applyTransforms([returning({ entropyCoefficient: NaN })], credit, context),
    "RangeError",
    /entropyCoefficient must be finite: current value is NaN/,
  ],
  [
    "a bad credit to start from",
    () => applyTransforms([], { ...credit, planningMask: new Uint8Array(1) }, context),
    "RangeError",
    /^Cannot use the credit to start from as planningMask must hold/,
  ],
];

for (const [name, act, type, message] of ERRORS) {
  Deno.test(`applyTransforms() refuses ${name}`, () => {
    assert.throws(act, (error: Error) => {
      assert.equal(error.name, type);
      assert.match(error.message, message);
      return true;
    });
  });
}

const LINE = { type: "linear", from: 0, to: 0.2, steps: 10 } as const;
const GATE = {
  type: "gated",
  signal: "accuracy",
  threshold: 0.5,
  when: "above",
  open: LINE,
} as const;

Deno.test("applyTransforms() refuses a chain as a whole where one option lacks its step or signal", () => {
  const { batch } = context;
  let ran = 0;
  const counting: Transform = {
    ...returning({}),
    apply() {
      ran++;
      return {};
    },
  };
  const perKind = { deduction: 0.1, branching: 0.1, backtracking: 0.1, other: LINE };
  const configs: [{ name: string; [option: string]: unknown }, string][] = [
    [{ name: "hicra", alpha: LINE }, "alpha"],
    [{ name: "hicra", alpha: perKind }, "alpha.other"],
    [{ name: "hicra", alpha: GATE }, "alpha"],
    [{ name: "entropy-regularization", coefficient: LINE }, "coefficient"],
    [{ name: "shuffle-mask" }, "seed"],
  ];
  for (const [config, option] of configs) {
    const transform = builtinTransforms().create(config);
    assert.throws(
      () => applyTransforms([counting, transform], credit, { batch, signals: { accuracy: 0 } }),
      {
        name: "TypeError",
        message:
          `Cannot apply transform "${config.name}" as its ${option} needs the training step: ` +
          "current value is undefined, give it with the batch, hook(batch, { step }), in Python step=, " +
          "on the command line --step",
      },
    );
  }
  assert.throws(
    () => applyTransforms([counting, hicra({ alpha: GATE })], credit, { batch, step: 0 }),
    /"hicra" as its alpha needs signal "accuracy", a finite number: .* reports none; .* --signal$/,
  );
  assert.equal(ran, 0);
});

Deno.test("applyTransforms() checks the sepa schedule and the needs that a transform of the user's has", () => {
  const { batch } = context;
  const sepa = builtinTransforms().create({ name: "sepa", lambda: LINE });
  assert.throws(() => checkClock([sepa], {}), /"sepa" as its lambda needs the training step/);
  const mine: Transform = { ...returning({}), clock: [{ option: "rate", signal: "kl" }] };
  assert.throws(() => applyTransforms([mine], credit, { batch }), /its rate needs signal "kl"/);
  applyTransforms([mine], credit, { batch, signals: { kl: 0 } });
});

Deno.test("applyTransforms() refuses what was not measured where a transform reads it, before any runs", () => {
  const given = checkBatch({
    offsets: Int32Array.of(0, 3),
    lossMask: Uint8Array.of(1, 0, 1),
    groupIds: Int32Array.of(0),
    entropies: Float32Array.of(0, NaN, 1),
    oldLogprobs: Float32Array.of(0, NaN, -1),
  });
  const readers = builtinTransforms().names()
    .filter((name) => !["hicra", "entropy-regularization"].includes(name))
    .map((name) => builtinTransforms().create({ name }))
    .filter(({ needs }) => needs.includes("entropies") || needs.includes("oldLogprobs"));
  assert.deepEqual(readers.length, 7);
  for (const reader of readers) {
    const field = reader.needs.includes("entropies") ? "entropies" : "oldLogprobs";
    const missing = given[field]!.slice();
    missing[2] = NaN;
    const chain = (batch: CheckedBatch) =>
      applyTransforms([returning({}), reader], credit, { batch });
    chain(given); // What stands on an untrained token is not read.
    assert.throws(() => chain({ ...given, [field]: missing }), {
      name: "RangeError",
      message:
        `Cannot apply transform "${reader.name}" as batch.${field} must be finite where lossMask is ` +
        `1: ${field}[2] is NaN, measure it, drop the sequence, or do without what reads it`,
    });
    // Nobody reads the other one.
    const other = field === "entropies" ? "oldLogprobs" : "entropies";
    chain({ ...given, [other]: missing });
  }
});

Deno.test("applyTransforms() reads no step where no option does", () => {
  const { batch } = context;
  const shuffled = shuffleMask({ seed: 1, step: "fixed" });
  applyTransforms([shuffled, hicra()], credit, { batch });
  for (const step of [-1, 0.5, NaN]) {
    assert.throws(
      () => applyTransforms([hicra()], credit, { batch, step }),
      { name: "RangeError", message: /^Cannot apply transforms as step must be an integer of at/ },
    );
  }
});

Deno.test("applyTransforms() throws when a result is no object of known fields", () => {
  const run = (result: unknown) =>
    applyTransforms(
      [{ name: "mine", needs: [], apply: () => result as Partial<Credit> }],
      credit,
      context,
    );
  assert.throws(() => run(undefined), {
    name: "TypeError",
    message:
      'Cannot use the result of transform "mine" as it must be an object of the fields that ' +
      "change, such as { advantages }: current value is undefined",
  });
  assert.throws(() => run({ advantage: Float32Array.of(2) }), {
    name: "TypeError",
    message: 'Cannot use the result of transform "mine" as its fields must be among advantages, ' +
      'planningMask, kinds, entropyCoefficient: it has "advantage"',
  });
});

Deno.test("applyTransforms() refuses a mask that no transform after it credits", () => {
  const shuffled = shuffleMask({ seed: 1 });
  const chains: [Transform[], string][] = [
    [[hicra(), shuffled], "shuffle-mask"],
    [[shuffled, hicra(), topEntropyMask()], "top-entropy-mask"],
  ];
  for (const [transforms, name] of chains) {
    assert.throws(
      () => applyTransforms(transforms, credit, context),
      new RegExp(`"${name}" replaces the planning mask .* put it before "hicra"`),
    );
  }
  // To measure under another mask, or to change advantages first, is no mistake.
  applyTransforms([shuffled], credit, context);
  applyTransforms(
    [returning({ advantages: Float32Array.of(1, 0, 1) }), shuffled, hicra()],
    credit,
    context,
  );
});
