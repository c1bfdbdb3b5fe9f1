import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AmplifyBuffers,
  AmplifyKernel,
  type AmplifyOptions,
  amplifyTokens,
  amplifyTokensGpu,
} from "../../../kernels/mod.ts";
import { gpuTest, withLimits } from "../_device.ts";
import golden from "./golden.json" with { type: "json" };

const GAINS = Float32Array.of(0, 0.2, 0.5, 0.99, 1);
/** Exact in f32, so that hand-worked cases have no rounding and must agree to the bit. */
const DYADIC = Float32Array.of(0, 0.5, 0.25, 0, -0.5);

interface Case {
  name: string;
  advantages: number[];
  kinds: number[];
  expected: number[];
  symmetric?: boolean;
}

const CASES: Case[] = [
  { name: "no tokens", advantages: [], kinds: [], expected: [] },
  { name: "one execution token", advantages: [-3], kinds: [0], expected: [-3] },
  { name: "one planning token", advantages: [2], kinds: [1], expected: [3] },
  { name: "a penalty is dampened", advantages: [-2], kinds: [1], expected: [-1] },
  {
    name: "a penalty grows when symmetric",
    advantages: [-2, 2],
    kinds: [1, 1],
    expected: [-3, 3],
    symmetric: true,
  },
  {
    name: "a gain per kind",
    advantages: [4, 4, 4, 4, 4],
    kinds: [0, 1, 2, 3, 4],
    expected: [4, 6, 5, 4, 2],
  },
  {
    name: "a gain per kind, penalties",
    advantages: [-4, -4, -4, -4, -4],
    kinds: [0, 1, 2, 3, 4],
    expected: [-4, -2, -3, -4, -6],
  },
  { name: "all zero", advantages: [0, 0], kinds: [0, 1], expected: [0, 0] },
  {
    name: "what is not planning is not looked at",
    advantages: [NaN, Infinity, -0, -Infinity, 1],
    kinds: [0, 0, 0, 3, 1],
    expected: [NaN, Infinity, -0, -Infinity, 1.5],
  },
];

const ERRORS: {
  name: string;
  advantages?: Float32Array;
  kinds?: Uint8Array;
  gains?: Float32Array;
  error: { name: string; message: string };
}[] = [
  {
    name: "advantages are no Float32Array",
    advantages: [1] as unknown as Float32Array,
    error: {
      name: "TypeError",
      message: "Cannot amplify as advantages must be a Float32Array: current value is Array",
    },
  },
  {
    name: "kinds are missing",
    kinds: null as unknown as Uint8Array,
    error: {
      name: "TypeError",
      message: "Cannot amplify as kinds must be a Uint8Array: current value is null",
    },
  },
  {
    name: "gains are too few",
    gains: Float32Array.of(0, 1),
    error: {
      name: "RangeError",
      message: "Cannot amplify as gains must hold 5 values, one per kind: current length is 2",
    },
  },
  {
    name: "execution tokens have a gain",
    gains: Float32Array.of(0.5, 0, 0, 0, 0),
    error: {
      name: "RangeError",
      message:
        "Cannot amplify as gains[0] must be 0, execution tokens pass unchanged: current value is 0.5",
    },
  },
  {
    name: "a gain is not finite",
    gains: Float32Array.of(0, 0, NaN, 0, 0),
    error: {
      name: "RangeError",
      message: "Cannot amplify as gains must be finite: gains[2] is NaN",
    },
  },
  {
    name: "kinds and advantages differ in length",
    kinds: Uint8Array.of(0, 1),
    error: {
      name: "RangeError",
      message: "Cannot amplify as kinds must hold one value per token, 1: current length is 2",
    },
  },
  {
    name: "a kind is unknown",
    kinds: Uint8Array.of(5),
    error: { name: "RangeError", message: "Cannot amplify as kinds are 0 to 4: kinds[0] is 5" },
  },
  {
    name: "a planning token's advantage is not finite",
    advantages: Float32Array.of(NaN),
    error: {
      name: "RangeError",
      message: "Cannot amplify as advantages of planning tokens must be finite: " +
        "advantages[0] is NaN, set kinds[0] to 0 to pass it through",
    },
  },
];

