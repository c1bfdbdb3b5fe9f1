import assert from "node:assert/strict";
import { gtpo, hicra } from "../../advantage/mod.ts";
import { creditRollouts } from "../../cli/credit_rollouts.ts";
import { inspectRollouts } from "../../cli/inspect_rollouts.ts";
import { markRollouts } from "../../cli/mark_rollouts.ts";
import { measureRollouts } from "../../cli/measure_rollouts.ts";
import type { Rollout } from "../../files/mod.ts";
import { mergeMetrics, metricPairs, type MetricSums } from "../../metrics/mod.ts";
import { tinyMatcher } from "../hooks/_tiny_matcher.ts";

const matcher = tinyMatcher();
const transforms = [hicra({ alpha: 0.5 })];

function silent(message: string): void {
  throw new Error(`unexpected warning: ${message}`);
}

Deno.test("markRollouts() asks for a rollout only when the one before is written", async () => {
  let asked = 0;
  function* rollouts(): Generator<Rollout> {
    while (true) yield { "prompt_id": `p${asked++}`, "token_ids": [0, 1] };
  }
  for await (const { prompt_id: id, spans } of markRollouts(rollouts(), { matcher })) {
    assert.deepEqual(spans, [[0, 2, 0]]);
    assert.equal(id, `p${asked - 1}`);
    if (asked === 3) break;
  }
});

Deno.test("markRollouts() counts positions within the rollout, and breaks phrases at segments", async () => {
  const rollouts = [
    { "prompt_id": "p", "token_ids": [2, 3] },
    {
      "prompt_id": "p",
      "token_ids": [2, 3, 2, 0, 1, 2, 0, 1],
      "segment_ids": [0, 0, 0, 0, 0, 0, 0, 1],
    },
  ];
  const marked = await Array.fromAsync(markRollouts(rollouts, { matcher }));
  assert.deepEqual(marked.map(({ spans }) => spans), [[[1, 2, 1]], [[1, 2, 1], [3, 5, 0]]]);
  assert.deepEqual(marked[1]!.planning_mask, Uint8Array.of(0, 1, 0, 1, 1, 0, 0, 0));
});

Deno.test("markRollouts() looks at no field that the mask does not depend on", async () => {
  const bare = { "prompt_id": "p", "token_ids": [0, 1, 3] };
  const odd = {
    ...bare,
    logprobs: [null, 5, NaN],
    entropies: [-1],
    rewards: "?",
    advantages: [NaN],
  };
  const marked = (rollout: Rollout) =>
    Array.fromAsync(markRollouts([rollout], { matcher: tinyMatcher() }));
  assert.deepEqual(await marked(odd as Rollout), await marked(bare));
});

Deno.test("markRollouts() names the rollout that fails", async () => {
  const mark = async (
    rollout: Partial<Rollout>,
    encode?: () => Int32Array,
  ): Promise<unknown> =>
    await Array.fromAsync(markRollouts([
      { "prompt_id": "p", "token_ids": [3] },
      { "prompt_id": "q", ...rollout },
    ], { matcher, ...(encode && { encode }) }));
  await assert.rejects(mark({ "token_ids": [0, 10] }), {
    name: "RangeError",
    message:
      'Cannot mark rollout 1 (prompt_id "q") as its ids must be in the vocabulary, [0, 10): ' +
      "token_ids[1] is 10; pass the tokenizer that sampled them, or the model's vocabulary size where " +
      "it is padded",
  });
  await mark({ "token_ids": [0, 10], "loss_mask": [1, 0] });
  await assert.rejects(mark({ completion: "x" }), {
    name: "TypeError",
    message:
      'Cannot pack rollout 1 (prompt_id "q") as it has a completion and no token_ids: pass ' +
      "options.encode",
  });
  const failing = (): Int32Array => {
    throw new RangeError("no such character");
  };
  await assert.rejects(mark({ completion: "x" }, failing), {
    name: "RangeError",
    message: 'Cannot pack rollout 1 (prompt_id "q") as it cannot be encoded: no such character',
  });
});

Deno.test("markRollouts() spells nothing for an id outside the vocabulary where loss_mask is 0", async () => {
  const ids = { "prompt_id": "p", "token_ids": [-100, 0, 1, -1] };
  const [marked] = await Array.fromAsync(
    markRollouts([{ ...ids, "loss_mask": [0, 1, 1, 0] }], { matcher }),
  );
  assert.deepEqual(marked!.planning_mask, Uint8Array.of(0, 1, 1, 0));
  await assert.rejects(Array.fromAsync(markRollouts([ids], { matcher })), {
    name: "RangeError",
    message: /^Cannot mark rollout 0 \(prompt_id "p"\) as its ids .* token_ids\[0\] is -100; /,
  });
});

