import assert from "node:assert/strict";
import { checkBatch } from "../../../batch/mod.ts";
import { joinBatches } from "../../../bench/join_batches.ts";
import { ownContestant } from "../../../bench/python/logits_suite.ts";
import {
  checkStatistics,
  drawLogits,
  fromBfloat16,
  roundToBfloat16,
  trueStatistics,
} from "../../../bench/python/logits_truth.ts";
import { expectedOccurrences, matchCases } from "../../../bench/python/match_cases.ts";
import { gramIds, windowMask } from "../../../bench/python/window_mask.ts";
import { byteTokens } from "../../sg/byte_tokens.ts";

const BYTES = byteTokens(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)));

function batchOf(...texts: string[]) {
  const rows = texts.map((text) => new TextEncoder().encode(text));
  return joinBatches(rows.map((row) =>
    checkBatch({
      offsets: Int32Array.of(0, row.length),
      tokenIds: Int32Array.from(row),
      lossMask: new Uint8Array(row.length).fill(1),
    })
  ));
}

Deno.test("windowMask() marks every place where the ids of a gram stand, inside a sequence", () => {
  const batch = joinBatches([checkBatch({
    offsets: Int32Array.of(0, 5, 8),
    tokenIds: Int32Array.of(1, 1, 2, 9, 1, 2, 1, 2),
    lossMask: new Uint8Array(8).fill(1),
  })]);
  assert.deepEqual(windowMask(batch, [[1, 2]]), Uint8Array.of(0, 1, 1, 0, 0, 0, 1, 1));
  assert.deepEqual(windowMask(batch, [[1], [9, 1, 7]]), Uint8Array.of(1, 1, 0, 0, 1, 0, 1, 0));
  assert.deepEqual(windowMask(batch, []), new Uint8Array(8));
});

Deno.test("gramIds() encodes one form of a gram or four, each list once", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  assert.deepEqual(gramIds(["so", "so"], encode, "one"), [[115, 111]]);
  assert.deepEqual(gramIds(["so"], encode, "four"), [
    [115, 111],
    [32, 115, 111],
    [83, 111],
    [32, 83, 111],
  ]);
  assert.equal(gramIds(["# x"], encode, "four").length, 2); // no capital
});

Deno.test("matchCases() packs lower-cased texts and names a case for each function", () => {
  const { arrays, cases } = matchCases(batchOf("Wait", "\u00c9t\u00e9"), BYTES, ["wait"], {
    "torch, every window": [[1]],
    "torch, candidates": [[1]],
  });
  const text = new TextDecoder().decode(arrays["text"]!.data as Uint8Array);
  assert.equal(text, "wait\u00e9t\u00e9");
  assert.deepEqual([...arrays["text offsets"]!.data], [0, 4, 9]);
  assert.equal(cases["torch, every window"]!.run, "windows");
  assert.equal(cases["torch, candidates"]!.run, "windows, candidates");
  assert.ok("pyahocorasick, decode" in cases);
});

Deno.test("expectedOccurrences() lower-cases everything in text, ASCII only in bytes", () => {
  const batch = batchOf("Wait, await \u00c9t\u00e9");
  assert.deepEqual(expectedOccurrences(batch, BYTES, ["wait", "\u00e9t\u00e9"]), {
    text: 3,
    bytes: 2,
  });
});

Deno.test("trueStatistics() gives log-probability and entropy", () => {
  const logits = Float32Array.of(0, 0, 0, 0, 1000, 0, 0, 0, -Infinity, 0, 0, -Infinity);
  const { logprobs, entropies } = trueStatistics(logits, Int32Array.of(1, 0, 1));
  const expected = [-Math.log(4), 0, -Math.log(2)];
  for (const [t, value] of expected.entries()) {
    assert.ok(Math.abs(logprobs[t]! - value) < 1e-12, `${logprobs[t]}`);
  }
  assert.ok(Math.abs(entropies[0]! - Math.log(4)) < 1e-12);
  assert.ok(Math.abs(entropies[1]!) < 1e-12);
});

Deno.test("roundToBfloat16() rounds to the nearest, ties to even", () => {
  const values = Float32Array.of(1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 0);
  assert.deepEqual(
    fromBfloat16(roundToBfloat16(values)),
    Float32Array.of(1, -2.5, 1, 1 + 2 ** -6, 1 + 2 ** -7, 0),
  );
});

Deno.test("drawLogits() draws the same every time", () => {
  const input = drawLogits(2, 100);
  assert.deepEqual(input, drawLogits(2, 100));
  assert.equal(input.float32.length, 200);
  assert.ok(input.tokenIds.every((id) => id >= 0 && id < 100));
  assert.ok(input.float32.every(Number.isFinite));
});

Deno.test("checkStatistics() returns the largest errors, and refuses what is wrong", () => {
  const truth = { logprobs: Float64Array.of(-1, -2), entropies: Float64Array.of(3, 4) };
  assert.deepEqual(
    checkStatistics("x", { logprobs: [-1, -2], entropies: [3, 4 + 2 ** -16] }, truth, 1000),
    { logprob: 0, entropy: 2 ** -16 },
  );
  const wrong = { logprobs: [-1, -2.01], entropies: [3, 4] };
  assert.throws(() => checkStatistics("x", wrong, truth, 1000), {
    message:
      /^Cannot compare with "x" as its logprobs must be within .*: logprobs\[1\] is -2\.01, the/,
  });
  const nan = { logprobs: [-1, NaN], entropies: [3, 4] };
  assert.throws(() => checkStatistics("x", nan, truth, 1000), /logprobs\[1\] is NaN/);
  const short = { logprobs: [-1], entropies: [3, 4] };
  assert.throws(() => checkStatistics("x", short, truth, 1000), {
    message: 'Cannot compare with "x" as it must return 2 logprobs: current value is 1',
  });
  assert.throws(() => checkStatistics("x", undefined, truth, 1000), /must return 2 logprobs/);
});

Deno.test("ownContestant() takes any path of ours, checks it and says how exact it is", async () => {
  const input = drawLogits(3, 50);
  const truth = trueStatistics(input.float32, input.tokenIds);
  const path = {
    name: "hicra",
    float32: (logits: Float32Array, tokenIds: Int32Array) => {
      const { logprobs, entropies } = trueStatistics(logits, tokenIds);
      const [l, e] = [Float32Array.from(logprobs), Float32Array.from(entropies)];
      return Promise.resolve({ logprobs: l, entropies: e });
    },
    release: () => Promise.resolve(),
  };
  const { contestant, finds } = ownContestant(path, input, "float32", truth)!;
  assert.equal((await contestant()).result, Math.fround(truth.entropies[0]!));
  assert.match(finds(), /^largest error \d\.\de-\d, \d\.\de-\d$/);
  assert.equal(ownContestant(path, input, "bfloat16", truth), undefined);
  const lying = {
    ...path,
    float32: (_: Float32Array, ids: Int32Array) => path.float32(new Float32Array(150), ids),
  };
  await assert.rejects(
    ownContestant(lying, input, "float32", truth)!.contestant(),
    /"hicra" as its/,
  );
});
