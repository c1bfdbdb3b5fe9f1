import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CreditBatch,
  type CreditBuffers,
  CreditKernel,
  type CreditOptions,
  creditParameters,
  requestDevice,
} from "../../../kernels/mod.ts";
import { assertWithin } from "../_assert_within.ts";
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";
import { creditOnCpu } from "../../../kernels/credit/_reference.ts";
import { bitsOf, fromBits } from "./_bits.ts";
import { runOnce } from "./_run_once.ts";
import { creditBounds } from "./_bounds.ts";
import { BASELINES, given, TRANSFORMS } from "./_options.ts";
import { type BatchShape, type FullBatch, randomBatch, type RewardKind } from "./_random_batch.ts";
import golden from "./golden/credit.json" with { type: "json" };

const REWARD_KINDS: RewardKind[] = ["binary", "real", "nearly equal", "positive"];
const FROM = ["rewards", "sequences", "tokens"] as const;

async function assertAgrees(
  device: GPUDevice,
  batch: CreditBatch,
  options: CreditOptions,
): Promise<Float32Array> {
  const actual = await runOnce(device, batch, options);
  assertAgreesWith(actual, batch, options);
  return actual;
}

function assertAgreesWith(actual: Float32Array, batch: CreditBatch, options: CreditOptions): void {
  const expected = creditOnCpu(batch, options);
  const bounds = creditBounds(batch, options);
  assertWithin(actual, expected, (t) => bounds[t]!, JSON.stringify(options));
}

/** MaxRL on rewards of both signs decides by the sign of a mean, which rounding may turn. */
function isStable(rewardKind: RewardKind, { scale }: NonNullable<CreditOptions["baseline"]>) {
  return scale !== "mean" || rewardKind !== "real";
}

gpuTest("CreditKernel agrees for every convention on rewards of all kinds", async (device) => {
  const batches = REWARD_KINDS.map((rewardKind) => ({
    rewardKind,
    batch: given(randomBatch(3, { numSequences: 130, maxLength: 3, rewardKind })),
  }));
  // A kernel takes 0.1 s to compile on a software adapter: choices that do not meet are not crossed.
  const chosen = BASELINES.filter(({ center, epsilonPlace, singleton, ddof }) =>
    (center === "mean" || epsilonPlace === "add") && (singleton === "zero" || ddof === 1)
  );
  for (const baseline of chosen) {
    const kernel = await CreditKernel.compile(device, { baseline });
    for (const { rewardKind, batch } of batches) {
      if (isStable(rewardKind, baseline)) {
        assertAgreesWith(await kernel.run(batch), batch, { baseline });
      }
    }
    kernel.destroy();
  }
});

for (const from of FROM) {
  gpuTest(`CreditKernel agrees for every transform from ${from}`, async (device) => {
    for (const transform of TRANSFORMS) {
      const kernel = await CreditKernel.compile(device, { from, transform });
      for (const numSequences of [1, 63, 65]) {
        const batch = randomBatch(numSequences, { numSequences, maxLength: 300 });
        const actual = await kernel.run(given(batch, from));
        assertAgreesWith(actual, given(batch, from), { from, transform });
      }
      kernel.destroy();
    }
  });
}

gpuTest("CreditKernel.run() agrees on random batches and options", async (device) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 0, max: 70 }),
      fc.constantFrom(...FROM),
      fc.constantFrom(...REWARD_KINDS),
      fc.constantFrom(...BASELINES),
      fc.constantFrom(undefined, ...TRANSFORMS),
      async (seed, numSequences, from, rewardKind, baseline, transform) => {
        fc.pre(isStable(rewardKind, baseline));
        const batch = given(randomBatch(seed, { numSequences, maxLength: 40, rewardKind }), from);
        await assertAgrees(device, batch, { from, baseline, ...(transform && { transform }) });
      },
    ),
    { numRuns: 60 },
  );
});

