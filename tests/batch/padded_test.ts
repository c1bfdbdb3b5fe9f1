import assert from "node:assert/strict";
import fc from "fast-check";
import { packPadded, type PaddedBatch, unpackPadded } from "../../batch/mod.ts";

Deno.test("packPadded() keeps the zeros between trained tokens and drops padding on either side", () => {
  const { batch, layout } = packPadded({
    shape: [3, 4],
    // deno-fmt-ignore
    lossMask: Uint8Array.of(
      0, 1, 0, 1, // left padding, a tool output in between
      1, 1, 0, 0, // right padding
      0, 0, 0, 0, // a row masked out
    ),
    tokenIds: Int32Array.of(9, 1, 2, 3, 4, 5, 9, 9, 9, 9, 9, 9),
    advantages: Float32Array.of(0.5, -0.5, 7),
    rewards: Float32Array.of(1, 0, 0),
  });
  assert.deepEqual(batch.offsets, Int32Array.of(0, 3, 5, 5));
  assert.deepEqual(batch.lossMask, Uint8Array.of(1, 0, 1, 1, 1));
  assert.deepEqual(batch.tokenIds, Int32Array.of(1, 2, 3, 4, 5));
  assert.deepEqual(batch.advantages, Float32Array.of(0.5, 0.5, 0.5, -0.5, -0.5));
  assert.deepEqual(layout.starts, Int32Array.of(1, 0, 0));
});

Deno.test("packPadded() broadcasts per-row advantages also when tokens happen to equal rows", () => {
  const { batch } = packPadded({
    shape: [2, 2],
    lossMask: Uint8Array.of(1, 1, 0, 0),
    advantages: Float32Array.of(3, 4),
  });
  assert.deepEqual(batch.advantages, Float32Array.of(3, 3));
});

Deno.test("packPadded() handles no rows and no columns", () => {
  for (const shape of [[0, 5], [2, 0]] as const) {
    const { batch, layout } = packPadded({ shape, lossMask: new Uint8Array() });
    assert.equal(batch.numTokens, 0);
    assert.equal(batch.numSequences, shape[0]);
    assert.deepEqual(unpackPadded(new Float32Array(), layout), new Float32Array());
  }
});

Deno.test("packPadded() and unpackPadded() throw when a length does not fit", () => {
  assert.throws(
    () => packPadded({ shape: [1, 2], lossMask: Uint8Array.of(1) }),
    {
      name: "RangeError",
      message: "Cannot convert a padded batch as lossMask must hold 2 values: current length is 1",
    },
  );
  assert.throws(
    () => packPadded({ shape: [1, 2], lossMask: Uint8Array.of(1, 1), tokenIds: Int32Array.of(1) }),
    /tokenIds must hold 2 values: current length is 1/,
  );
  assert.throws(
    () => packPadded({ shape: [1.5, 2], lossMask: Uint8Array.of(1, 1, 1) }),
    /shape must be two non-negative integers: current value is \[1.5,2\]/,
  );
  assert.throws(
    () => packPadded({ lossMask: Uint8Array.of(1) } as PaddedBatch),
    /shape must be two non-negative integers: current value is \[undefined\]/,
  );
  assert.throws(
    () => packPadded({ shape: [1, 2] } as unknown as PaddedBatch),
    /lossMask must hold 2 values: current length is undefined/,
  );
  const { layout } = packPadded({ shape: [1, 2], lossMask: Uint8Array.of(1, 1) });
  assert.throws(() => unpackPadded(Float32Array.of(1), layout), /values must hold 2 values/);
  assert.throws(
    () => unpackPadded(Float32Array.of(1, 2), layout, Float32Array.of(1)),
    /base must hold 2 values/,
  );
});

const padded = fc.tuple(fc.nat(6), fc.nat(8)).chain(([rows, columns]) => {
  const length = rows * columns;
  return fc.record({
    shape: fc.constant([rows, columns] as [number, number]),
    mask: fc.array(fc.constantFrom(0, 1), { minLength: length, maxLength: length }),
    values: fc.array(fc.float({ noNaN: true }), { minLength: length, maxLength: length }),
  });
});

Deno.test("unpackPadded() of packPadded() restores every trained position, and the base elsewhere", () => {
  fc.assert(fc.property(padded, ({ shape, mask, values }) => {
    const lossMask = Uint8Array.from(mask);
    // Log-probabilities are finite and not positive.
    const base = Float32Array.from(values, (v) => Number.isFinite(v) ? -Math.abs(v) : 0);
    const { batch, layout } = packPadded({ shape, lossMask, oldLogprobs: base });
    assert.deepEqual(unpackPadded(batch.oldLogprobs!, layout, base), base);
    const zeros = unpackPadded(batch.lossMask, layout);
    assert.deepEqual(zeros, lossMask);
  }));
});
