import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Batch,
  builtinTransforms,
  createHook,
  Flag,
  hicra,
  type HookOptions,
  type HookStep,
  lexiconFromGrams,
  mergeMetrics,
  metricValues,
  packPadded,
  SgMatcher,
  tokenBytes,
  type Transform,
  unpackPadded,
} from "../../mod.ts";

const tokens = tokenBytes({
  model: { type: "BPE", vocab: { But: 0, "Ġwait": 1, ",": 2, "Ġno": 3, "Ġso": 4 }, merges: [] },
  decoder: { type: "ByteLevel" },
  added_tokens: [],
});
const matcher = SgMatcher.compile(
  lexiconFromGrams(
    [{ text: "but wait", kind: "backtracking" }, { text: "so", kind: "deduction" }],
    {
      name: "test",
    },
  ),
  tokens,
);

/** Two rollouts of one prompt: "But wait, no" (wrong) and " so no" (right). */
const batch: Batch = {
  offsets: Int32Array.of(0, 4, 6),
  tokenIds: Int32Array.of(0, 1, 2, 3, 4, 3),
  lossMask: Uint8Array.of(1, 1, 1, 1, 1, 1),
  advantages: Float32Array.of(-1, 1),
};
const silent = { warn: () => {} };

Deno.test("createHook() returns mask, kinds, spans, advantages and metrics", () => {
  const hook = createHook({ matcher, transforms: [hicra({ alpha: 0.25 })] });
  const result = hook(batch);
  assert.deepEqual(result.planningMask, Uint8Array.of(1, 1, 0, 0, 1, 0));
  assert.deepEqual(result.kinds, Uint8Array.of(3, 3, 0, 0, 1, 0));
  assert.deepEqual(result.spans, Int32Array.of(0, 2, 0, 4, 5, 1));
  assert.deepEqual(result.advantages, Float32Array.of(-0.75, -0.75, -1, -1, 1.25, 1));
  assert.equal(result.failures, 0);
  const values = metricValues(result.metrics!);
  assert.equal(values["hicra/planning_frac"], 0.5);
  // Added: 0.25 on each of the three planning tokens.
  assert.equal(values["hicra/adv_shift"], 0.75 / 6);
});

Deno.test("createHook() takes plain JSON for transforms, and names of a registry of the user's", () => {
  const config = JSON.parse('[{"name": "hicra", "alpha": 0.25}]');
  assert.deepEqual(
    createHook({ matcher, transforms: config })(batch).advantages,
    createHook({ matcher, transforms: [hicra({ alpha: 0.25 })] })(batch).advantages,
  );
  const registry = builtinTransforms().register("halve", (credit) => ({
    advantages: credit.advantages.map((a) => a / 2),
  }));
  const hook = createHook({ matcher, transforms: [registry.create({ name: "halve" })] });
  assert.deepEqual(hook(batch).advantages, Float32Array.of(-0.5, -0.5, -0.5, -0.5, 0.5, 0.5));
  // @ts-expect-error: a name that no transform of this package has.
  assert.throws(() => createHook({ transforms: [{ name: "hicar" }] }), /known names are hicra/);
});

Deno.test("createHook() computes advantages from rewards with a baseline", () => {
  const { advantages: _, ...rest } = batch;
  const hook = createHook({ matcher, baseline: "paper", transforms: [hicra({ alpha: 0.25 })] });
  const rewarded = { ...rest, rewards: Float32Array.of(0, 1), groupIds: Int32Array.of(7, 7) };
  assert.deepEqual(
    hook(rewarded).advantages,
    Float32Array.of(-0.375, -0.375, -0.5, -0.5, 0.625, 0.5),
  );
  assert.throws(
    () => hook({ ...rewarded, advantages: Float32Array.of(0, 0) }),
    /leave one of them out/,
  );
  // @ts-expect-error: a name that no preset has.
  assert.throws(() => createHook({ matcher, transforms: [], baseline: "trll" }), /"trl"/);
});