gpuTest(
  "CreditKernel.run() keeps the baseline bit for bit off the planning mask",
  async (device) => {
    const full = randomBatch(11, { numSequences: 67, maxLength: 90 });
    const baseline = { scale: "group-std" } as const;
    for (const from of FROM) {
      const batch = given(full, from);
      const plain = bitsOf(await runOnce(device, batch, { from, baseline }));
      for (const mode of ["paper", "symmetric", "positive-only"] as const) {
        const transform = { name: "hicra", mode } as const;
        const out = bitsOf(await runOnce(device, batch, { from, baseline, transform }));
        const isOff = (t: number) => full.kinds[t] === 0 || full.lossMask[t] === 0;
        assert.deepEqual(out.filter((_, t) => isOff(t)), plain.filter((_, t) => isOff(t)));
      }
      for (const transform of TRANSFORMS) {
        const out = bitsOf(await runOnce(device, batch, { from, baseline, transform }));
        const isOff = (t: number) => full.lossMask[t] === 0;
        assert.deepEqual(out.filter((_, t) => isOff(t)), plain.filter((_, t) => isOff(t)));
      }
    }
  },
);

gpuTest("CreditKernel.run() keeps zeros and their sign", async (device) => {
  for (const from of ["sequences", "tokens"] as const) {
    const batch = given(randomBatch(14, { numSequences: 40, maxLength: 60 }), from);
    const plain = bitsOf(await runOnce(device, batch, { from }));
    const isZero = (t: number) => plain[t] === 0 || plain[t] === 0x8000_0000;
    for (const transform of TRANSFORMS) {
      // The mean credit of the group is taken from zeros too.
      if (transform.name === "hicra" && transform.mode === "baseline-corrected") continue;
      const out = bitsOf(await runOnce(device, batch, { from, transform }));
      assert.deepEqual(out.filter((_, t) => isZero(t)), plain.filter((_, t) => isZero(t)));
    }
  }
});

gpuTest("CreditKernel.run() gives the same bits at every run", async (device) => {
  const batch = given(randomBatch(12, { numSequences: 65, maxLength: 700 }));
  const options = {
    baseline: { center: "leave-one-out", scale: "leave-one-out-std" },
    transform: { name: "hicra", mode: "baseline-corrected" },
  } as const;
  const kernel = await CreditKernel.compile(device, options);
  const first = bitsOf(await kernel.run(batch));
  for (let run = 0; run < 3; run++) assert.deepEqual(bitsOf(await kernel.run(batch)), first);
  kernel.destroy();
});

gpuTest("CreditKernel agrees on 2,000 sequences, the first of 20,000 tokens", async (device) => {
  const shape = { numSequences: 2_000, maxLength: 5, firstLength: 20_000 };
  const batch = given(randomBatch(15, shape));
  const transform = { name: "hicra", mode: "baseline-corrected" } as const;
  await assertAgrees(device, batch, { baseline: { scale: "group-std" }, transform });
});

gpuTest(
  "CreditKernel agrees on odd lengths, without planning tokens and on only those",
  async (device) => {
    const shapes: BatchShape[] = [
      { numSequences: 20, maxLength: 300, planning: 0 },
      { numSequences: 20, maxLength: 300, planning: 1 },
      ...[1, 63, 64, 65, 255, 256, 257, 1_023, 1_024, 1_025, 20_000].map((firstLength) => ({
        numSequences: 2,
        maxLength: 1,
        firstLength,
      })),
    ];
    for (const transform of TRANSFORMS) {
      if ("alpha" in transform || "beta" in transform) continue;
      const options = { baseline: { scale: "group-std", singleton: "reward" }, transform } as const;
      const kernel = await CreditKernel.compile(device, options);
      for (const [seed, shape] of shapes.entries()) {
        const batch = given(randomBatch(seed, shape));
        assertAgreesWith(await kernel.run(batch), batch, options);
      }
      kernel.destroy();
    }
  },
);

