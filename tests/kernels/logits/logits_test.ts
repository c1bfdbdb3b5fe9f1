import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type LogitDtype,
  type Logits,
  type LogitStats,
  logitStats,
  LogitStatsKernel,
  type LogitStatsOptions,
} from "../../../kernels/mod.ts";
import { entropyBound, logprobBound, massBound } from "../../../kernels/logits/_bounds.ts";
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";
import { assertWithin } from "../_assert_within.ts";
import { logitsOf, numbersOf, seeded } from "../_logit_arrays.ts";
import golden from "./golden.json" with { type: "json" };

type Backend = (
  logits: Logits,
  tokenIds: Int32Array,
  options: LogitStatsOptions,
) => LogitStats | Promise<LogitStats>;

const DTYPES: LogitDtype[] = ["f32", "f16", "bf16"];
const MASKED = -Infinity;

/** Worked by hand. One row each; f16 and bf16 hold the numbers exactly. */
const CASES: {
  name: string;
  logits: number[];
  id: number;
  temperature?: number;
  expected: { logprob: number; entropy: number; logsumexp: number; argmax: number; top2: number };
}[] = [
  {
    name: "one entry",
    logits: [3],
    id: 0,
    expected: { logprob: 0, entropy: 0, logsumexp: 3, argmax: 0, top2: 1 },
  },
  {
    name: "equal logits",
    logits: [2, 2, 2, 2],
    id: 3,
    expected: {
      logprob: -Math.log(4),
      entropy: Math.log(4),
      logsumexp: 2 + Math.log(4),
      argmax: 0,
      top2: 0.5,
    },
  },
  {
    name: "masked entries",
    logits: [MASKED, 1, MASKED, 1, MASKED],
    id: 3,
    expected: {
      logprob: -Math.log(2),
      entropy: Math.log(2),
      logsumexp: 1 + Math.log(2),
      argmax: 1,
      top2: 1,
    },
  },
  {
    name: "the sampled entry is masked",
    logits: [0, MASKED, 0],
    id: 1,
    expected: {
      logprob: -Infinity,
      entropy: Math.log(2),
      logsumexp: Math.log(2),
      argmax: 0,
      top2: 1,
    },
  },
  {
    name: "huge logits",
    logits: [60_000, -60_000, 60_000],
    id: 2,
    expected: {
      logprob: -Math.log(2),
      entropy: Math.log(2),
      logsumexp: 60_000 + Math.log(2),
      argmax: 0,
      top2: 1,
    },
  },
  {
    name: "far apart: the sampled one is hopeless",
    logits: [0, 1_024],
    id: 0,
    expected: { logprob: -1_024, entropy: 0, logsumexp: 1_024, argmax: 1, top2: 1 },
  },
  {
    name: "temperature",
    logits: [0, 2],
    id: 1,
    temperature: 2 / Math.log(3), // odds of 1 to 3
    expected: {
      logprob: Math.log(3 / 4),
      entropy: Math.log(4) - 3 / 4 * Math.log(3),
      logsumexp: Math.log(4),
      argmax: 1,
      top2: 1,
    },
  },
];