Deno.test("creditRollouts() says whose advantages they are", () => {
  const credit = (fields: object, options: object = {}): string =>
    creditRollouts(
      [{ "prompt_id": "p", "token_ids": [3], ...fields }, {
        "prompt_id": "p",
        "token_ids": [3],
        ...fields,
        reward: 0,
      }],
      { matcher, transforms, warn: silent, ...options },
    ).baseline;
  assert.equal(credit({ advantage: 1, reward: 1 }), "host");
  assert.equal(credit({ reward: 1 }, { baseline: "trl" }), "trl");
  const own = { formula: "r", source: "this test", group: { center: "none" } };
  assert.equal(credit({ reward: 1 }, { baseline: own }), "custom");
});

Deno.test("creditRollouts() keeps the advantages before the transforms in the batch", () => {
  const { batch, result } = creditRollouts(
    [{ "prompt_id": "p", "token_ids": [3, 2], advantage: -2 }],
    { matcher, transforms },
  );
  assert.deepEqual(batch.advantages, Float32Array.of(-2));
  assert.deepEqual(result.advantages, Float32Array.of(-1, -2));
});

Deno.test("measureRollouts() needs neither advantages nor rewards", () => {
  const { pairs } = measureRollouts([{ "prompt_id": "p", "token_ids": [3, 2] }], { matcher });
  assert.deepEqual([pairs.planning_frac, pairs.adv_plan], [{ sum: [1], count: 2 }, undefined]);
});

Deno.test("measureRollouts() and inspectRollouts() warn of a mask that they do not look at", async () => {
  const marked = { "prompt_id": "p", "token_ids": [3, 2], "planning_mask": [0, 1] };
  const messages: string[] = [];
  const options = { matcher, warn: (message: string) => messages.push(message) };
  measureRollouts([{ "prompt_id": "o", "token_ids": [3] }, marked], options);
  await Array.fromAsync(inspectRollouts([marked], options));
  assert.deepEqual(messages.map((message) => message.slice(0, 50)), [
    'hicra: rollout 1 (prompt_id "p") has a planning_ma',
    'hicra: rollout 0 (prompt_id "p") has a planning_ma',
  ]);
});

Deno.test("measureRollouts() and creditRollouts() of a cut file merge to the figures of the whole", () => {
  // Groups of 8: one right rollout, all wrong, all right, half right.
  const rollouts = [1, 0, 8, 4].flatMap((correct, group) =>
    Array.from({ length: 8 }, (_, k) => ({
      "prompt_id": `prompt ${group}`,
      "token_ids": [3, 2],
      advantage: k,
      reward: Number(k < correct),
    }))
  );
  const metrics = { groupScope: "step 3" };
  const figuresOf = (sums: MetricSums): unknown => {
    const pairs = metricPairs(sums);
    return [pairs["hicra/pass_at_8"], pairs["hicra/zero_std_group_frac"]];
  };
  const measures = [
    (part: Rollout[]) => measureRollouts(part, { matcher, metrics }),
    (part: Rollout[]) => creditRollouts(part, { matcher, transforms, metrics }).result.metrics!,
  ];
  for (const measure of measures) {
    assert.deepEqual(figuresOf(measure(rollouts)), [{ sum: 3, count: 4 }, { sum: 2, count: 4 }]);
    // On a group's boundary, where both files number their groups from 0, and inside a group.
    for (const cut of [8, 16, 3, 13, 31]) {
      const parts = [rollouts.slice(cut), rollouts.slice(0, cut)].map(measure);
      assert.deepEqual(mergeMetrics(parts[0]!, parts[1]!), measure(rollouts), `cut at ${cut}`);
    }
  }
});

Deno.test("inspectRollouts() stops reading when it has enough", async () => {
  let asked = 0;
  function* rollouts(): Generator<Rollout> {
    while (true) yield { "prompt_id": "p", "token_ids": [3], reward: asked++ % 2 };
  }
  const some = inspectRollouts(rollouts(), { matcher, correct: true, limit: 2 });
  assert.deepEqual((await Array.fromAsync(some)).map(({ reward }) => reward), [1, 1]);
  assert.equal(asked, 4);
});