gpuTest("CreditKernel.run() agrees on a folded grid", async (device) => {
  const small = withLimits(device, { maxComputeWorkgroupsPerDimension: 3 });
  const batch = randomBatch(13, { numSequences: 50, maxLength: 400 });
  for (const transform of TRANSFORMS) {
    await assertAgrees(small, given(batch), { transform });
  }
});

gpuTest("CreditKernel.run() agrees when tokens need several bindings", async (device) => {
  // Bindings of 2,048 tokens; what needs the whole of a sequence does not fit and says so.
  const small = withLimits(device, { maxStorageBufferBindingSize: 8_192 });
  for (const numTokens of [2_047, 2_048, 2_049, 5_003]) {
    const batch = randomBatch(numTokens, { numSequences: 1, maxLength: 1, firstLength: numTokens });
    for (const transform of [{ name: "hicra" }, { name: "high-entropy-advantage" }] as const) {
      await assertAgrees(small, given(batch, "tokens"), { from: "tokens", transform });
    }
  }
  const batch = randomBatch(1, { numSequences: 1, maxLength: 1, firstLength: 2_049 });
  await assert.rejects(runOnce(small, given(batch)), {
    name: "RangeError",
    message: "Cannot encode as buffers.credited must be bound whole, 8196 bytes: " +
      "maxStorageBufferBindingSize is 8192, pass less at a time",
  });
});

gpuTest("CreditKernel.run() throws when the tokens do not fit a buffer", async (device) => {
  const small = withLimits(device, { maxBufferSize: 8_001 });
  const batch = randomBatch(1, { numSequences: 1, maxLength: 1, firstLength: 2_001 });
  await assert.rejects(runOnce(small, given(batch)), {
    name: "RangeError",
    message: 'Cannot create buffer "hicra credit credited" of 8016 bytes on this device as ' +
      "maxBufferSize is 8001: pass fewer tokens at a time",
  });
});

gpuTest("CreditKernel.run() throws when the device is destroyed", async () => {
  const device = await requestDevice();
  device.destroy();
  const batch = randomBatch(1, { numSequences: 2, maxLength: 3 });
  await assert.rejects(runOnce(device, given(batch)));
});

/**
 * HICRA of given advantages whose gains f32 holds is bit-equal where the gain is 0; else within one
 * unit in the last place of the larger of `|A|` and `|A'|`. With gains in [0, 1] and rounding to
 * nearest, the product is off by half a unit of a value not above `|A|`, the sum by half a unit of
 * `A'`, the expected value by another half: where `|A'| >= |A|` that is less than two units of `A'`,
 * hence at most one; where `|A'| < |A|` it is at most one unit of `A`. 2^-125 stands for subnormals
 * that a device takes for zero.
 */
function assertWithinLastPlace(
  actual: Float32Array,
  expected: Float32Array,
  { advantages, kinds, gains }: {
    advantages: Float32Array;
    kinds: Uint8Array;
    gains: Float32Array;
  },
): void {
  const actualBits = bitsOf(actual);
  const expectedBits = bitsOf(expected);
  for (let t = 0; t < expected.length; t++) {
    if (actualBits[t] === expectedBits[t]) continue;
    const larger = Math.max(Math.abs(advantages[t]!), Math.abs(expected[t]!));
    const next = fromBits([bitsOf(Float32Array.of(larger))[0]! + 1])[0]!;
    const bound = gains[kinds[t]!] === 0 ? 0 : Math.max(next - larger, 2 ** -125);
    assert.ok(
      Math.abs(actual[t]! - expected[t]!) <= bound,
      `token ${t}: A=${advantages[t]} gain=${gains[kinds[t]!]} actual=${actual[t]} ` +
        `expected=${expected[t]} bound=${bound}`,
    );
  }
}

