import assert from "node:assert/strict";
import fc from "fast-check";
import { checkBatch, Flag } from "../../batch/mod.ts";
import {
  emptyMetrics,
  followerEntropy,
  groupPassAtK,
  measure,
  type MeasureOptions,
  mergeMetrics,
  metricPairs,
  metricValues,
  type PlanningTokens,
  semanticEntropy,
} from "../../metrics/mod.ts";
import { assertClose } from "./_assert_close.ts";
import { anySequence, pack, type Sequence } from "./_sequences.ts";
import golden from "./golden/golden.json" with { type: "json" };
import { numRuns } from "../_scope.ts";

Deno.test("measure() equals plain loops in Python on a batch with everything in it", () => {
  const { sequences, correctAbove, followerLength, expected } = golden.batch;
  const { batch, marks, after } = pack(sequences);
  const sums = measure(batch, marks, { after, correctAbove, followerLength });

  // Sums are compared to the last bit: math.fsum rounds the exact sum once, and so does measure().
  const rounded = Object.entries(sums.pairs).map((
    [name, { sum, count }],
  ) => [name, { sum: sum[0] ?? 0, count }]);
  assert.deepEqual(Object.fromEntries(rounded), expected.pairs);
  assert.deepEqual(sums.grams, expected.grams);
  assert.deepEqual(sums.followers, { 2: expected.followers });
  for (const [k, pair] of Object.entries(expected.passAtK)) {
    const actual = groupPassAtK(sums, Number(k));
    assertClose(actual.sum, pair.sum);
    assert.equal(actual.count, pair.count);
  }
  const values = metricValues(sums, { followerLength });
  assertClose(values["hicra/perplexity_plan"], expected.perplexityPlan);
  assertClose(values["hicra/perplexity_exec"], expected.perplexityExec);
  assertClose(semanticEntropy(sums).value, expected.phraseEntropy);
  assertClose(semanticEntropy(sums).millerMadow, expected.phraseEntropyMillerMadow);
  assertClose(followerEntropy(sums, { followerLength }).value, expected.followerEntropy);
  assert.deepEqual(metricPairs(sums)["hicra/zero_std_group_frac"], expected.zeroStd);
});

Deno.test("measure() gives a hand-worked batch its figures", () => {
  // Two rollouts of one prompt, the second wrong; token 2 is a tool's output.
  const batch = checkBatch({
    offsets: Int32Array.of(0, 4, 6),
    lossMask: Uint8Array.of(1, 1, 0, 1, 1, 1),
    tokenIds: Int32Array.of(1, 2, 3, 4, 5, 6),
    advantages: Float32Array.of(0.5, -0.5),
    oldLogprobs: Float32Array.of(-1, -2, NaN, -3, -4, -5),
    entropies: Float32Array.of(1, 2, NaN, 3, 4, 5),
    rewards: Float32Array.of(1, 0),
    groupIds: Int32Array.of(7, 7),
    flags: Uint8Array.of(0, Flag.truncated),
  });
  const marks = {
    planningMask: Uint8Array.of(1, 0, 1, 0, 1, 0),
    spans: Int32Array.of(0, 1, 3, 4, 5, 3),
  };
  const after = Float32Array.of(0.75, 0.5, NaN, 0.5, -0.25, -0.5);
  assert.deepEqual(measure(batch, marks, { after, followerLength: 1 }), {
    correctAbove: 0,
    pairs: {
      accuracy: { sum: [1], count: 2 },
      adv_abs_exec: { sum: [1.5], count: 3 },
      adv_abs_exec_after: { sum: [1.5], count: 3 },
      adv_abs_plan: { sum: [1], count: 2 },
      adv_abs_plan_after: { sum: [1], count: 2 },
      adv_exec: { sum: [0.5], count: 3 },
      adv_exec_after: { sum: [0.5], count: 3 },
      adv_plan: { sum: [], count: 2 },
      adv_plan_after: { sum: [0.5], count: 2 },
      adv_shift: { sum: [0.5], count: 5 },
      adv_shift_exec: { sum: [], count: 3 },
      adv_shift_plan: { sum: [0.5], count: 2 },
      distinct_grams_per_seq: { sum: [2], count: 2 },
      entropy_exec_old: { sum: [10], count: 3 },
      entropy_missing_frac: { sum: [], count: 5 },
      entropy_plan_old: { sum: [5], count: 2 },
      gram_repeat_frac: { sum: [], count: 2 },
      length: { sum: [5], count: 2 },
      length_correct: { sum: [3], count: 1 },
      length_incorrect: { sum: [2], count: 1 },
      planning_frac: { sum: [2], count: 5 },
      planning_frac_correct: { sum: [1], count: 3 },
      planning_frac_incorrect: { sum: [1], count: 2 },
      planning_seq_frac: { sum: [2], count: 2 },
      reward: { sum: [1], count: 2 },
      reward_missing_frac: { sum: [], count: 2 },
      spans_per_1k: { sum: [2000], count: 5 },
      spans_per_seq: { sum: [2], count: 2 },
      surprisal_exec: { sum: [10], count: 3 },
      surprisal_missing_frac: { sum: [], count: 5 },
      surprisal_plan: { sum: [5], count: 2 },
      truncated_frac: { sum: [1], count: 2 },
    },
    grams: { 3: 2 },
    followers: { 1: { "3:2": 1, "3:6": 1 } },
    groups: { "2/1/varied": 1 },
    openGroups: {},
  });
});

