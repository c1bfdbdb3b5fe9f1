import assert from "node:assert/strict";
import fc from "fast-check";
import { type Batch, checkBatch } from "../../batch/mod.ts";
import { type Trace, type TracedTokens, traceRollouts } from "../../view/mod.ts";
import { rolloutsToBatch } from "../../files/mod.ts";
import { tinyMatcher } from "../hooks/_tiny_matcher.ts";

const matcher = tinyMatcher();

function trace(
  tokenIds: number[],
  fields: Partial<Batch> = {},
  more: Partial<TracedTokens> = {},
): Trace {
  const batch = checkBatch({
    offsets: Int32Array.of(0, tokenIds.length),
    tokenIds: Int32Array.from(tokenIds),
    lossMask: new Uint8Array(tokenIds.length).fill(1),
    ...fields,
  });
  return [...traceRollouts(batch, { ...matcher.match(batch), ...more }, { matcher })][0]!;
}

Deno.test("traceRollouts() cuts where mark or gram changes", () => {
  assert.deepEqual(trace([0, 1, 3, 3, 2, 2]), {
    promptId: "rollout 0",
    truncated: false,
    numTokens: 6,
    numPlanning: 4,
    numSpans: 3,
    segments: [
      { text: "But wait", numTokens: 2, trained: true, mark: "backtracking", gram: "but wait" },
      { text: " so", numTokens: 1, trained: true, mark: "deduction", gram: "so" },
      { text: " so", numTokens: 1, trained: true, mark: "deduction", gram: "so" },
      { text: ",,", numTokens: 2, trained: true },
    ],
  });
});

Deno.test("traceRollouts() of an empty sequence has no segments", () => {
  const { segments, numTokens, numSpans, advantage } = trace([], {
    advantages: Float32Array.of(1),
    advantagesPer: "sequence",
  });
  assert.deepEqual([segments, numTokens, numSpans, advantage], [[], 0, 0, undefined]);
});

Deno.test("traceRollouts() does not tear characters", () => {
  const texts = (ids: number[], fields: Partial<Batch> = {}): string[] =>
    trace(ids, fields).segments.map(({ text }) => text);
  assert.deepEqual(texts([2, 4, 5, 2]), [",", "é", ","]);
  // The loss mask cuts within the euro sign: it stands with its first bytes.
  assert.deepEqual(texts([2, 6, 7, 2], { lossMask: Uint8Array.of(1, 1, 0, 0) }), [",€", ","]);
  assert.deepEqual(texts([6, 2, 8, 7]), ["\ufffd,\ufffd\ufffd"]);
});

Deno.test("traceRollouts() takes ids outside the vocabulary where lossMask is 0", () => {
  const { segments } = trace([0, 99, 2], { lossMask: Uint8Array.of(1, 0, 1) });
  assert.deepEqual(segments.map(({ text, trained }) => [text, trained]), [
    ["But", true],
    ["", false],
    [",", true],
  ]);
});

Deno.test("traceRollouts() shows advantages of planning tokens, and of what a transform moved", () => {
  const before = { advantages: Float32Array.of(1, 1, 1, 1), advantagesPer: "token" } as const;
  const shifts = (after?: number[]): unknown[] =>
    trace([3, 2, 2, 2], before, after ? { advantages: Float32Array.from(after) } : {})
      .segments.map(({ numTokens, advantage }) => [numTokens, advantage]);
  assert.deepEqual(shifts(), [[1, { before: 1 }], [3, undefined]]);
  assert.deepEqual(shifts([1.5, 1, 1, 1]), [[1, { before: 1, after: 1.5 }], [3, undefined]]);
  assert.deepEqual(shifts([1, 0.5, 0.5, 1]), [
    [1, { before: 1, after: 1 }],
    [2, { before: 1, after: 0.5 }],
    [1, undefined],
  ]);
  const { advantage } = trace([3, 2, 2, 2], before, { advantages: Float32Array.of(3, 1, 1, 1) });
  assert.deepEqual(advantage, { before: 1, after: 1.5 });
});