const ERRORS: {
  name: string;
  logits?: Logits;
  tokenIds?: Int32Array;
  options?: Partial<LogitStatsOptions>;
  error: { name: string; message: string };
}[] = [
  {
    name: "the array is not that of the dtype",
    logits: new Uint16Array(3),
    error: {
      name: "TypeError",
      message: 'Cannot compute logit statistics as logits of dtype "f32" must be a Float32Array: ' +
        "current value is Uint16Array",
    },
  },
  {
    name: "the logits are a Float16Array",
    logits: new Float16Array(3) as unknown as Logits,
    options: { dtype: "f16" },
    error: {
      name: "TypeError",
      message: 'Cannot compute logit statistics as logits of dtype "f16" must be a Uint16Array: ' +
        "current value is Float16Array, pass new Uint16Array(it.buffer, it.byteOffset, it.length)",
    },
  },
  {
    name: "the ids are 64 bits wide",
    tokenIds: BigInt64Array.of(1n) as unknown as Int32Array,
    error: {
      name: "TypeError",
      message:
        "Cannot compute logit statistics as tokenIds must be a Int32Array: current value is " +
        "BigInt64Array",
    },
  },
  {
    name: "rows are missing",
    tokenIds: Int32Array.of(0, 1),
    error: {
      name: "RangeError",
      message:
        "Cannot compute logit statistics as logits must hold 3 values for each of 2 tokens, " +
        "6: current length is 3",
    },
  },
  {
    name: "an id is outside the vocabulary",
    tokenIds: Int32Array.of(3),
    error: {
      name: "RangeError",
      message:
        "Cannot compute logit statistics as token ids must be below the vocabulary's size, " +
        "3: tokenIds[0] is 3, or make it negative to leave the token out",
    },
  },
  {
    name: "the mask is too long",
    options: { lossMask: Uint8Array.of(1, 1) },
    error: {
      name: "RangeError",
      message: "Cannot compute logit statistics as lossMask must hold one value per token, 1: " +
        "current length is 2",
    },
  },
  {
    name: "vocabSize is 0",
    options: { vocabSize: 0 },
    error: {
      name: "RangeError",
      message: "Cannot compute logit statistics as vocabSize must be a positive integer: " +
        "current value is 0",
    },
  },
  {
    name: "the dtype is unknown",
    options: { dtype: "f64" as LogitDtype },
    error: {
      name: "RangeError",
      message: 'Cannot compute logit statistics as dtype must be "f32", "f16" or "bf16": ' +
        'current value is "f64"',
    },
  },
  {
    name: "temperature is 0",
    options: { temperature: 0 },
    error: {
      name: "RangeError",
      message: "Cannot compute logit statistics as temperature must be a positive number: " +
        "current value is 0",
    },
  },
  {
    name: "topK is too large",
    options: { topK: 65 },
    error: {
      name: "RangeError",
      message: "Cannot compute logit statistics as topK must be an integer from 0 to 64: " +
        "current value is 65",
    },
  },
  {
    name: "a logit is NaN",
    logits: Float32Array.of(1, NaN, 2),
    error: {
      name: "RangeError",
      message:
        "Cannot compute logit statistics as logits must be finite or -Infinity: entry 1 of " +
        "token 0 is NaN, or give it a negative id to leave the token out",
    },
  },
  {
    name: "a logit is infinite",
    logits: Float32Array.of(1, 2, Infinity),
    error: {
      name: "RangeError",
      message:
        "Cannot compute logit statistics as logits must be finite or -Infinity: entry 2 of " +
        "token 0 is Infinity, or give it a negative id to leave the token out",
    },
  },
  {
    name: "all logits are masked",
    logits: Float32Array.of(MASKED, MASKED, MASKED),
    error: {
      name: "RangeError",
      message:
        "Cannot compute logit statistics as a token must have a logit above the lowest f32: " +
        "all of token 0 are -Infinity or lowest, or give it a negative id to leave the token out",
    },
  },
];

/** Compiles a kernel and runs it. */
async function runOnce(
  device: GPUDevice,
  logits: Logits,
  tokenIds: Int32Array,
  { lossMask, ...options }: LogitStatsOptions,
): Promise<LogitStats> {
  const kernel = await LogitStatsKernel.compile(device, options);
  try {
    return await kernel.run(logits, tokenIds, { lossMask });
  } finally {
    kernel.destroy();
  }
}

/** Runs a check on both backends. */
function bothBackends(name: string, check: (stats: Backend) => Promise<void>): void {
  Deno.test(`logitStats() ${name}`, () => check(logitStats));
  gpuTest(
    `LogitStatsKernel.run() ${name}`,
    (device) => check((...inputs) => runOnce(device, ...inputs)),
  );
}

bothBackends("computes the hand-worked cases in every dtype", async (stats) => {
  for (const dtype of DTYPES) {
    for (const { name, logits, id, temperature = 1, expected } of CASES) {
      const rounded = numbersOf(logitsOf(logits, dtype), dtype);
      if (rounded.some((value, v) => value !== logits[v])) continue; // the dtype cannot hold it
      const actual = await stats(logitsOf(logits, dtype), Int32Array.of(id), {
        vocabSize: logits.length,
        dtype,
        temperature,
        topK: 2,
      });
      const what = `${name}, ${dtype}`;
      const largest = Math.max(...logits.map(Math.abs)) / temperature;
      const bound = () => logprobBound(largest, largest, logits.length);
      assertWithin(actual.logprobs, [expected.logprob], bound, `${what}: logprobs`);
      assertWithin(
        actual.entropies,
        [expected.entropy],
        () => entropyBound(1),
        `${what}: entropies`,
      );
      assertWithin(actual.logsumexps, [expected.logsumexp], bound, `${what}: logsumexps`);
      assert.deepEqual(actual.argmaxes, Int32Array.of(expected.argmax), `${what}: argmaxes`);
      assertWithin(actual.topKMasses, [expected.top2], () => 2 ** -20, `${what}: topKMasses`);
    }
  }
});