Deno.test("measure() leaves a token without a logprob out of the surprisal alone, and counts it", () => {
  for (const missing of [NaN, Infinity, -Infinity]) {
    const batch = checkBatch({
      offsets: Int32Array.of(0, 4, 5),
      lossMask: Uint8Array.of(1, 1, 1, 0, 1),
      oldLogprobs: Float32Array.of(-1, missing, missing, missing, missing),
      entropies: Float32Array.of(missing, 1, 2, missing, missing),
      flags: Uint8Array.of(0, Flag.excludeFromMetrics),
    });
    const sums = measure(batch, { planningMask: Uint8Array.of(0, 0, 1, 0, 0) });
    const { surprisal_exec, surprisal_missing_frac, surprisal_plan, ...rest } = sums.pairs;
    assert.deepEqual(surprisal_exec, { sum: [1], count: 1 });
    assert.equal(surprisal_plan, undefined);
    assert.deepEqual(surprisal_missing_frac, { sum: [2], count: 3 });
    assert.deepEqual(rest, {
      entropy_exec_old: { sum: [1], count: 1 },
      entropy_missing_frac: { sum: [1], count: 3 },
      entropy_plan_old: { sum: [2], count: 1 },
      length: { sum: [3], count: 1 },
      planning_frac: { sum: [1], count: 3 },
      planning_seq_frac: { sum: [1], count: 1 },
      truncated_frac: { sum: [], count: 1 },
    });
    const values = metricValues(sums);
    assert.equal(values["hicra/perplexity_exec"], Math.E);
    assert.equal(values["hicra/perplexity_plan"], null);
    assert.equal(values["hicra/surprisal_missing_frac"], 2 / 3);
  }
});

Deno.test("metricPairs() has the missing shares whatever was measured, for ranks to merge", () => {
  const names = Object.keys(metricPairs(emptyMetrics()));
  for (const name of ["hicra/surprisal_missing_frac", "hicra/entropy_missing_frac"]) {
    assert.ok(names.includes(name));
    assert.doesNotMatch(name, /min|max|sum|total/);
  }
});

Deno.test("measure() of no sequence, no token or no trained token counts nothing", () => {
  const nothing = { ...emptyMetrics(), correctAbove: 0 };
  const cases = [
    { offsets: Int32Array.of(0), lossMask: Uint8Array.of() },
    { offsets: Int32Array.of(0, 0, 0), lossMask: Uint8Array.of() },
    { offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(0, 0) },
    { offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(1, 1), flags: Uint8Array.of(2) },
    { offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(1, 1), flags: Uint8Array.of(4) },
  ];
  for (const fields of cases) {
    const planningMask = fields.lossMask.slice();
    const spans = Int32Array.of();
    assert.deepEqual(measure(checkBatch(fields), { planningMask, spans }), nothing);
  }
});

Deno.test("measure() keeps the reward of a sequence without trained tokens", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 1),
    lossMask: Uint8Array.of(0),
    rewards: Float32Array.of(1),
  });
  assert.deepEqual(measure(batch, { planningMask: Uint8Array.of(1) }).pairs, {
    accuracy: { sum: [1], count: 1 },
    reward: { sum: [1], count: 1 },
    reward_missing_frac: { sum: [], count: 1 },
  });
});

Deno.test("measure() keeps flagged rows and rows of no group out of the groups", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 0, 0, 0, 0, 0),
    lossMask: Uint8Array.of(),
    rewards: Float32Array.of(1, 0, 0, 0, 0),
    groupIds: Int32Array.of(0, 0, 0, 0, -1),
    flags: Uint8Array.of(0, Flag.truncated, Flag.padding, Flag.excludeFromMetrics, 0),
  });
  const { groups } = measure(batch, { planningMask: Uint8Array.of() });
  assert.deepEqual(groups, { "2/1/varied": 1 });
});