/** HICRA with the gains as alphas of the kinds. */
function withGains(gains: Float32Array, mode: "paper" | "symmetric"): CreditOptions {
  const [, deduction, branching, backtracking, other] = gains;
  const alpha = {
    deduction: deduction!,
    branching: branching!,
    backtracking: backtracking!,
    other: other!,
  };
  return { from: "tokens", transform: { name: "hicra", alpha, mode, allowSignChange: true } };
}

gpuTest("CreditKernel.run() is within a unit in the last place of exact HICRA", async (device) => {
  const advantages = fromBits(golden.advantages);
  const kinds = Uint8Array.from(golden.kinds);
  const gains = fromBits(golden.gains);
  const lossMask = new Uint8Array(kinds.length).fill(1);
  const batch = { offsets: Int32Array.of(0, kinds.length), lossMask, advantages, kinds };
  for (const mode of ["paper", "symmetric"] as const) {
    const actual = await runOnce(device, batch, withGains(gains, mode));
    assertWithinLastPlace(actual, fromBits(golden[mode]), { advantages, kinds, gains });
  }
});

gpuTest("CreditKernel agrees on any bits, and keeps all of them off the mask", async (device) => {
  const token = fc.record({
    bits: fc.integer({ min: 0, max: 0xffff_ffff }),
    kind: fc.integer({ min: 0, max: 4 }),
  });
  const gain = fc.float({ min: 0, max: 1, noNaN: true });
  const tokens = fc.array(token, { minLength: 1, maxLength: 40 });
  for (const mode of ["paper", "symmetric"] as const) {
    const kernel = await CreditKernel.compile(device, withGains(new Float32Array(5), mode));
    await fc.assert(
      fc.asyncProperty(tokens, fc.tuple(gain, gain, gain, gain), async (tokens, planning) => {
        const advantages = fromBits(tokens.map(({ bits }) => bits));
        // A sum above the largest f32 has no last place to compare: keep a factor of 2 away.
        const isSafe = (t: number) => Math.abs(advantages[t]!) < 2 ** 127;
        const kinds = Uint8Array.from(tokens, ({ kind }, t) => isSafe(t) ? kind : 0);
        const lossMask = Uint8Array.from(tokens, (_, t) => isSafe(t) ? 1 : 0);
        const batch = { offsets: Int32Array.of(0, kinds.length), lossMask, advantages, kinds };
        const gains = Float32Array.of(0, ...planning);
        const expected = creditOnCpu(batch, withGains(gains, mode));
        assertWithinLastPlace(await kernel.run(batch, gains), expected, {
          advantages,
          kinds,
          gains,
        });
      }),
      { numRuns: 40 },
    );
    kernel.destroy();
  }
});

gpuTest(
  "CreditKernel.encode() runs several times in one encoder, on held buffers",
  async (device) => {
    const kernel = await CreditKernel.compile(device, { transform: { name: "hicra" } });
    assert.deepEqual(kernel.needs, [
      "rewards",
      "groupIds",
      "offsets",
      "kinds",
      "lossMask",
      "sequenceAdvantages",
      "credited",
    ]);
    const buffers = upload(device, {
      rewards: Float32Array.of(1, 0, 5, 6, 9),
      groupIds: Int32Array.of(3, 3, -1, -1, 3), // of unknown group, left out, not asked for
      include: Uint8Array.of(1, 255, 1, 1, 0, 0, 0, 0),
      offsets: Int32Array.of(0, 2, 4, 5, 6, 7),
      kinds: Uint8Array.of(0, 1, 5, 255, 1, 1, 1, 0), // above 4: no kind
      lossMask: Uint8Array.of(1, 1, 1, 1, 1, 255, 1, 0),
      parameters: Float32Array.of(9, 0.5, 9, 9, 9), // of kind 0 is not looked at
      sequenceAdvantages: new Float32Array(5),
      credited: new Float32Array(7),
    });
    const again = upload(device, {
      parameters: creditParameters({ name: "hicra", alpha: 0.25 }),
      credited: new Float32Array(4),
      sequenceAdvantages: new Float32Array(2),
    });
    const sequences = await CreditKernel.compile(device, {
      from: "sequences",
      transform: { name: "hicra" },
    });
    const encoder = device.createCommandEncoder();
    const sizes = { numSequences: 4, numTokens: 6 };
    kernel.encode(encoder, buffers as unknown as CreditBuffers, sizes);
    const { sequenceAdvantages, ...inputs } = { ...buffers, ...again };
    sequences.encode(
      encoder,
      { ...inputs, advantages: buffers.sequenceAdvantages } as unknown as CreditBuffers,
      { numSequences: 2, numTokens: 4 },
    );
    sequences.encode(
      encoder,
      { ...inputs, advantages: sequenceAdvantages } as unknown as CreditBuffers,
      { numSequences: 0, numTokens: 0 },
    );
    device.queue.submit([encoder.finish()]);
    // What was not asked for is as it was: 0.
    assert.deepEqual(
      await download(device, buffers.sequenceAdvantages),
      Float32Array.of(0.5, -0.5, 0, 0, 0),
    );
    assert.deepEqual(
      await download(device, buffers.credited),
      Float32Array.of(0.5, 0.75, -0.5, -0.5, 0, 0, 0),
    );
    assert.deepEqual(
      await download(device, again.credited),
      Float32Array.of(0.5, 0.625, -0.5, -0.5),
    );
  },
);

