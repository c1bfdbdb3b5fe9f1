import assert from "node:assert/strict";
import fc from "fast-check";
import {
  baselineAdvantages,
  baselinePreset,
  baselinePresets,
  dynamicFilter,
  overlongFilter,
  overlongPenalty,
  whiten,
} from "../../advantage/baselines.ts";
import { checkBatch, Flag } from "../../batch/mod.ts";
import { assertAllClose } from "./_assert_close.ts";

Deno.test("whiten() leaves tokens outside the mask at 0 and reads nothing there", () => {
  const whitened = whiten(
    Float32Array.of(NaN, 2, 0, Infinity, 1),
    Uint8Array.of(0, 1, 1, 0, 1),
    { ddof: 0, epsilon: 0 },
  );
  const std = Math.sqrt(2 / 3);
  assertAllClose(whitened, [0, 1 / std, -1 / std, 0, 0]);
});

Deno.test("whiten() puts epsilon where it is told", () => {
  const values = Float32Array.of(6, 0);
  const mask = Uint8Array.of(1, 1);
  const options = { ddof: 0 } as const;
  assert.deepEqual(
    [
      whiten(values, mask, { ...options, epsilon: 16, epsilonPlace: "variance" }),
      whiten(values, mask, { ...options, epsilon: 1, epsilonPlace: "add" }),
      whiten(values, mask, { ...options, epsilon: 6, epsilonPlace: "floor" }),
      whiten(values, mask, { ...options, epsilon: 1, epsilonPlace: "floor" }),
    ].map(([first]) => first),
    [Math.fround(0.6), 0.75, 0.5, 1],
  );
});

Deno.test("whiten() gives exact zeros for equal advantages and for nothing to whiten", () => {
  const equal = new Float32Array(9).fill(0.1);
  assert.deepEqual(whiten(equal, new Uint8Array(9).fill(1)), new Float32Array(9));
  assert.deepEqual(whiten(equal, new Uint8Array(9)), new Float32Array(9));
  assert.deepEqual(whiten(new Float32Array(), new Uint8Array()), new Float32Array());
});

Deno.test("whiten() gives mean 0 and variance 1 over the mask", () => {
  const tokens = fc.array(
    fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: 0, max: 1 })),
    { minLength: 4, maxLength: 50 },
  );
  fc.assert(fc.property(tokens, (rows) => {
    const mask = Uint8Array.from(rows, ([, trained]) => trained);
    const values = Float32Array.from(rows, ([value]) => value);
    const trained = values.filter((_, i) => mask[i] === 1);
    fc.pre(trained.some((value) => value !== trained[0]));
    const whitened = whiten(values, mask).filter((_, i) => mask[i] === 1);
    const mean = whitened.reduce((sum, value) => sum + value, 0) / whitened.length;
    const squares = whitened.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    assert.ok(Math.abs(mean) < 1e-6);
    assert.ok(Math.abs(squares / (whitened.length - 1) - 1) < 1e-5);
  }));
});

Deno.test("whiten() refuses what has no variance", () => {
  assert.throws(() => whiten(Float32Array.of(1, 2), Uint8Array.of(0, 1)), {
    name: "RangeError",
    message: "Cannot whiten advantages as a variance with ddof 1 needs at least 2 tokens in " +
      "lossMask: current count is 1",
  });
  assert.throws(() => whiten(Float32Array.of(1, NaN), Uint8Array.of(1, 1)), {
    name: "RangeError",
    message: "Cannot whiten advantages as they must be finite where lossMask is 1: " +
      "advantages[1] is NaN",
  });
  assert.throws(() => whiten(Float32Array.of(1, 2), Uint8Array.of(1)), {
    name: "RangeError",
    message: "Cannot whiten advantages as lossMask must hold 2 values: current length is 1",
  });
});

Deno.test("dynamicFilter() keeps the groups whose rewards differ", () => {
  const keep = (rewards: number[], groupIds: number[], include?: number[]) =>
    Array.from(dynamicFilter(
      Float32Array.from(rewards),
      Int32Array.from(groupIds),
      include && { include: Uint8Array.from(include) },
    ));
  assert.deepEqual(keep([], []), []);
  assert.deepEqual(keep([1], [0]), [0]);
  assert.deepEqual(keep([1, 1, 0, 0, 1], [0, 1, 0, 1, 0]), [1, 1, 1, 1, 1]);
  assert.deepEqual(keep([0.1, 0.1, 0, 0], [0, 0, 1, 1]), [0, 0, 0, 0]);
  assert.deepEqual(keep([1, 1, 0], [0, 0, 0], [1, 1, 0]), [0, 0, 0]);
  assert.deepEqual(keep([1, 0, NaN], [0, 0, -1], [1, 1, 0]), [1, 1, 0]);
  assert.throws(() => keep([1], [-1]), {
    name: "RangeError",
    message: "Cannot filter groups as every sequence needs a known group: groupIds[0] is -1, " +
      "give it the id of its prompt or set include[0] to 0",
  });
});