Deno.test("measure() takes every id but -1 for a group, negative ones too", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 0, 0, 0),
    lossMask: Uint8Array.of(),
    rewards: Float32Array.of(1, 0, 0),
    groupIds: Int32Array.of(-2, -2, -1),
  });
  const { groups } = measure(batch, { planningMask: Uint8Array.of() });
  assert.deepEqual(groups, { "2/1/varied": 1 });
});

Deno.test("measure() says nothing of what the batch does not hold", () => {
  const batch = checkBatch({ offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(1, 1) });
  assert.deepEqual(measure(batch, { planningMask: Uint8Array.of(0, 0) }).pairs, {
    length: { sum: [2], count: 1 },
    planning_frac: { sum: [], count: 2 },
    planning_seq_frac: { sum: [], count: 1 },
  });
});

Deno.test("measure() counts a follower only where n execution tokens of the run follow", () => {
  const follower = (
    change: { lossMask?: number[]; planningMask?: number[]; segmentIds?: number[] },
    offsets = [0, 4],
  ) => {
    const { lossMask = [1, 1, 1, 1], planningMask = [1, 0, 0, 0], segmentIds = [0, 0, 0, 0] } =
      change;
    const batch = checkBatch({
      offsets: Int32Array.from(offsets),
      lossMask: Uint8Array.from(lossMask),
      tokenIds: Int32Array.of(5, 6, 7, 8),
      segmentIds: Int32Array.from(segmentIds),
    });
    const marks = { planningMask: Uint8Array.from(planningMask), spans: Int32Array.of(0, 1, 0) };
    return measure(batch, marks, { followerLength: 2 }).followers;
  };
  assert.deepEqual(follower({}), { 2: { "0:6,7": 1 } });
  assert.deepEqual(follower({ lossMask: [1, 1, 1, 0] }), { 2: { "0:6,7": 1 } });
  assert.deepEqual(follower({ lossMask: [1, 1, 0, 1] }), {});
  assert.deepEqual(follower({ planningMask: [1, 1, 0, 0] }), {});
  assert.deepEqual(follower({ segmentIds: [0, 0, 1, 1] }), {});
  assert.deepEqual(follower({ segmentIds: [0, 1, 1, 1] }), {});
  assert.deepEqual(follower({}, [0, 3, 4]), { 2: { "0:6,7": 1 } });
  assert.deepEqual(follower({}, [0, 2, 4]), {});
});

Deno.test("measure() counts a gram once per sequence among the distinct ones", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 3, 5),
    lossMask: new Uint8Array(5).fill(1),
  });
  const spans = Int32Array.of(0, 1, 9, 1, 2, 9, 2, 3, 4, 3, 4, 9);
  const { pairs } = measure(batch, { planningMask: Uint8Array.of(1, 1, 1, 1, 0), spans });
  assert.deepEqual(pairs.distinct_grams_per_seq, { sum: [3], count: 2 });
  assert.deepEqual(pairs.gram_repeat_frac, { sum: [1], count: 4 });
});

Deno.test("measure() takes a reward above the threshold as correct", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 1, 2, 3),
    lossMask: Uint8Array.of(1, 1, 1),
    rewards: Float32Array.of(0, 0.5, 1),
  });
  const correct = (options: MeasureOptions) =>
    measure(batch, { planningMask: new Uint8Array(3) }, options).pairs.accuracy;
  assert.deepEqual(correct({}), { sum: [2], count: 3 });
  assert.deepEqual(correct({ correctAbove: 0.5 }), { sum: [1], count: 3 });
  assert.deepEqual(correct({ correctAbove: -1 }), { sum: [3], count: 3 });
});

Deno.test("measure() does not take a reward for above the threshold that it equals in float32", () => {
  const values = [0.1, 0.7, 1.1, -0.1, 16777217];
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e30, max: 1e30 }), (value) => {
      const batch = checkBatch({
        offsets: Int32Array.of(0, 1),
        lossMask: Uint8Array.of(1),
        rewards: Float32Array.of(value),
        groupIds: Int32Array.of(0),
      });
      const sums = measure(batch, { planningMask: new Uint8Array(1) }, { correctAbove: value });
      assert.deepEqual(sums.pairs.accuracy, { sum: [], count: 1 });
      assert.equal(metricValues(sums, {})["hicra/pass_at_1"], 0);
    }),
    { examples: values.map((value) => [value]) },
  );
});