gpuTest(
  "CreditKernel.encode() takes unknown kinds for execution, unknown groups for none",
  async (device) => {
    const shared = upload(device, {
      advantages: Float32Array.of(1, 1, 1, -2),
      offsets: Int32Array.of(0, 2, 3, 4),
      kinds: Uint8Array.of(255, 1, 1, 0),
      lossMask: Uint8Array.of(1, 1, 1, 1),
      groupIds: Int32Array.of(2, -1, -1),
      oldLogprobs: Float32Array.of(-1, -3, -1, -1),
      statistics: new Float32Array(12),
    });
    const cases = [
      // The mean credit of the first sequence is 0.25; the others are left alone.
      [{ name: "hicra", mode: "baseline-corrected", alpha: 0.5 }, [0.75, 1.25, 1, -2]],
      // Only the second token plans: 1 and 5 over a mean of 3.
      [{ name: "planning-boost", gamma: 1, beta: 1 }, [1 / 3, 5 / 3, 1, -2]],
    ] as const;
    for (const [transform, expected] of cases) {
      const kernel = await CreditKernel.compile(device, { from: "tokens", transform });
      const { parameters, credited } = upload(device, {
        parameters: creditParameters(transform),
        credited: new Float32Array(4),
      });
      const encoder = device.createCommandEncoder();
      const sizes = { numSequences: 3, numTokens: 4 };
      kernel.encode(encoder, { ...shared, parameters, credited }, sizes);
      device.queue.submit([encoder.finish()]);
      const actual = await download(device, credited);
      // Two divisions of 2.5 units in the last place each.
      assertWithin(actual, Float32Array.of(...expected), () => 2 ** -20, transform.name);
    }
  },
);

gpuTest("CreditKernel.encode() leaves a group of one only where it may", async (device) => {
  const kernel = await CreditKernel.compile(device, { baseline: { singleton: "error" } });
  const buffers = {} as CreditBuffers;
  const encoder = device.createCommandEncoder();
  assert.throws(() => kernel.encode(encoder, buffers, { numSequences: 1, numTokens: 1 }), {
    name: "RangeError",
    message: 'Cannot encode as singleton "error" needs rewards that the CPU can read: choose ' +
      '"zero" or "reward", or call run',
  });
});