Deno.test("amplifyTokens() computes the hand-worked cases", () => {
  for (const { name, advantages, kinds, expected, symmetric = false } of CASES) {
    const actual = amplifyTokens(Float32Array.from(advantages), Uint8Array.from(kinds), {
      gains: DYADIC,
      symmetric,
    });
    assert.deepEqual(actual, Float32Array.from(expected), name);
  }
});

gpuTest("amplifyTokensGpu() computes the hand-worked cases", async (device) => {
  for (const { name, advantages, kinds, expected, symmetric = false } of CASES) {
    const actual = await amplifyTokensGpu(
      device,
      Float32Array.from(advantages),
      Uint8Array.from(kinds),
      { gains: DYADIC, symmetric },
    );
    assert.deepEqual(actual, Float32Array.from(expected), name);
  }
});

Deno.test("amplifyTokens() equals exact arithmetic rounded once to f32", () => {
  const { advantages, kinds, gains } = goldenInputs();
  assert.deepEqual(bitsOf(amplifyTokens(advantages, kinds, { gains })), golden.paper);
  assert.deepEqual(
    bitsOf(amplifyTokens(advantages, kinds, { gains, symmetric: true })),
    golden.symmetric,
  );
});

gpuTest(
  "amplifyTokensGpu() is within a unit in the last place of exact arithmetic",
  async (device) => {
    const { advantages, kinds, gains } = goldenInputs();
    for (const [form, symmetric] of [["paper", false], ["symmetric", true]] as const) {
      const actual = await amplifyTokensGpu(device, advantages, kinds, { gains, symmetric });
      assertWithinBound(actual, fromBits(golden[form]), { advantages, kinds, gains });
    }
  },
);

Deno.test("amplifyTokens() throws when an input breaks the contract", () => {
  for (const { name, error, ...inputs } of ERRORS) {
    const { advantages, kinds, gains } = { ...validInputs(), ...inputs };
    assert.throws(() => amplifyTokens(advantages, kinds, { gains }), error, name);
  }
});

gpuTest("amplifyTokensGpu() throws when an input breaks the contract", async (device) => {
  for (const { name, error, ...inputs } of ERRORS) {
    const { advantages, kinds, gains } = { ...validInputs(), ...inputs };
    await assert.rejects(amplifyTokensGpu(device, advantages, kinds, { gains }), error, name);
  }
});

gpuTest("amplifyTokensGpu() agrees with amplifyTokens() at odd sizes", async (device) => {
  for (const numTokens of [1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1_023, 4_099]) {
    await assertAgrees(device, randomInputs(numTokens, numTokens));
  }
});

gpuTest(
  "amplifyTokensGpu() agrees on any bits, and keeps all of them off the mask",
  async (device) => {
    const token = fc.record({
      bits: fc.integer({ min: 0, max: 0xffff_ffff }),
      kind: fc.integer({ min: 0, max: 4 }),
    });
    const gain = fc.float({ min: -1, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.array(token, { minLength: 1, maxLength: 40 }),
        fc.tuple(gain, gain, gain, gain),
        fc.boolean(),
        async (tokens, planningGains, symmetric) => {
          const advantages = fromBits(tokens.map(({ bits }) => bits));
          // A sum above the largest f32 has no last place to compare: keep a factor of 2 away.
          const kinds = Uint8Array.from(
            tokens,
            ({ kind }, t) => Math.abs(advantages[t]!) < 2 ** 127 ? kind : 0,
          );
          await assertAgrees(device, {
            advantages,
            kinds,
            gains: Float32Array.of(0, ...planningGains),
            symmetric,
          });
        },
      ),
      { numRuns: 40 },
    );
  },
);

gpuTest("amplifyTokensGpu() agrees above 65,535 workgroups", async (device) => {
  const numTokens = 65_535 * 256 + 1;
  await assertAgrees(device, randomInputs(numTokens, 7));
});