Deno.test("inspectRollouts() takes for correct what the metrics do", async () => {
  const matcher = tinyMatcher();
  const rollouts = [0.1, 0.2].map((reward) => ({ "prompt_id": "p", "token_ids": [3], reward }));
  const options = { matcher, correctAbove: 0.1 };
  const all = await Array.fromAsync(inspectRollouts(rollouts, options));
  assert.deepEqual(all.map(({ correct }) => correct), [false, true]);
  const right = await Array.fromAsync(inspectRollouts(rollouts, { ...options, correct: true }));
  assert.deepEqual(right.map(({ reward }) => reward), [Math.fround(0.2)]);
});

Deno.test("inspectRollouts() shows the same rollouts with transforms, and what they do", async () => {
  const rollouts = [0, 1, 1].map((reward) => ({ "prompt_id": "p", "token_ids": [3, 2], reward }));
  const credited = creditRollouts(rollouts, { matcher, transforms, baseline: "rloo" });
  const options = { matcher, correct: true, limit: 1 };
  const [plain] = await Array.fromAsync(inspectRollouts(rollouts, options));
  const [shifted] = await Array.fromAsync(inspectRollouts(rollouts, { ...options, credited }));
  // 1 minus the mean of 0 and 1.
  assert.deepEqual(shifted!.segments[0]!.advantage, { before: 0.5, after: 0.75 });
  assert.equal(plain!.segments[0]!.advantage, undefined);
  assert.deepEqual([shifted!.reward, shifted!.numSpans], [plain!.reward, plain!.numSpans]);
});

Deno.test("inspectRollouts() says when nothing was selected", async () => {
  const warnings: string[] = [];
  const rollouts = [{ "prompt_id": "p", "token_ids": [3], reward: 1 }];
  const warn = (message: string): void => void warnings.push(message);
  const credited = creditRollouts([{ ...rollouts[0]!, advantage: 1 }], { matcher, transforms });
  for (const more of [{}, { credited }]) {
    const none = inspectRollouts(rollouts, { matcher, warn, promptId: "q", ...more });
    assert.deepEqual(await Array.fromAsync(none), []);
  }
  assert.deepEqual(warnings, Array(2).fill("hicra: no rollout was selected"));
});

Deno.test("inspectRollouts() throws when other rollouts were credited", async () => {
  const rollouts = [{ "prompt_id": "p", "token_ids": [3], advantage: 1 }];
  const credited = creditRollouts(rollouts, { matcher, transforms });
  await assert.rejects(Array.fromAsync(inspectRollouts([], { matcher, credited })), {
    name: "RangeError",
    message: "Cannot inspect rollouts as credited must be of the same ones, 0: it is of 1",
  });
});

Deno.test("creditRollouts() says why all advantages are 0", () => {
  const warningsOf = (fields: object[], options: object = { baseline: "paper" }): string[] => {
    const warnings: string[] = [];
    creditRollouts(
      fields.map((one) => ({ "prompt_id": "p", "token_ids": [3], ...one })),
      { matcher, transforms, warn: (message) => warnings.push(message), ...options },
    );
    return warnings;
  };
  const zero = "hicra: all advantages are 0, so there is nothing to credit: ";
  assert.deepEqual(warningsOf([{ reward: 1 }, { "prompt_id": "q", reward: 0 }]), [
    `${zero}every prompt_id has one rollout, and baseline "paper" gives a group of one 0`,
  ]);
  assert.deepEqual(warningsOf([{ reward: 1 }, { reward: 1 }, { "prompt_id": "q", reward: 0 }]), [
    `${zero}the rollouts of each prompt_id have equal rewards, and baseline "paper" gives them 0`,
  ]);
  // MaxRL gives 0 where the mean is not positive.
  assert.deepEqual(warningsOf([{ reward: -1 }, { reward: 1 }], { baseline: "maxrl" }), [
    `${zero}baseline "maxrl" gives every rollout 0`,
  ]);
  assert.deepEqual(warningsOf([{ advantage: 0 }, { advantage: -0 }], {}), [
    `${zero}they are so in the rollouts`,
  ]);
  assert.deepEqual(warningsOf([{ reward: 1 }, { reward: 0 }]), []);
  // Without a trained token there is nothing that could have an advantage.
  assert.deepEqual(warningsOf([{ advantage: 0, "loss_mask": [0] }], {}), []);
});

Deno.test("creditRollouts() tells of the baseline it chose only when all went well", () => {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const rollouts = [1, 0].map((reward) => ({ "prompt_id": "p", "token_ids": [3], reward }));
  assert.throws(
    () => creditRollouts(rollouts, { matcher, transforms: [gtpo()], warn }),
    /needs batch.entropies/,
  );
  assert.deepEqual(warnings, []);
  creditRollouts(rollouts, { matcher, transforms, warn });
  assert.equal(warnings.length, 1);
});