gpuTest("CreditKernel.encode() throws when a buffer does not fit", async (device) => {
  const kernel = await CreditKernel.compile(device, {
    from: "tokens",
    transform: { name: "hicra", mode: "mass-preserving" },
  });
  const buffers = upload(device, {
    advantages: new Float32Array(4),
    kinds: new Uint8Array(4),
    lossMask: new Uint8Array(4),
    offsets: Int32Array.of(0, 4),
    parameters: new Float32Array(5),
    statistics: new Float32Array(4),
    credited: new Float32Array(4),
  }) as unknown as CreditBuffers;
  const encoder = device.createCommandEncoder();
  const { statistics: _, ...incomplete } = buffers;
  const cases: [CreditBuffers, numSequences: number, numTokens: number, message: string][] = [
    [
      buffers,
      1,
      -1,
      "Cannot encode as numTokens must be a non-negative integer: current value is -1",
    ],
    [
      buffers,
      0,
      4,
      "Cannot encode 4 tokens as they must belong to sequences: numSequences is 0",
    ],
    [
      buffers,
      1,
      5,
      "Cannot encode as buffers.advantages must hold 20 bytes: current size is 16",
    ],
    [
      buffers,
      2,
      4,
      "Cannot encode as buffers.offsets must hold 12 bytes: current size is 8",
    ],
    [
      { ...buffers, credited: buffers.advantages! },
      1,
      4,
      "Cannot encode as buffers.credited must be a buffer of its own: it is also " +
      "buffers.advantages, WebGPU does not read and write one buffer in a pass",
    ],
  ];
  for (const [given, numSequences, numTokens, message] of cases) {
    assert.throws(() => kernel.encode(encoder, given, { numSequences, numTokens }), {
      name: "RangeError",
      message,
    });
  }
  assert.throws(() => kernel.encode(encoder, incomplete, { numSequences: 1, numTokens: 4 }), {
    name: "TypeError",
    message: "Cannot encode as buffers.statistics must be a GPUBuffer: current value is undefined",
  });
});

gpuTest(
  "CreditKernel.run() takes the parameters of a step and keeps its buffers",
  async (device) => {
    const batch: FullBatch = randomBatch(21, { numSequences: 9, maxLength: 50 });
    const kernel = await CreditKernel.compile(device, { transform: { name: "sepa" } });
    for (const lambda of [0, 0.5, 1]) {
      const transform = { name: "sepa", lambda } as const;
      const actual = await kernel.run(given(batch), creditParameters(transform));
      assertAgreesWith(actual, given(batch), { transform });
    }
    await assert.rejects(kernel.run(given(batch), new Float32Array(2)), {
      name: "RangeError",
      message: "Cannot credit tokens as parameters must hold 5 values: current length is 2",
    });
    kernel.destroy();
  },
);

type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

function upload<Name extends string>(
  device: GPUDevice,
  arrays: Record<Name, Data>,
): Record<Name, GPUBuffer> {
  const entries = Object.entries<Data>(arrays).map(([name, data]) =>
    [name, createBuffer(device, data)] as const
  );
  return Object.fromEntries(entries) as Record<Name, GPUBuffer>;
}

async function download(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  return new Float32Array(await readBuffer(device, buffer));
}

gpuTest(
  "CreditKernel.encode() takes the numbers of its options where none are given",
  async (device) => {
    const kernel = await CreditKernel.compile(device, {
      from: "tokens",
      transform: { name: "hicra", alpha: 0.5 },
    });
    const buffers = upload(device, {
      advantages: Float32Array.of(1, -1, 1, 0),
      kinds: Uint8Array.of(1, 1, 0, 0),
      lossMask: Uint8Array.of(1, 1, 1, 0),
      credited: new Float32Array(4),
    }) as unknown as CreditBuffers;
    for (let round = 0; round < 2; round++) {
      const encoder = device.createCommandEncoder();
      kernel.encode(encoder, buffers, { numSequences: 1, numTokens: 3 });
      device.queue.submit([encoder.finish()]);
      const credited = await download(device, buffers.credited);
      assert.deepEqual(new Float32Array(credited).subarray(0, 3), Float32Array.of(1.5, -0.5, 1));
      kernel.destroy(); // it can be used again
    }
  },
);
