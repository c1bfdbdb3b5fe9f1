import assert from "node:assert/strict";
import {
  type Batch,
  broadcastToTokens,
  checkBatch,
  checkMeasured,
  tokenAdvantages,
} from "../../batch/mod.ts";

const valid: Batch = {
  offsets: Int32Array.of(0, 2, 2, 3),
  lossMask: Uint8Array.of(1, 0, 1),
  tokenIds: Int32Array.of(5, -100, 7),
};

Deno.test("checkBatch() accepts every field of the contract and returns the sizes", () => {
  const batch = checkBatch({
    ...valid,
    advantages: Float32Array.of(1, NaN, -1),
    advantagesPer: "token",
    rewards: Float32Array.of(1, 0, 0.5),
    groupIds: Int32Array.of(0, 0, -1),
    oldLogprobs: Float32Array.of(-1, NaN, 0),
    entropies: Float32Array.of(0.5, Infinity, -1e-7),
    flags: Uint8Array.of(0, 7, 1),
    segmentIds: Int32Array.of(0, 1, 0),
    planningMask: Uint8Array.of(0, 0, 1),
  });
  assert.equal(batch.numSequences, 3);
  assert.equal(batch.numTokens, 3);
  assert.equal(batch.tokenIds, valid.tokenIds);
});

Deno.test("checkBatch() accepts an empty batch and empty sequences", () => {
  const empty = checkBatch({ offsets: Int32Array.of(0), lossMask: new Uint8Array() });
  assert.deepEqual([empty.numSequences, empty.numTokens], [0, 0]);
  const hollow = checkBatch({ offsets: Int32Array.of(0, 0, 0), lossMask: new Uint8Array() });
  assert.deepEqual([hollow.numSequences, hollow.numTokens], [2, 0]);
});

const broken: [name: string, change: Record<string, unknown>, message: string | RegExp][] = [
  [
    "offsets missing",
    { offsets: undefined },
    "Cannot use batch.offsets as it must be an Int32Array: current value is undefined",
  ],
  [
    "offsets a plain array",
    { offsets: [0, 3] },
    "Cannot use batch.offsets as it must be an Int32Array: current value is Array",
  ],
  [
    "offsets empty",
    { offsets: new Int32Array() },
    "Cannot use batch.offsets as it must hold one value more than there are sequences: " +
    "current length is 0, pass Int32Array.of(0) for an empty batch",
  ],
  [
    "offsets not from 0",
    { offsets: Int32Array.of(1, 3) },
    "Cannot use batch.offsets as offsets[0] must be 0: current value is 1",
  ],
  [
    "offsets ragged",
    { offsets: Int32Array.of(0, 3, 2, 3) },
    "Cannot use batch.offsets as offsets must never decrease: offsets[2] is 2 after 3",
  ],
  [
    "offsets short of the tokens",
    { offsets: Int32Array.of(0, 2) },
    "Cannot use batch.offsets as the last offset must be the number of tokens: " +
    "offsets[1] is 2, lossMask holds 3",
  ],
  [
    "lossMask not 0 or 1",
    { lossMask: Uint8Array.of(1, 2, 1) },
    "Cannot use batch.lossMask as a mask holds only 0 and 1: lossMask[1] is 2",
  ],
  [
    "planningMask not 0 or 1",
    { planningMask: Uint8Array.of(0, 0, 255) },
    "Cannot use batch.planningMask as a mask holds only 0 and 1: planningMask[2] is 255",
  ],
  [
    "tokenIds of another length",
    { tokenIds: Int32Array.of(1) },
    "Cannot use batch.tokenIds as its length must be the number of tokens, 3: current length is 1",
  ],
  [
    "tokenIds of another type",
    { tokenIds: Float32Array.of(1, 2, 3) },
    "Cannot use batch.tokenIds as it must be an Int32Array: current value is Float32Array",
  ],
  [
    "groupIds per token",
    { groupIds: Int32Array.of(0, 0) },
    "Cannot use batch.groupIds as its length must be the number of sequences, 3: current length is 2",
  ],
  [
    "an infinite advantage of a trained token",
    { advantages: Float32Array.of(0, 0, Infinity), advantagesPer: "token" },
    "Cannot use batch.advantages as it must be finite where lossMask is 1: advantages[2] is Infinity, " +
    "or set lossMask to 0 there",
  ],
  [
    "a NaN advantage per sequence",
    { advantages: Float32Array.of(0, NaN, 0), advantagesPer: "sequence" },
    /advantages\[1\] is NaN/,
  ],
  [
    "advantages of no fitting length",
    { advantages: Float32Array.of(0) },
    "Cannot use batch.advantages as its length must be one per token, 3, or one per sequence, 3: " +
    "current length is 1",
  ],
  [
    "advantages that may be either",
    { advantages: Float32Array.of(0, 0, 0) },
    "Cannot use batch.advantages as 3 values may be one per token or one per sequence: " +
    "sequence 0 does not hold exactly 1 token, set batch.advantagesPer",
  ],
  [
    "surprisals passed as logprobs",
    { oldLogprobs: Float32Array.of(-1, 0, 0.5) },
    "Cannot use batch.oldLogprobs as a log-probability in nats is not positive: " +
    "oldLogprobs[2] is 0.5; pass log p, not p and not -log p",
  ],
  [
    "logprobs passed as entropies",
    { entropies: Float32Array.of(-1, 0, 0) },
    "Cannot use batch.entropies as an entropy in nats is not negative: entropies[0] is -1; " +
    "-logprob is surprisal, pass logprobs as oldLogprobs",
  ],
  [
    "an unknown flag",
    { flags: Uint8Array.of(0, 8, 0) },
    "Cannot use batch.flags as only bits 1 (truncated), 2 (padding) and 4 (exclude from metrics) are " +
    "defined: flags[1] is 8",
  ],
];