Deno.test("measure() does not modify its inputs", () => {
  fc.assert(fc.property(fc.array(anySequence, { maxLength: 4 }), (sequences) => {
    const [given, copy] = [pack(sequences), pack(sequences)];
    measure(given.batch, given.marks, { after: given.after });
    assert.deepEqual(given, copy);
  }));
});

Deno.test("mergeMetrics() of any partition in any order equals measuring at once", () => {
  const property = fc.property(
    fc.array(anySequence, { maxLength: 8 }),
    fc.array(fc.nat(3), { minLength: 8, maxLength: 8 }),
    fc.boolean(),
    fc.boolean(),
    (sequences, shardOf, split, reversed) => {
      // Without a scope the rollouts of a group go to one shard; with one they may go anywhere.
      const shards: Sequence[][] = [[], [], [], []];
      sequences.forEach((q, s) => {
        shards[split || q.group < 0 ? shardOf[s]! : q.group]!.push(q);
      });
      const options = split ? { groups: { scope: "step 3" } } : {};
      const [first, ...rest] = shards.map((shard) => {
        const { batch, marks, after } = pack(shard);
        return measure(batch, marks, { after, ...options });
      });
      const whole = pack(sequences);
      const atOnce = measure(whole.batch, whole.marks, { after: whole.after, ...options });
      const merged = reversed
        ? rest.reduceRight((sum, next) => mergeMetrics(next, sum), first!)
        : rest.reduce(mergeMetrics, first!);
      assert.equal(JSON.stringify(merged), JSON.stringify(atOnce));
      assert.deepEqual(JSON.parse(JSON.stringify(merged)), merged);
    },
  );
  fc.assert(property, { numRuns: numRuns(500) });
});

Deno.test("measure() is the same for any order of the sequences", () => {
  fc.assert(fc.property(fc.array(anySequence, { maxLength: 6 }), (sequences) => {
    const [forth, back] = [sequences, sequences.toReversed()].map((order) => {
      const { batch, marks, after } = pack(order);
      return JSON.stringify(measure(batch, marks, { after }));
    });
    assert.equal(forth, back);
  }));
});

Deno.test("mergeMetrics() is associative and has emptyMetrics() as its neutral element", () => {
  const anyMetrics = fc.array(anySequence, { maxLength: 3 }).map((sequences) => {
    const { batch, marks, after } = pack(sequences);
    return measure(batch, marks, { after });
  });
  fc.assert(fc.property(anyMetrics, anyMetrics, anyMetrics, (a, b, c) => {
    assert.deepEqual(mergeMetrics(mergeMetrics(a, b), c), mergeMetrics(a, mergeMetrics(b, c)));
    assert.deepEqual(mergeMetrics(a, b), mergeMetrics(b, a));
    assert.deepEqual(mergeMetrics(a, emptyMetrics()), a);
    assert.deepEqual(mergeMetrics(emptyMetrics(), a), a);
  }));
});

Deno.test("mergeMetrics() joins split groups of one scope and keeps scopes apart", () => {
  const rank = (rewards: number[], scope: string) =>
    measure(
      checkBatch({
        offsets: Int32Array.from([0, ...rewards.map(() => 0)]),
        lossMask: new Uint8Array(0),
        rewards: Float32Array.from(rewards),
        groupIds: new Int32Array(rewards.length),
      }),
      { planningMask: new Uint8Array(0) },
      { groups: { scope } },
    );
  const merged = [rank([1, 1], "a"), rank([0], "a"), rank([0, -0], "b")].reduce(mergeMetrics);
  assert.deepEqual(merged.openGroups, {
    "a/0": { size: 3, correct: 2, low: 0, high: 1 },
    "b/0": { size: 2, correct: 0, low: 0, high: 0 },
  });
  assert.deepEqual(metricPairs(merged)["hicra/zero_std_group_frac"], { sum: 1, count: 2 });
});

Deno.test("mergeMetrics() joins split groups by their names where the ids are those of a batch", () => {
  const shard = (rewards: number[], groupIds: number[], names: string[], split = true) =>
    measure(
      checkBatch({
        offsets: Int32Array.from([0, ...rewards.map(() => 0)]),
        lossMask: new Uint8Array(0),
        rewards: Float32Array.from(rewards),
        groupIds: Int32Array.from(groupIds),
      }),
      { planningMask: new Uint8Array(0) },
      { groups: { names, ...(split && { scope: "a" }) } },
    );
  const [one, two] = [shard([1, 1, 0], [0, 0, 1], ["p", "q"]), shard([0, 1], [0, 1], ["q", "p"])];
  assert.deepEqual(mergeMetrics(one, two).openGroups, {
    "a/p": { size: 3, correct: 3, low: 1, high: 1 },
    "a/q": { size: 2, correct: 0, low: 0, high: 0 },
  });
  // Equal names are one group in one batch too, and -1 needs no name.
  assert.deepEqual(shard([1, 0, 0], [0, 1, -1], ["p", "p"], false).groups, { "2/1/varied": 1 });
  assert.throws(() => shard([1, 0], [0, 2], ["p", "q"]), {
    name: "RangeError",
    message:
      "Cannot measure as groups.names must name every group: groupIds[1] is 2, the number of names is 2",
  });
});