gpuTest(
  "amplifyTokensGpu() agrees when tokens need several bindings and a folded grid",
  async (device) => {
    // Bindings of 1,024 tokens make 4 workgroups each; at most 3 fit a dimension.
    const small = withLimits(device, {
      maxStorageBufferBindingSize: 4_096,
      maxComputeWorkgroupsPerDimension: 3,
    });
    for (const numTokens of [1_023, 1_024, 1_025, 5_003]) {
      await assertAgrees(small, randomInputs(numTokens, numTokens));
    }
  },
);

gpuTest("amplifyTokensGpu() throws when the tokens do not fit a buffer", async (device) => {
  const small = withLimits(device, { maxBufferSize: 401 });
  const { advantages, kinds, gains } = randomInputs(101, 1);
  await assert.rejects(amplifyTokensGpu(small, advantages, kinds, { gains }), {
    name: "RangeError",
    message: 'Cannot create buffer "hicra amplify advantages" of 404 bytes on this device as ' +
      "maxBufferSize is 401: pass fewer tokens at a time",
  });
});

gpuTest("amplifyTokensGpu() throws when the device is destroyed", async (device) => {
  device.destroy();
  const { advantages, kinds, gains } = validInputs();
  await assert.rejects(amplifyTokensGpu(device, advantages, kinds, { gains }));
});

gpuTest(
  "AmplifyKernel.encode() runs several times in one encoder, on held buffers",
  async (device) => {
    const kernel = await AmplifyKernel.compile(device);
    const buffers = upload(device, {
      advantages: Float32Array.of(1, 1, 1, 1, 7),
      kinds: Uint8Array.of(0, 1, 5, 255, 1, 0, 0, 0), // above 4: no kind
      gains: Float32Array.of(9, 0.5, 9, 9, 9), // gains[0] is not looked at
    });
    const again = upload(device, {
      advantages: Float32Array.of(0, 0, 0, 0, 0),
      kinds: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 0),
      gains: Float32Array.of(0, 0.25, 0, 0, 0),
    });
    const encoder = device.createCommandEncoder();
    kernel.encode(encoder, buffers, 4);
    kernel.encode(encoder, { ...again, advantages: buffers.amplified }, 2);
    kernel.encode(encoder, buffers, 0);
    device.queue.submit([encoder.finish()]);
    // The fifth value was not asked for: a fresh buffer is zero and stays so.
    assert.deepEqual(await download(device, buffers.amplified), Float32Array.of(1, 1.5, 1, 1, 0));
    assert.deepEqual(
      await download(device, again.amplified),
      Float32Array.of(1.25, 1.875, 0, 0, 0),
    );
  },
);

gpuTest("AmplifyKernel.encode() throws when a buffer does not fit", async (device) => {
  const kernel = await AmplifyKernel.compile(device);
  const buffers = upload(device, {
    advantages: new Float32Array(4),
    kinds: new Uint8Array(4),
    gains: new Float32Array(5),
  });
  const encoder = device.createCommandEncoder();
  const cases: [numTokens: number, buffers: AmplifyBuffers, message: string][] = [
    [
      -1,
      buffers,
      "Cannot encode as numTokens must be a non-negative integer: current value is -1",
    ],
    [
      5,
      buffers,
      "Cannot encode 5 tokens as buffers.advantages must hold 20 bytes: current size is 16",
    ],
    [
      1,
      { ...buffers, gains: buffers.kinds },
      "Cannot encode 1 tokens as buffers.gains must hold 20 bytes: current size is 4",
    ],
    [
      4,
      { ...buffers, amplified: buffers.advantages },
      "Cannot encode as buffers.amplified must not be an input: it is also buffers.advantages, " +
      "WebGPU does not read and write one buffer in a pass",
    ],
  ];
  for (const [numTokens, given, message] of cases) {
    assert.throws(() => kernel.encode(encoder, given, numTokens), { name: "RangeError", message });
  }
});