bothBackends("agrees with PyTorch in float64", async (stats) => {
  const { vocabSize } = golden;
  for (const expected of golden.cases) {
    const dtype = expected.dtype as LogitDtype;
    const bits = Uint32Array.from(expected.logits);
    const logits = dtype === "f32" ? new Float32Array(bits.buffer) : Uint16Array.from(bits);
    const { temperature, topK } = expected;
    const actual = await stats(logits, Int32Array.from(expected.tokenIds), {
      vocabSize,
      dtype,
      temperature,
      topK,
    });
    const bound = () => logprobBound(60, 60, vocabSize);
    assertWithin(actual.logprobs, expected.logprobs, bound, `${dtype} logprobs`);
    assertWithin(actual.entropies, expected.entropies, () => entropyBound(4), `${dtype} entropies`);
    assertWithin(actual.logsumexps, expected.logsumexps, bound, `${dtype} logsumexps`);
    assert.deepEqual(actual.argmaxes, Int32Array.from(expected.argmaxes));
    assertWithin(actual.topKMasses, expected.topKMasses, () => 2 ** -20, `${dtype} topKMasses`);
  }
});

bothBackends(
  "leaves out tokens with a negative id or loss mask 0, whatever stands there",
  async (stats) => {
    const logits = Float32Array.of(NaN, Infinity, 0, 0, NaN, NaN, 0, 0);
    const actual = await stats(logits, Int32Array.of(-100, 1, 99, 0), {
      vocabSize: 2,
      topK: 1,
      lossMask: Uint8Array.of(1, 1, 0, 1),
    });
    const half = Math.fround(Math.log(2));
    const of = (value: number) => [0, value, 0, value];
    assertWithin(actual.logprobs, of(-half), () => entropyBound(1), "logprobs");
    assertWithin(actual.entropies, of(half), () => entropyBound(1), "entropies");
    assertWithin(actual.logsumexps, of(half), () => entropyBound(1), "logsumexps");
    assert.deepEqual(actual.argmaxes, Int32Array.of(-1, 0, -1, 0));
    assertWithin(actual.topKMasses, of(0.5), () => entropyBound(1), "topKMasses");
  },
);

bothBackends("gives no values for no tokens", async (stats) => {
  const actual = await stats(new Float32Array(0), new Int32Array(0), { vocabSize: 5 });
  assert.equal(actual.logprobs.length, 0);
  assert.equal(actual.argmaxes.length, 0);
});

bothBackends("throws when an input breaks the contract", async (stats) => {
  for (const { name, error, logits, tokenIds, options } of ERRORS) {
    await assert.rejects(
      async () =>
        await stats(logits ?? Float32Array.of(1, 2, 3), tokenIds ?? Int32Array.of(0), {
          vocabSize: 3,
          ...options,
        }),
      error,
      name,
    );
  }
});

bothBackends("names the token whose logits are NaN", async (stats) => {
  const logits = new Float32Array(7 * 5);
  logits[4 * 5 + 3] = NaN;
  await assert.rejects(
    async () => await stats(logits, new Int32Array(7), { vocabSize: 5 }),
    /entry 3 of token 4 is NaN/,
  );
});

gpuTest(
  "LogitStatsKernel.run() agrees with logitStats() at odd sizes, in every dtype",
  async (device) => {
    const sizes = [[1, 1], [3, 2], [2, 7], [5, 63], [1, 1_023], [3, 1_025], [2, 2_049], [300, 5], [
      1,
      50_257,
    ]];
    for (const dtype of DTYPES) {
      for (const [numTokens, vocabSize] of sizes) {
        await assertAgrees(device, randomInputs(numTokens!, vocabSize!, dtype));
      }
    }
  },
);