Deno.test("overlongPenalty() follows equation 13 of DAPO", () => {
  const lengths = Int32Array.of(0, 15, 16, 18, 20, 21, 99);
  assert.deepEqual(
    overlongPenalty(lengths, { maxLength: 20, cacheLength: 4 }),
    Float32Array.of(0, 0, 0, -0.5, -1, -1, -1),
  );
  assert.deepEqual(
    overlongPenalty(lengths, { maxLength: 20, cacheLength: 0 }),
    Float32Array.of(0, 0, 0, 0, 0, -1, -1),
  );
});

Deno.test("overlongPenalty() refuses lengths that make no sense", () => {
  const penalty = (length: number, maxLength: number, cacheLength: number) => () =>
    overlongPenalty(Int32Array.of(length), { maxLength, cacheLength });
  assert.throws(penalty(1, 0, 0), {
    name: "RangeError",
    message: "Cannot compute overlong penalties as maxLength must be a positive integer: " +
      "current value is 0",
  });
  assert.throws(penalty(1, 8, 9), {
    name: "RangeError",
    message: "Cannot compute overlong penalties as cacheLength must be an integer from 0 to " +
      "maxLength, 8: current value is 9",
  });
  assert.throws(penalty(-1, 8, 4), {
    name: "RangeError",
    message: "Cannot compute overlong penalties as a length is not negative: lengths[0] is -1",
  });
});

Deno.test("overlongFilter() drops what was truncated", () => {
  const flags = Uint8Array.of(0, Flag.truncated, Flag.padding, Flag.truncated | Flag.padding);
  assert.deepEqual(overlongFilter(flags), Uint8Array.of(1, 0, 1, 0));
});

Deno.test("baselinePreset() names the presets and the closest one when it finds none", () => {
  assert.equal(baselinePreset("verl"), baselinePresets["verl"]);
  const names = Object.keys(baselinePresets).join(", ");
  for (const [name, guess] of [["Verl", "verl"], ["nemo", "nemo-rl"], ["drgrpo", "dr-grpo"]]) {
    assert.throws(() => baselinePreset(name!), {
      name: "RangeError",
      message: `Cannot find a baseline preset as its name must be one of ${names}: current value ` +
        `is "${name}", did you mean "${guess}"?`,
    });
  }
  // Nothing is near: a guess would mislead.
  for (const name of ["nope", "constructor", "", "xyz"]) {
    assert.throws(() => baselinePreset(name), {
      name: "RangeError",
      message: `Cannot find a baseline preset as its name must be one of ${names}: current value ` +
        `is "${name}"`,
    });
  }
});

Deno.test("baselinePresets survive JSON", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(baselinePresets)), baselinePresets);
});

Deno.test("baselineAdvantages() keeps padding rows out of baseline and whitening", () => {
  const rollouts = {
    offsets: Int32Array.of(0, 2, 3, 6),
    lossMask: Uint8Array.of(1, 1, 1, 1, 0, 1),
    rewards: Float32Array.of(1, 0, 0),
    groupIds: Int32Array.of(0, 0, 0),
  };
  const padded = {
    offsets: Int32Array.of(0, 2, 3, 6, 8),
    lossMask: Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1),
    rewards: Float32Array.of(1, 0, 0, 50),
    groupIds: Int32Array.of(0, 0, 0, -1),
    flags: Uint8Array.of(0, 0, 0, Flag.padding),
  };
  for (const [name, preset] of Object.entries(baselinePresets)) {
    assert.deepEqual(
      Array.from(baselineAdvantages(checkBatch(padded), preset)),
      [...baselineAdvantages(checkBatch(rollouts), preset), 0, 0],
      name,
    );
  }
});

Deno.test("baselineAdvantages() refuses a batch without rewards or groups", () => {
  const batch = { offsets: Int32Array.of(0, 1), lossMask: Uint8Array.of(1) };
  assert.throws(
    () => baselineAdvantages(checkBatch(batch), baselinePreset("paper")),
    {
      name: "TypeError",
      message: "Cannot compute a group baseline as it needs batch.rewards and batch.groupIds: " +
        "batch.rewards is undefined",
    },
  );
});
