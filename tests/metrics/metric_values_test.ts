import assert from "node:assert/strict";
import fc from "fast-check";
import {
  emptyMetrics,
  followerEntropy,
  measure,
  metricPairs,
  type MetricSums,
  metricValues,
  PAIR_NAMES,
  semanticEntropy,
} from "../../metrics/mod.ts";
import { anySequence, pack } from "./_sequences.ts";

const clusters = Int32Array.of(5, 5, -1, 8);

Deno.test("metricPairs() gives the same names in the same order whatever was measured", () => {
  const names = [...PAIR_NAMES, "adv_abs_ratio", "zero_std_group_frac", "pass_at_1", "pass_at_8"];
  const expected = names.map((name) => `hicra/${name}`);
  assert.deepEqual(Object.keys(metricPairs(emptyMetrics())), expected);
  fc.assert(fc.property(fc.array(anySequence, { maxLength: 3 }), (sequences) => {
    const { batch, marks } = pack(sequences);
    assert.deepEqual(Object.keys(metricPairs(measure(batch, marks))), expected);
  }));
});

Deno.test("metricPairs() counts 0 for what was not measured", () => {
  for (const pair of Object.values(metricPairs(emptyMetrics()))) {
    assert.deepEqual(pair, { sum: 0, count: 0 });
  }
});

Deno.test("metricPairs() divides the mass after by the mass before", () => {
  const ratio = (planAfter: number, execAfter: number, execCount: number) =>
    metricPairs({
      ...emptyMetrics(),
      pairs: {
        adv_abs_plan: { sum: [2], count: 1 },
        adv_abs_exec: { sum: [6], count: 3 },
        adv_abs_plan_after: { sum: [planAfter], count: 1 },
        adv_abs_exec_after: { sum: [execAfter], count: execCount },
      },
    })["hicra/adv_abs_ratio"];
  assert.deepEqual(ratio(3, 6, 3), { sum: 9, count: 8 });
  // One of the merged batches had no advantages after the transform.
  assert.deepEqual(ratio(3, 4, 2), { sum: 0, count: 0 });
});

Deno.test("metricPairs() and metricValues() take a prefix and the k of pass@k", () => {
  const sums = { ...emptyMetrics(), groups: { "2/1/varied": 1 } };
  const options = { prefix: "x/", passAt: [2] };
  assert.deepEqual(metricPairs(sums, options)["x/pass_at_2"], { sum: 1, count: 1 });
  assert.equal(metricValues(sums, options)["x/pass_at_2"], 1);
  assert.equal(metricValues(sums, options)["x/perplexity_plan"], null);
});

Deno.test("metricValues() names hold no substring by which verl picks a reduction", () => {
  const values = metricValues(emptyMetrics(), { baseline: emptyMetrics() });
  for (const name of Object.keys(values)) assert.doesNotMatch(name, /min|max|sum|total/);
});

Deno.test("metricValues() is null or finite for anything", () => {
  const anySums = fc.array(anySequence, { maxLength: 4 }).map((sequences) => {
    const { batch, marks, after } = pack(sequences);
    return measure(batch, marks, { after });
  });
  fc.assert(fc.property(anySums, anySums, (sums, baseline) => {
    const values = metricValues(sums, { baseline, clusters });
    for (const [name, value] of Object.entries(values)) {
      assert.ok(value === null || Number.isFinite(value), `${name} is ${value}`);
    }
  }));
});

Deno.test("metricValues() gives the entropies of phrases and followers", () => {
  const sums: MetricSums = {
    ...emptyMetrics(),
    grams: { 0: 1, 1: 1, 3: 2 },
    followers: { 3: { "0:1,2,3": 1, "3:1,2,3": 1, "3:1,2,4": 1 } },
  };
  const values = metricValues(sums, { lexiconSize: 16, prefix: "" });
  assert.equal(values.phrase_entropy, semanticEntropy(sums).value);
  assert.equal(values.phrase_entropy_mm, values.phrase_entropy! + 2 / 8);
  assert.equal(values.phrase_entropy_norm_lexicon, values.phrase_entropy! / Math.log(16));
  assert.deepEqual([values.phrase_entropy_support, values.phrase_entropy_samples], [3, 4]);
  assert.equal(values.follower_entropy, (2 / 3) * Math.LN2);
  assert.equal(values.follower_entropy_mm, (2 / 3) * Math.LN2 + 1 / 6);
  assert.equal(values.follower_entropy_ceiling, (2 / 3) * Math.LN2);
  assert.deepEqual(
    [
      values.follower_entropy_support,
      values.follower_entropy_contexts,
      values.follower_entropy_samples,
    ],
    [3, 2, 3],
  );
  assert.equal(values.top_gram_frac, 0.5);
});

Deno.test("metricValues() divides by the baseline, and gives null where there is none", () => {
  const step = (plan: number, grams: Record<string, number>): MetricSums => ({
    ...emptyMetrics(),
    pairs: {
      surprisal_plan: { sum: [plan], count: 1 },
      entropy_plan_old: { sum: [plan], count: 1 },
    },
    grams,
  });
  const values = metricValues(step(1, { 0: 1, 1: 1 }), {
    baseline: step(2, { 0: 1, 1: 1, 2: 1, 3: 1 }),
    prefix: "",
  });
  assert.equal(values.perplexity_plan_rel, Math.exp(1) / Math.exp(2));
  assert.equal(values.entropy_plan_old_rel, 0.5);
  assert.equal(values.phrase_entropy_rel, 0.5);
  assert.equal(values.perplexity_exec_rel, null);
  assert.equal(values.follower_entropy_rel, null);
});

Deno.test("semanticEntropy() puts grams of one cluster in one bin", () => {
  const sums = { ...emptyMetrics(), grams: { 0: 1, 1: 1, 2: 1, 3: 1 } };
  const byGram = semanticEntropy(sums, { base: "bits", lexiconSize: 16 });
  assert.deepEqual([byGram.value, byGram.support, byGram.normalizedByBins], [2, 4, 0.5]);
  const byCluster = semanticEntropy(sums, { base: "bits", clusters });
  assert.deepEqual([byCluster.value, byCluster.support], [1.5, 3]);
  // Three bins exist: cluster 5, gram 2 and cluster 8.
  assert.equal(byCluster.normalizedByBins, byCluster.normalizedBySupport);
});

Deno.test("followerEntropy() joins grams of one cluster and is null at an unmeasured length", () => {
  const followers = { 1: { "0:7": 1, "1:8": 1, "2:7": 2 } };
  const sums = { ...emptyMetrics(), followers };
  assert.equal(followerEntropy(sums, { followerLength: 1 }).value, 0);
  const joined = followerEntropy(sums, { followerLength: 1, clusters, base: "bits" });
  assert.deepEqual([joined.value, joined.contexts, joined.support], [0.5, 2, 3]);
  assert.equal(followerEntropy(sums).value, null);
});

Deno.test("semanticEntropy() and followerEntropy() throw on a gram without a cluster entry", () => {
  const sums = { ...emptyMetrics(), grams: { 4: 1 }, followers: { 3: { "4:1,2,3": 1 } } };
  for (const estimate of [semanticEntropy, followerEntropy]) {
    assert.throws(() => estimate(sums, { clusters }), {
      name: "RangeError",
      message: "Cannot bin grams by cluster as clusters must hold one value for each gram of the " +
        "lexicon: current length is 4, gram 4 occurred",
    });
  }
});