Deno.test("mergeMetrics() throws when the two call different rewards correct", () => {
  const [a, b] = [0, 0.5].map((correctAbove) => ({ ...emptyMetrics(), correctAbove }));
  assert.throws(() => mergeMetrics(a!, b!), {
    name: "RangeError",
    message:
      "Cannot merge metrics as correctAbove must be the same in both: current values are 0 and 0.5",
  });
});

Deno.test("measure() throws on marks and options that break the contract", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 3, 4),
    lossMask: Uint8Array.of(1, 1, 1, 0),
    advantages: Float32Array.of(1, -1),
  });
  const { advantages: _, ...withoutAdvantages } = batch;
  const mask = Uint8Array.of(0, 1, 0, 0);
  const spans = (...values: number[]) => ({ planningMask: mask, spans: Int32Array.from(values) });
  const cases: [name: string, message: string, marks: PlanningTokens, options?: MeasureOptions][] =
    [
      [
        "TypeError",
        "planningMask must be a Uint8Array: current value is undefined",
        {} as PlanningTokens,
      ],
      [
        "RangeError",
        "planningMask must hold one value per token, 4: current length is 1",
        { planningMask: Uint8Array.of(1) },
      ],
      [
        "RangeError",
        "planningMask holds only 0 and 1: planningMask[2] is 2",
        { planningMask: Uint8Array.of(0, 1, 2, 0) },
      ],
      [
        "TypeError",
        "spans must be an Int32Array: current value is 0,1,0",
        { planningMask: mask, spans: [0, 1, 0] as unknown as Int32Array },
      ],
      ["RangeError", "spans must hold three values per span: current length is 2", spans(0, 1)],
      ["RangeError", "starts must not decrease: span 1 is [0, 1, 0]", spans(1, 2, 0, 0, 1, 0)],
      [
        "RangeError",
        "a span must hold at least one token, its start 0 or more: span 0 is [1, 1, 0]",
        spans(1, 1, 0),
      ],
      [
        "RangeError",
        "a span must hold at least one token, its start 0 or more: span 0 is [-1, 1, 0]",
        spans(-1, 1, 0),
      ],
      ["RangeError", "a span must lie in one sequence: span 0 is [2, 4, 0]", spans(2, 4, 0)],
      ["RangeError", "a span must lie in one sequence: span 0 is [4, 5, 0]", spans(4, 5, 0)],
      ["RangeError", "a gram index must be 0 or more: span 0 is [1, 2, -1]", spans(1, 2, -1)],
      [
        "RangeError",
        "a span must hold only tokens whose lossMask is 1: span 0 is [3, 4, 0]",
        spans(3, 4, 0),
      ],
      [
        "TypeError",
        "after must be a Float32Array: current value is 1,2,3,4",
        { planningMask: mask },
        { after: [1, 2, 3, 4] as unknown as Float32Array },
      ],
      [
        "RangeError",
        "after must hold one value per token, 4: current length is 2",
        { planningMask: mask },
        { after: Float32Array.of(1, -1) },
      ],
      [
        "RangeError",
        "correctAbove must be finite: current value is NaN",
        { planningMask: mask },
        { correctAbove: NaN },
      ],
      [
        "RangeError",
        "followerLength must be at least 1: current value is 0",
        { planningMask: mask },
        { followerLength: 0 },
      ],
    ];
  for (const [name, message, marks, options] of cases) {
    assert.throws(() => measure(batch, marks, options), {
      name,
      message: `Cannot measure as ${message}`,
    });
  }
  assert.throws(
    () => measure(withoutAdvantages, { planningMask: mask }, { after: new Float32Array(4) }),
    {
      name: "TypeError",
      message: "Cannot measure after as batch.advantages must hold what it is compared with: " +
        "current value is undefined",
    },
  );
  for (const value of [NaN, Infinity, -Infinity]) {
    const after = Float32Array.of(0, 0, value, NaN);
    assert.throws(() => measure(batch, { planningMask: mask }, { after }), {
      name: "RangeError",
      message:
        `Cannot measure after as it must be finite where lossMask is 1: after[2] is ${value}`,
    });
  }
});