interface Inputs extends AmplifyOptions {
  advantages: Float32Array;
  kinds: Uint8Array;
}

function validInputs(): Inputs {
  return { advantages: Float32Array.of(1), kinds: Uint8Array.of(1), gains: GAINS };
}

function goldenInputs(): Inputs {
  return {
    advantages: fromBits(golden.advantages),
    kinds: Uint8Array.from(golden.kinds),
    gains: fromBits(golden.gains),
  };
}

function randomInputs(numTokens: number, seed: number): Inputs {
  const advantages = new Float32Array(numTokens);
  const kinds = new Uint8Array(numTokens);
  let state = seed;
  for (let t = 0; t < numTokens; t++) {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    advantages[t] = state / 2 ** 30 - 2;
    kinds[t] = (state >>> 16) % 5;
  }
  return { advantages, kinds, gains: GAINS };
}

async function assertAgrees(device: GPUDevice, inputs: Inputs): Promise<void> {
  const { advantages, kinds, ...options } = inputs;
  const expected = amplifyTokens(advantages, kinds, options);
  const actual = await amplifyTokensGpu(device, advantages, kinds, options);
  assertWithinBound(actual, expected, inputs);
}

/**
 * Bit-equal where the gain is 0; else within one unit in the last place of the larger of `|A|` and
 * `|A'|`. With gains in [-1, 1] and rounding to nearest, the product is off by half a unit of a value
 * not above `|A|`, the sum by half a unit of `A'`, the expected value by another half: where
 * `|A'| >= |A|` that is less than two units of `A'`, hence at most one; where `|A'| < |A|` it is at
 * most one unit of `A`. 2^-125 stands for subnormals that a device takes for zero.
 */
function assertWithinBound(
  actual: Float32Array,
  expected: Float32Array,
  { advantages, kinds, gains }: Inputs,
): void {
  assert.equal(actual.length, expected.length);
  const actualBits = new Uint32Array(actual.buffer);
  const expectedBits = new Uint32Array(expected.buffer);
  for (let t = 0; t < actual.length; t++) {
    if (actualBits[t] === expectedBits[t]) continue;
    const bound = Math.max(
      lastPlace(Math.max(Math.abs(advantages[t]!), Math.abs(expected[t]!))),
      2 ** -125,
    );
    const gain = gains[kinds[t]!]!;
    if (gain !== 0 && Math.abs(actual[t]! - expected[t]!) <= bound) continue;
    assert.fail(
      `token ${t} of ${actual.length}: A=${advantages[t]} gain=${gain} ` +
        `actual=${actual[t]} expected=${expected[t]} bound=${gain === 0 ? 0 : bound}`,
    );
  }
}

/** Distance from a positive f32 to the next. */
function lastPlace(value: number): number {
  const bits = bitsOf(Float32Array.of(value))[0]!;
  return fromBits([bits + 1])[0]! - value;
}

function bitsOf(values: Float32Array): number[] {
  return Array.from(new Uint32Array(values.buffer));
}

function fromBits(bits: number[]): Float32Array {
  return new Float32Array(Uint32Array.from(bits).buffer);
}

function upload(
  device: GPUDevice,
  arrays: {
    advantages: Float32Array<ArrayBuffer>;
    kinds: Uint8Array<ArrayBuffer>;
    gains: Float32Array<ArrayBuffer>;
  },
): AmplifyBuffers {
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
  const create = (data: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): GPUBuffer => {
    const buffer = device.createBuffer({
      size: data.byteLength,
      usage: STORAGE | COPY_DST | COPY_SRC,
    });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  return {
    advantages: create(arrays.advantages),
    kinds: create(arrays.kinds),
    gains: create(arrays.gains),
    amplified: create(new Float32Array(arrays.advantages.length)),
  };
}

async function download(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const { COPY_DST, MAP_READ } = GPUBufferUsage;
  const readback = device.createBuffer({ size: buffer.size, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  return new Float32Array(readback.getMappedRange().slice(0));
}