for (const [name, change, message] of broken) {
  Deno.test(`checkBatch() throws when it is given ${name}`, () => {
    assert.throws(() => checkBatch({ ...valid, ...change } as Batch), { message });
  });
}

Deno.test("checkBatch() refuses a name that is near to a field, and takes others", () => {
  assert.throws(() => checkBatch({ ...valid, reward: Float32Array.of(1, 0, 1) } as Batch), {
    name: "TypeError",
    message: 'Cannot use a batch as "reward" is none of its fields, did you mean "rewards"?',
  });
  assert.equal(checkBatch({ ...valid, prompts: [] } as Batch).numTokens, 3);
});

Deno.test("tokenAdvantages() broadcasts, copies, and throws without advantages", () => {
  const perSequence = checkBatch({
    ...valid,
    advantages: Float32Array.of(1, 2, 3),
    advantagesPer: "sequence",
  });
  assert.deepEqual(tokenAdvantages(perSequence), Float32Array.of(1, 1, 3));
  const advantages = Float32Array.of(1, 2, 3);
  const perToken = checkBatch({ ...valid, advantages, advantagesPer: "token" });
  const copy = tokenAdvantages(perToken);
  assert.deepEqual(copy, advantages);
  assert.notEqual(copy.buffer, advantages.buffer);
  assert.throws(
    () => tokenAdvantages(checkBatch(valid)),
    /batch.advantages as it must be a Float32Array/,
  );
});

Deno.test("broadcastToTokens() gives an empty sequence nothing", () => {
  assert.deepEqual(
    broadcastToTokens(Float32Array.of(1, 2, 3), Int32Array.of(0, 1, 1, 3)),
    Float32Array.of(1, 3, 3),
  );
});

Deno.test("checkBatch() lets logprobs and entropies pass that were not measured", () => {
  const missing = Float32Array.of(NaN, Infinity, -Infinity);
  const { oldLogprobs } = checkBatch(
    { ...valid, oldLogprobs: missing, entropies: missing } as Batch,
  );
  assert.equal(oldLogprobs, missing);
});

Deno.test("checkMeasured() refuses what is not finite where lossMask is 1", () => {
  const lossMask = Uint8Array.of(0, 1, 1);
  for (const field of ["oldLogprobs", "entropies"] as const) {
    for (const value of [NaN, Infinity, -Infinity]) {
      checkMeasured("weigh", field, { lossMask, [field]: Float32Array.of(value, 0, 0) });
      assert.throws(
        () => checkMeasured("weigh", field, { lossMask, [field]: Float32Array.of(0, 0, value) }),
        {
          name: "RangeError",
          message:
            `Cannot weigh as batch.${field} must be finite where lossMask is 1: ${field}[2] is ` +
            `${value}, measure it, drop the sequence, or do without what reads it`,
        },
      );
    }
    checkMeasured("weigh", field, { lossMask });
  }
});

Deno.test("checkBatch() takes what it has checked as it is, and nobody changes that", () => {
  const batch = checkBatch({ offsets: Int32Array.of(0, 1), lossMask: Uint8Array.of(1) });
  assert.equal(checkBatch(batch), batch);
  assert.throws(() => Object.assign(batch, { lossMask: Uint8Array.of(1, 1) }), TypeError);
  // A copy is another batch.
  const wrong = { ...batch, lossMask: Uint8Array.of(2) };
  assert.throws(() => checkBatch(wrong), /lossMask\[0\] is 2/);
});