Deno.test("traceRollouts() names no gram on a mask that is not that of the spans", () => {
  const marked = { planningMask: Uint8Array.of(1, 0, 1), kinds: Uint8Array.of(1, 0, 1) };
  const { segments, numSpans } = trace([2, 3, 2], {}, marked);
  assert.deepEqual(segments, [
    { text: ",", numTokens: 1, trained: true, mark: "deduction" },
    { text: " so", numTokens: 1, trained: true },
    { text: ",", numTokens: 1, trained: true, mark: "deduction" },
  ]);
  assert.equal(numSpans, undefined);
});

Deno.test("traceRollouts() marks a mask of unknown kinds as planning", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 2),
    tokenIds: Int32Array.of(3, 2),
    lossMask: Uint8Array.of(1, 1),
  });
  const [shown] = traceRollouts(batch, { planningMask: Uint8Array.of(1, 0) }, { matcher });
  assert.deepEqual(shown!.segments, [
    { text: " so", numTokens: 1, trained: true, mark: "planning" },
    { text: ",", numTokens: 1, trained: true },
  ]);
});

Deno.test("traceRollouts() tells reward, prompt and the sequences asked for", () => {
  const rollouts = [
    { "prompt_id": "p", "token_ids": [0], reward: 0, truncated: true },
    { "prompt_id": "q", "token_ids": [3, 1], reward: 0.5, prompt: "What?" },
  ];
  const { batch } = rolloutsToBatch(rollouts);
  const marks = matcher.match(batch);
  const options = { matcher, rollouts, sequences: [1, 0] };
  const known = [...traceRollouts(batch, marks, options)].map(({ segments: _, ...rest }) => rest);
  assert.deepEqual(known, [
    {
      promptId: "q",
      prompt: "What?",
      reward: 0.5,
      correct: true,
      truncated: false,
      numTokens: 2,
      numPlanning: 1,
      numSpans: 1,
    },
    {
      promptId: "p",
      reward: 0,
      correct: false,
      truncated: true,
      numTokens: 1,
      numPlanning: 0,
      numSpans: 0,
    },
  ]);
  const strict = [...traceRollouts(batch, marks, { ...options, correctAbove: 0.5 })];
  assert.deepEqual(strict.map(({ correct }) => correct), [false, false]);
});

Deno.test("traceRollouts() throws when the batch has no token ids", () => {
  const batch = checkBatch({ offsets: Int32Array.of(0, 1), lossMask: Uint8Array.of(1) });
  assert.throws(
    () => [...traceRollouts(batch, { planningMask: Uint8Array.of(1) }, { matcher })],
    new TypeError("Cannot trace rollouts as batch.tokenIds is missing: pass the token ids"),
  );
});

Deno.test("traceRollouts() keeps every character, token and mark of any tokens", () => {
  const sequence = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 0, max: 1 })), { maxLength: 12 });
  fc.assert(fc.property(fc.array(sequence, { maxLength: 4 }), (sequences) => {
    const { batch } = rolloutsToBatch(sequences.map((sequence) => ({
      "prompt_id": "p",
      "token_ids": sequence.map(([id]) => id),
      "loss_mask": sequence.map(([, trained]) => trained),
    })));
    const marks = matcher.match(batch);
    const traces = [...traceRollouts(batch, marks, { matcher })];
    const { bytes, offsets } = matcher.tokens;
    sequences.forEach((sequence, s) => {
      const spelled = sequence.flatMap(([id]) => [...bytes.subarray(offsets[id], offsets[id + 1])]);
      const text = new TextDecoder().decode(Uint8Array.from(spelled));
      const { segments, numPlanning } = traces[s]!;
      assert.equal(segments.map((segment) => segment.text).join(""), text);
      const mask = segments.flatMap(({ numTokens, mark }) => Array(numTokens).fill(mark ? 1 : 0));
      const own = marks.planningMask.slice(batch.offsets[s], batch.offsets[s + 1]);
      assert.deepEqual(mask, [...own]);
      assert.equal(numPlanning, mask.filter((one) => one === 1).length);
    });
    const numSpans = traces.reduce((sum, one) => sum + one.numSpans!, 0);
    assert.equal(numSpans, marks.spans.length / 3);
  }));
});