gpuTest(
  "LogitStatsKernel.run() agrees on a vocabulary of 256 k and spread logits",
  async (device) => {
    for (const spread of [0.01, 30]) {
      await assertAgrees(device, randomInputs(2, 262_144, "f32", spread));
    }
  },
);

gpuTest("LogitStatsKernel.run() agrees on any finite or masked logits", async (device) => {
  const logit = fc.oneof(
    { weight: 5, arbitrary: fc.float({ min: -64, max: 64, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(MASKED) },
    { weight: 1, arbitrary: fc.float({ min: -1e4, max: 1e4, noNaN: true }) },
  );
  const row = fc.tuple(
    fc.float({ min: -64, max: 64, noNaN: true }),
    fc.array(logit, { maxLength: 20 }),
  );
  await fc.assert(
    fc.asyncProperty(row, fc.constantFrom(...DTYPES), fc.nat(), async ([some, rest], dtype, id) => {
      const logits = logitsOf([...rest, some], dtype);
      const vocabSize = logits.length;
      await assertAgrees(device, {
        logits,
        tokenIds: Int32Array.of(id % vocabSize),
        vocabSize,
        dtype,
      });
    }),
    { numRuns: 40 },
  );
});

gpuTest(
  "LogitStatsKernel.run() gives the same bits in every run, binding and grid",
  async (device) => {
    // A binding holds 256 rows and a little; a dimension of the grid holds 3 workgroups.
    const small = withLimits(device, {
      maxStorageBufferBindingSize: 4 * 11 * 256 + 64,
      maxComputeWorkgroupsPerDimension: 3,
    });
    const { logits, tokenIds, ...options } = randomInputs(1_021, 11, "f32");
    const whole = await runOnce(device, logits, tokenIds, options);
    assert.deepEqual(await runOnce(device, logits, tokenIds, options), whole);
    assert.deepEqual(await runOnce(small, logits, tokenIds, options), whole);
    await assertAgrees(small, { logits, tokenIds, ...options });
  },
);

gpuTest("LogitStatsKernel.encode() binds held buffers piece by piece", async (device) => {
  const small = withLimits(device, { maxStorageBufferBindingSize: 2 * 7 * 128 + 16 });
  const numTokens = 300;
  const { logits, tokenIds, ...options } = randomInputs(numTokens, 7, "bf16");
  const kernel = await LogitStatsKernel.compile(small, { vocabSize: 7, dtype: "bf16", topK: 3 });
  const buffers = {
    logits: createBuffer(device, logits, 16),
    tokenIds: createBuffer(device, tokenIds, 16),
    logprobs: output(device, numTokens),
    entropies: output(device, numTokens),
    logsumexps: output(device, numTokens),
    argmaxes: output(device, numTokens),
    topKMasses: output(device, numTokens),
  };
  const encoder = device.createCommandEncoder();
  kernel.encode(encoder, buffers, numTokens);
  device.queue.submit([encoder.finish()]);
  const entropies = new Float32Array(await readBuffer(device, buffers.entropies));
  const expected = logitStats(logits, tokenIds, { ...options, topK: 3 });
  assertWithin(entropies, expected.entropies, () => entropyBound(7), "entropies");
  const masses = new Float32Array(await readBuffer(device, buffers.topKMasses));
  assertWithin(masses, expected.topKMasses, () => 2 ** -20, "topKMasses");
});

gpuTest(
  "LogitStatsKernel.encode() writes NaN for tokens without a distribution",
  async (device) => {
    const kernel = await LogitStatsKernel.compile(device, { vocabSize: 2 });
    const buffers = {
      // The last row is past the vocabulary with its id only: its entropy can still be computed.
      logits: createBuffer(device, Float32Array.of(NaN, 0, MASKED, MASKED, 0, Infinity, 0, 0), 16),
      tokenIds: createBuffer(device, Int32Array.of(0, 0, 0, 2), 16),
      logprobs: output(device, 4),
      entropies: output(device, 4),
      logsumexps: output(device, 4),
      argmaxes: output(device, 4),
    };
    const encoder = device.createCommandEncoder();
    kernel.encode(encoder, buffers, 4);
    device.queue.submit([encoder.finish()]);
    const logprobs = new Float32Array(await readBuffer(device, buffers.logprobs));
    assert.deepEqual(Array.from(logprobs, Number.isNaN), [true, true, true, true]);
    const entropies = new Float32Array(await readBuffer(device, buffers.entropies));
    assert.deepEqual(Array.from(entropies, Number.isNaN), [true, true, true, false]);
    assert.deepEqual(
      new Int32Array(await readBuffer(device, buffers.argmaxes)),
      Int32Array.of(-1, -1, -1, 0),
    );
  },
);

gpuTest("LogitStatsKernel.encode() throws when a buffer does not fit", async (device) => {
  const kernel = await LogitStatsKernel.compile(device, { vocabSize: 3, topK: 1 });
  const buffers = {
    logits: createBuffer(device, new Float32Array(8), 16),
    tokenIds: createBuffer(device, new Int32Array(2), 16),
    logprobs: output(device, 2),
    entropies: output(device, 2),
    logsumexps: output(device, 2),
    argmaxes: output(device, 2),
    topKMasses: output(device, 2),
  };
  const encoder = device.createCommandEncoder();
  kernel.encode(encoder, buffers, 2);
  const { topKMasses: _, ...withoutMasses } = buffers;
  const cases: [
    buffers: Parameters<typeof kernel.encode>[1],
    numTokens: number,
    message: string,
  ][] = [
    [buffers, 3, "Cannot encode as buffers.logits must hold 48 bytes: current size is 32"],
    [
      withoutMasses,
      2,
      "Cannot encode as buffers.topKMasses must be a GPUBuffer: current value is undefined",
    ],
    [
      { ...buffers, entropies: buffers.logprobs },
      2,
      "Cannot encode as buffers.logprobs must be a buffer of its own: it is also buffers.entropies, " +
      "WebGPU does not read and write one buffer in a pass",
    ],
  ];
  for (const [given, numTokens, message] of cases) {
    assert.throws(() => kernel.encode(encoder, given, numTokens), { message });
  }
});

gpuTest("LogitStatsKernel.run() keeps its buffers between calls", async (device) => {
  let created = 0;
  const counting = new Proxy(device, {
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "createBuffer") created++;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const kernel = await LogitStatsKernel.compile(counting, { vocabSize: 5 });
  const { logits, tokenIds } = randomInputs(9, 5, "f32");
  const first = await kernel.run(logits, tokenIds);
  const once = created;
  assert.deepEqual(await kernel.run(logits, tokenIds), first);
  assert.equal(created, once);
  kernel.destroy();
});

interface Inputs extends LogitStatsOptions {
  logits: Logits;
  tokenIds: Int32Array;
}

function randomInputs(
  numTokens: number,
  vocabSize: number,
  dtype: LogitDtype,
  spread = 12,
): Inputs {
  const random = seeded(numTokens * 31 + vocabSize);
  const values = Float64Array.from({ length: numTokens * vocabSize }, () => spread * random());
  const tokenIds = Int32Array.from({ length: numTokens }, (_, t) => 7 * t % vocabSize);
  return { logits: logitsOf(values, dtype), tokenIds, vocabSize, dtype, topK: 5 };
}

async function assertAgrees(
  device: GPUDevice,
  { logits, tokenIds, ...options }: Inputs,
): Promise<void> {
  const expected = logitStats(logits, tokenIds, options);
  const actual = await runOnce(device, logits, tokenIds, options);
  const { vocabSize, dtype = "f32" } = options;
  const what = `${tokenIds.length} x ${vocabSize} ${dtype}`;
  const largest = numbersOf(logits, dtype).reduce((most, logit) => Math.max(most, logit), 0);
  const bound = (t: number) => logprobBound(largest, expected.logprobs[t]!, vocabSize);
  assertWithin(actual.logprobs, expected.logprobs, bound, `${what}: logprobs`);
  assertWithin(
    actual.entropies,
    expected.entropies,
    () => entropyBound(vocabSize),
    `${what}: entropies`,
  );
  assertWithin(actual.logsumexps, expected.logsumexps, bound, `${what}: logsumexps`);
  assert.deepEqual(actual.argmaxes, expected.argmaxes, `${what}: argmaxes`);
  assertWithin(
    actual.topKMasses,
    expected.topKMasses,
    () => massBound(vocabSize),
    `${what}: topKMasses`,
  );
}

function output(device: GPUDevice, numTokens: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  return device.createBuffer({ size: 4 * numTokens, usage });
}