Deno.test("createHook() takes a mask computed elsewhere instead of a matcher", () => {
  const hook = createHook({ transforms: [hicra({ alpha: 0.25 })] });
  const { tokenIds: _, ...rest } = batch;
  const result = hook({ ...rest, planningMask: Uint8Array.of(0, 0, 1, 0, 0, 0) });
  assert.deepEqual(result.advantages, Float32Array.of(-1, -1, -0.75, -1, 1, 1));
  assert.equal(result.spans, undefined);
  assert.throws(() => hook(batch), /no matcher and the batch no planningMask/);
});

Deno.test("createHook() refuses advantages that a hook returned, views of them too", () => {
  const hook = createHook({ matcher, transforms: [hicra()] });
  const { advantages } = hook(batch);
  const other = createHook({ matcher, transforms: [] });
  for (const again of [advantages, advantages.subarray(0)]) {
    assert.throws(
      () => other({ ...batch, advantages: again }),
      /a second application would compound/,
    );
  }
  // Through the padded form and back, as in a host that trains twice on one buffer.
  const padded = packPadded({
    shape: [2, 4],
    lossMask: Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0),
    tokenIds: Int32Array.of(0, 1, 2, 3, 4, 3, 0, 0),
    advantages: batch.advantages!,
  });
  const shaped = unpackPadded(hook(padded.batch).advantages, padded.layout);
  const again = packPadded({
    shape: [2, 4],
    lossMask: Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0),
    tokenIds: Int32Array.of(0, 1, 2, 3, 4, 3, 0, 0),
    advantages: shaped,
  });
  assert.throws(() => other(again.batch), /a second application would compound/);
  // The host's own array stays good for another epoch's fresh computation.
  assert.deepEqual(hook(batch).advantages, advantages);
});

Deno.test("createHook() never aliases its input and never changes it", () => {
  const advantages = Float32Array.of(1, 2, 3, 4, 5, 6);
  const planningMask = Uint8Array.of(1, 0, 0, 0, 0, 0);
  const result = createHook({ transforms: [] })({
    ...batch,
    advantages,
    advantagesPer: "token",
    planningMask,
  });
  assert.deepEqual(result.advantages, advantages);
  assert.notEqual(result.advantages.buffer, advantages.buffer);
  assert.notEqual(result.planningMask.buffer, planningMask.buffer);
});

Deno.test("createHook() reports the first batch without planning tokens, and counts them all", () => {
  const messages: string[] = [];
  const hook = createHook({ matcher, transforms: [], warn: (message) => messages.push(message) });
  hook(batch);
  assert.equal(messages.length, 0);
  const barren = { ...batch, tokenIds: Int32Array.of(3, 3, 3, 3, 3, 3) };
  assert.equal(hook(barren).emptyBatches, 1);
  assert.equal(messages.length, 1);
  assert.match(messages[0]!, /no planning token in a batch; .* are only counted/);
  assert.equal(hook(barren).emptyBatches, 2);
  hook({
    offsets: Int32Array.of(0),
    tokenIds: new Int32Array(),
    lossMask: new Uint8Array(),
    advantages: new Float32Array(),
  });
  assert.equal(messages.length, 1);
  assert.equal(hook(batch).emptyBatches, 2);
});

Deno.test("createHook() refuses importance ratios per sequence", () => {
  assert.throws(
    () => createHook({ matcher, transforms: [], importanceSampling: "sequence" }),
    { name: "RangeError", message: /averages token advantages/ },
  );
});

const WRONG_OPTIONS: [options: object, name: string, message: RegExp][] = [
  [
    { alpha: 0.5 },
    "TypeError",
    /^Cannot create a hook as option "alpha" is not known: known options/,
  ],
  [{ transform: [] }, "TypeError", /"transform" is not known: .+ did you mean "transforms"\?$/],
  [{ onFailure: "passthrough" }, "RangeError", /onFailure must be one of "raise", "pass-through"/],
  [{ importanceSampling: "seq" }, "RangeError", /importanceSampling must be one of "token"/],
  [{ matcher: {} }, "RangeError", /matcher must be what SgMatcher.compile returns/],
  [{ transforms: { name: "hicra" } }, "TypeError", /transforms must be of type array/],
  [{ baseline: 3 }, "TypeError", /baseline must be the name of a preset, or a preset/],
  [{ metrics: { correct_above: 0.5 } }, "TypeError", /"metrics.correct_above" is not known: known/],
  [{ metrics: true }, "TypeError", /metrics must be false, or options of metrics/],
  [{ metrics: { followerLength: 0 } }, "RangeError", /metrics.followerLength must be at least 1/],
  [{ warn: "no" }, "RangeError", /warn must be a function/],
];

for (const [options, name, message] of WRONG_OPTIONS) {
  Deno.test(`createHook() refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => createHook({ matcher, ...options } as HookOptions), { name, message });
  });
}

Deno.test("createHook() makes hooks that refuse an unknown field of a step", () => {
  const hook = createHook({ matcher });
  assert.throws(() => hook(batch, { stpe: 4 } as HookStep), {
    name: "TypeError",
    message: /^Cannot apply a hook as option "stpe" is not known: .+ did you mean "step"\?$/,
  });
  assert.throws(() => hook(batch, 4 as HookStep), /its options must be of type object/);
});

const broken: Transform = {
  name: "broken",
  needs: [],
  apply: () => {
    throw new Error("Cannot do it");
  },
};

Deno.test("createHook() raises on failure, or passes through and counts when told so", () => {
  assert.throws(() => createHook({ matcher, transforms: [broken] })(batch), /Cannot do it/);
  const messages: string[] = [];
  const options: HookOptions = {
    matcher,
    transforms: [broken],
    onFailure: "pass-through",
    warn: (message) => messages.push(message),
  };
  const hook = createHook(options);
  hook(batch);
  const result = hook(batch);
  assert.equal(result.failures, 2);
  assert.deepEqual(result.advantages, Float32Array.of(-1, -1, -1, -1, 1, 1));
  assert.equal(result.metrics, undefined);
  assert.match(messages[1]!, /failure 2: Cannot do it/);
});

Deno.test("createHook() raises what is wrong with the batch or the configuration under either policy", () => {
  const alpha = { type: "linear", from: 0, to: 0.2, steps: 100 } as const;
  const gate = { type: "gated", signal: "kl", threshold: 1, when: "above", open: 0.2 } as const;
  const cases: [NonNullable<HookOptions["transforms"]>, Batch, RegExp][] = [
    [[], { ...batch, lossMask: Uint8Array.of(2, 1, 1, 1, 1, 1) }, /only 0 and 1/],
    [[], { ...batch, tokenIds: Int32Array.of(0, 1, 2, 3, 4, 99) }, /99/],
    [[hicra({ alpha })], batch, /its alpha needs the training step/],
    [[hicra({ alpha: gate })], batch, /its alpha needs signal "kl"/],
    [[{ name: "shuffle-mask" }, hicra()], batch, /its seed needs the training step/],
    [[{ name: "gtpo" }], batch, /needs batch.entropies/],
    [[hicra(), hicra()], batch, /stands twice/],
    [[hicra(), { name: "shuffle-mask", step: "fixed" }], batch, /put it before "hicra"/],
  ];
  for (const [transforms, given, message] of cases) {
    for (const onFailure of ["raise", "pass-through"] as const) {
      const hook = createHook({ matcher, transforms, onFailure, ...silent });
      assert.throws(() => hook(given), message);
    }
  }
});

Deno.test("createHook() trains on where a logprob that only a metric reads is missing, and warns once", () => {
  const whole: Batch = {
    ...batch,
    oldLogprobs: Float32Array.of(-1, -2, -1, -2, -1, -2),
    entropies: Float32Array.of(1, 2, 1, 2, 1, 2),
  };
  const holed: Batch = {
    ...whole,
    oldLogprobs: Float32Array.of(NaN, -2, -1, -Infinity, -1, -2),
    entropies: Float32Array.of(1, 2, 1, 2, NaN, 2),
  };
  for (const onFailure of ["raise", "pass-through"] as const) {
    const messages: string[] = [];
    const warn = (message: string) => messages.push(message);
    const hook = createHook({ matcher, transforms: [hicra()], onFailure, warn });
    const expected = hook(whole);
    assert.deepEqual(messages, []);
    for (const _ of [1, 2]) {
      const { advantages, failures, metrics } = hook(holed);
      assert.deepEqual(advantages, expected.advantages);
      assert.equal(failures, 0);
      const { pairs } = metrics!;
      assert.deepEqual(pairs.surprisal_plan, { sum: [3], count: 2 });
      assert.deepEqual(pairs.surprisal_missing_frac, { sum: [2], count: 6 });
      assert.deepEqual(pairs.entropy_missing_frac, { sum: [1], count: 6 });
      assert.deepEqual(Object.keys(pairs), Object.keys(expected.metrics!.pairs));
    }
    assert.deepEqual(messages, [
      "hicra: the logprob of some trained tokens is not finite: they are left out of its metrics and " +
      "counted in hicra/surprisal_missing_frac",
      "hicra: the entropy of some trained tokens is not finite: they are left out of its metrics and " +
      "counted in hicra/entropy_missing_frac",
    ]);
    const reading = createHook({ matcher, transforms: [{ name: "sepa" }], onFailure, warn });
    reading(whole);
    assert.throws(
      () => reading(holed),
      /"sepa" as batch\.oldLogprobs must be finite .*: oldLogprobs\[0\] is NaN/,
    );
  }
});

Deno.test("createHook() trains on where rollouts were not scored, unless a baseline reads rewards", () => {
  for (const unscored of [NaN, Infinity, -Infinity]) {
    const rewards = Float32Array.of(1, unscored);
    const messages: string[] = [];
    const warn = (message: string) => messages.push(message);
    const hook = createHook({ matcher, transforms: [hicra()], warn });
    const scored = hook({ ...batch, rewards: Float32Array.of(1, 0) });
    for (const _ of [1, 2]) {
      const { advantages, metrics } = hook({ ...batch, rewards, groupIds: Int32Array.of(0, 0) });
      assert.deepEqual(advantages, scored.advantages);
      assert.deepEqual(metrics!.pairs.reward, { sum: [1], count: 1 });
      assert.deepEqual(metrics!.pairs.reward_missing_frac, { sum: [1], count: 2 });
      assert.deepEqual(metrics!.groups, { "1/1/flat": 1 });
    }
    assert.deepEqual(messages, [
      "hicra: the reward of some rollouts is not finite: they are left out of its metrics and " +
      "counted in hicra/reward_missing_frac",
    ]);
    const { advantages: _, ...given } = batch;
    assert.throws(
      () =>
        createHook({ matcher, transforms: [], baseline: "trl" })({
          ...given,
          rewards,
          groupIds: Int32Array.of(0, 0),
        }),
      { name: "RangeError", message: /rewards must be finite: rewards\[1\] is/ },
    );
  }
});

Deno.test("createHook() amplifies on a schedule, by the step that the loop gives", () => {
  const alpha = { type: "linear", from: 0, to: 0.5, steps: 100 } as const;
  const hook = createHook({ matcher, transforms: [hicra({ alpha })] });
  assert.throws(() => hook(batch), { name: "TypeError", message: /hook\(batch, \{ step \}\)/ });
  assert.deepEqual(
    hook(batch, { step: 50 }).advantages,
    Float32Array.of(-0.75, -0.75, -1, -1, 1.25, 1),
  );
});

Deno.test("createHook() hands on the entropy coefficient and can leave metrics out", () => {
  const hook = createHook({
    matcher,
    transforms: [{ name: "entropy-regularization", coefficient: 0.01 }],
    metrics: false,
  });
  const result = hook(batch);
  assert.equal(result.entropyCoefficient, 0.01);
  assert.equal("metrics" in result, false);
});

Deno.test("createHook() names the field that a transform lacks", () => {
  const hook = createHook({ matcher, transforms: [{ name: "high-entropy-advantage" }] });
  assert.throws(() => hook(batch), /"high-entropy-advantage" as it needs batch.entropies/);
});

Deno.test("a one-token phrase gets the credit of its own token", () => {
  // Off by one, the credit would land on the token that predicts it.
  const hook = createHook({ matcher, transforms: [hicra({ alpha: 0.25 })] });
  const { advantages } = hook({
    offsets: Int32Array.of(0, 3),
    tokenIds: Int32Array.of(3, 4, 3),
    lossMask: Uint8Array.of(1, 1, 1),
    advantages: Float32Array.of(1),
  });
  assert.deepEqual(advantages, Float32Array.of(1, 1.25, 1));
});

const rows = fc.array(
  fc.record({
    row: fc.array(
      fc.record({ id: fc.nat(4), mask: fc.constantFrom(1, 1, 1, 0) }),
      { maxLength: 8 },
    ),
    advantage: fc.float({ min: -2, max: 2, noNaN: true }),
  }),
  { maxLength: 5 },
);

Deno.test("a padded batch gives the same as its packed form, whichever side is padded", () => {
  fc.assert(fc.property(rows, fc.boolean(), (rows, left) => {
    const columns = 8;
    const lossMask = new Uint8Array(rows.length * columns);
    const tokenIds = new Int32Array(rows.length * columns).fill(-100);
    rows.forEach(({ row }, r) =>
      row.forEach(({ id, mask }, c) => {
        const at = r * columns + (left ? columns - row.length : 0) + c;
        lossMask[at] = mask;
        tokenIds[at] = id;
      })
    );
    const advantages = Float32Array.from(rows, ({ advantage }) => advantage);
    const { batch, layout } = packPadded({
      shape: [rows.length, columns],
      lossMask,
      tokenIds,
      advantages,
    });
    const hook = createHook({ matcher, transforms: [hicra()], ...silent });
    const padded = unpackPadded(hook(batch).advantages, layout);
    const each = rows.map(({ row, advantage }) =>
      hook({
        offsets: Int32Array.of(0, row.length),
        lossMask: Uint8Array.from(row, ({ mask }) => mask),
        tokenIds: Int32Array.from(row, ({ id }) => id),
        advantages: Float32Array.of(advantage),
        advantagesPer: "sequence",
      }).advantages
    );
    rows.forEach(({ row }, r) =>
      row.forEach(({ mask }, c) => {
        const at = r * columns + (left ? columns - row.length : 0) + c;
        if (mask === 1) assert.equal(padded[at], each[r]![c]);
      })
    );
  }));
});

Deno.test("permuting the sequences of a batch permutes the result", () => {
  fc.assert(fc.property(rows, (rows) => {
    const hook = createHook({ matcher, transforms: [hicra()], ...silent });
    const run = (rows: { row: { id: number; mask: number }[]; advantage: number }[]) => {
      const offsets = Int32Array.of(0, ...rows.map(({ row }) => row.length));
      for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
      const { advantages } = hook({
        offsets,
        lossMask: Uint8Array.from(rows.flatMap(({ row }) => row.map(({ mask }) => mask))),
        tokenIds: Int32Array.from(rows.flatMap(({ row }) => row.map(({ id }) => id))),
        advantages: Float32Array.from(rows, ({ advantage }) => advantage),
        advantagesPer: "sequence",
        flags: new Uint8Array(rows.length).fill(Flag.truncated),
      });
      return rows.map((_, s) => [...advantages.subarray(offsets[s], offsets[s + 1])]);
    };
    assert.deepEqual(run([...rows].reverse()), run(rows).reverse());
  }));
});

Deno.test("createHook() joins groups that are split over batches when told their scope", () => {
  const { advantages: _, ...rest } = batch;
  const hook = createHook({ matcher, baseline: "paper", transforms: [] });
  const half = (reward: number) =>
    hook(
      { ...rest, rewards: Float32Array.of(reward, reward), groupIds: Int32Array.of(0, 0) },
      { groups: { scope: "step 3", names: ["prompt"] } },
    ).metrics!;
  const values = metricValues(mergeMetrics(half(0), half(1)), { passAt: [1, 4] });
  assert.equal(values["hicra/pass_at_1"], 0.5);
  assert.equal(values["hicra/pass_at_4"], 1);
  assert.equal(values["hicra/zero_std_group_frac"], 0);
});

Deno.test("createHook() applies HICRA by default, and its result tells what was in force", () => {
  const { advantages: host, ...rest } = batch;
  const byDefault = createHook({ matcher })(batch);
  const named = createHook({ matcher, transforms: [hicra({ alpha: 0.2 })] })(batch);
  assert.deepEqual(byDefault, named);
  assert.deepEqual(byDefault.transforms, [
    { name: "hicra", alpha: 0.2, mode: "paper", allowSignChange: false },
  ]);
  assert.equal(byDefault.baselineAdvantages, undefined);
  const rewards = Float32Array.of(1, 0);
  const scored = { ...rest, rewards, groupIds: Int32Array.of(0, 0) };
  const result = createHook({ matcher, transforms: [], baseline: "tinker" })(scored);
  assert.deepEqual(result.baselineAdvantages, result.advantages);
  assert.notEqual(result.baselineAdvantages!.buffer, result.advantages.buffer);
  assert.equal(host!.length, 2);
});

Deno.test("createHook() warns once where the transforms credit nothing but another mask", () => {
  const messages: string[] = [];
  const warn = (message: string) => messages.push(message);
  const shuffle = { name: "shuffle-mask" } as const;
  const hook = createHook({ matcher, transforms: [shuffle], warn });
  hook(batch, { step: 0 });
  hook(batch, { step: 1 });
  assert.equal(messages.length, 1);
  assert.match(
    messages[0]!,
    /change the planning mask and no advantage, so this trains without credit/,
  );
  createHook({ matcher, transforms: [shuffle, hicra()], warn })(batch, { step: 0 });
  createHook({ matcher, transforms: [], warn })(batch);
  createHook({ matcher, transforms: [shuffle], warn })(
    { ...batch, advantages: new Float32Array(6) },
    { step: 0 },
  );
  assert.equal(messages.length, 1);
});

Deno.test("createHook() warns once where one phrase has most of the spans, or too much is planning", () => {
  const messages: string[] = [];
  const hook = createHook({ matcher, warn: (message) => messages.push(message) });
  // "so" 150 times, "but wait" 60 times, and `numRest` tokens of "no" between them.
  const batchOf = (numRest: number): Batch => {
    const phrases = Array.from({ length: 210 }, (_, i) => i < 150 ? [4, 2] : [0, 1, 2]).flat();
    const tokenIds = Int32Array.from([...phrases, ...Array<number>(numRest).fill(3)]);
    return {
      offsets: Int32Array.of(0, tokenIds.length),
      tokenIds,
      lossMask: new Uint8Array(tokenIds.length).fill(1),
      advantages: Float32Array.of(1),
    };
  };
  hook(batchOf(4000));
  hook(batchOf(4000));
  hook(batchOf(1800));
  assert.deepEqual(messages, [
    'hicra: "so" has more than 30 % of the spans of a batch: credit goes mostly to one phrase, see hicra ' +
    "lexicon check",
    "hicra: more than 10 % of the trained tokens of a batch are planning: beyond that a lexicon is no list " +
    "of planning phrases, see hicra lexicon check",
  ]);
});
