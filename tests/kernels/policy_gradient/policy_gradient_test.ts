import assert from "node:assert/strict";
import {
  type LogitDtype,
  logitStats,
  LogitStatsKernel,
  type PolicyGradient,
  policyGradient,
  policyGradientGpu,
  type PolicyGradientInputs,
  PolicyGradientKernel,
  type PolicyGradientOptions,
} from "../../../kernels/mod.ts";
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";
import { assertWithin } from "../_assert_within.ts";
import { logitsOf, numbersOf, seeded } from "../_logit_arrays.ts";
import golden from "../logits/golden.json" with { type: "json" };

type Backend = (
  inputs: PolicyGradientInputs,
  options: PolicyGradientOptions,
) => PolicyGradient | Promise<PolicyGradient>;

const DTYPES: LogitDtype[] = ["f32", "f16", "bf16"];
const HALF = Math.log(1 / 2);

/**
 * Worked by hand: one token, two equally likely entries, entry 1 sampled, weight 1. A slope is the derivative
 * by the logprob, so the gradient of entry 1 is half of it and that of entry 0 minus that.
 */
const CASES: {
  name: string;
  ratio: number;
  advantage: number;
  options?: Partial<PolicyGradientOptions>;
  loss: number;
  slope: number;
}[] = [
  { name: "on policy", ratio: 1, advantage: 2, loss: -2, slope: -2 },
  { name: "a success within the clip", ratio: 1.125, advantage: 2, loss: -2.25, slope: -2.25 },
  { name: "a success above the clip", ratio: 2, advantage: 2, loss: -2.4, slope: 0 },
  { name: "a success below the clip still moves", ratio: 0.5, advantage: 2, loss: -1, slope: -1 },
  { name: "a failure within the clip", ratio: 0.875, advantage: -2, loss: 1.75, slope: 1.75 },
  { name: "a failure below the clip", ratio: 0.5, advantage: -2, loss: 1.6, slope: 0 },
  { name: "a failure above the clip still moves", ratio: 4, advantage: -2, loss: 8, slope: 8 },
  {
    name: "a failure above the dual clip",
    ratio: 4,
    advantage: -2,
    options: { dualClip: 3 },
    loss: 6,
    slope: 0,
  },
  {
    name: "clip-higher",
    ratio: 1.25,
    advantage: 2,
    options: { clipHigh: 0.28 },
    loss: -2.5,
    slope: -2.5,
  },
  { name: "no advantage", ratio: 1.5, advantage: 0, loss: 0, slope: 0 },
  {
    name: "the entropy is at its maximum, so its gradient is 0",
    ratio: 1,
    advantage: 0,
    options: { entropyBonus: 0.5 },
    loss: 0.5 * HALF,
    slope: 0,
  },
  {
    name: "a reference twice as sure",
    ratio: 1,
    advantage: 0,
    options: { klPenalty: 0.5 },
    loss: 0.5 * (2 - Math.log(2) - 1),
    slope: -0.5,
  },
];

function bothBackends(name: string, check: (gradient: Backend) => Promise<void>): void {
  Deno.test(`policyGradient() ${name}`, () => check(policyGradient));
  gpuTest(
    `policyGradientGpu() ${name}`,
    (device) => check((...inputs) => policyGradientGpu(device, ...inputs)),
  );
}

bothBackends("computes the hand-worked cases", async (gradient) => {
  for (const { name, ratio, advantage, options, loss, slope } of CASES) {
    const { gradients, losses } = await gradient({
      logits: Float32Array.of(0, 0),
      tokenIds: Int32Array.of(1),
      oldLogprobs: Float32Array.of(HALF - Math.log(ratio)),
      refLogprobs: Float32Array.of(HALF + Math.log(2)),
      advantages: Float32Array.of(advantage),
      weights: Float32Array.of(1),
    }, { vocabSize: 2, ...options });
    // All values are below 10 and f32 keeps 24 bits; exp and log add a few units.
    assertWithin(losses, [loss], () => 1e-5, `${name}: loss`);
    assertWithin(gradients, [-slope / 2, slope / 2], () => 1e-5, `${name}: gradients`);
  }
});

bothBackends("agrees with PyTorch's autograd in float64", async (gradient) => {
  const { vocabSize } = golden;
  for (const expected of golden.cases) {
    const dtype = expected.dtype as LogitDtype;
    const bits = Uint32Array.from(expected.logits);
    const { gradients, losses } = await gradient({
      logits: dtype === "f32" ? new Float32Array(bits.buffer) : Uint16Array.from(bits),
      tokenIds: Int32Array.from(expected.tokenIds),
      oldLogprobs: Float32Array.from(expected.oldLogprobs),
      refLogprobs: Float32Array.from(expected.refLogprobs),
      advantages: Float32Array.from(expected.advantages),
      weights: Float32Array.from(expected.weights),
    }, {
      vocabSize,
      dtype,
      temperature: expected.temperature,
      ...expected.objective,
    });
    assertWithin(losses, expected.losses, () => 2e-5, `${dtype}: losses`);
    const actual = numbersOf(gradients, dtype);
    assertWithin(
      actual,
      expected.gradients,
      (i) => roundingOf(dtype, expected.gradients[i]!) + 2e-5,
      `${dtype}: gradients`,
    );
  }
});

bothBackends(
  "gives gradient 0 to tokens that do not count, whatever stands there",
  async (gradient) => {
    const { gradients, losses } = await gradient({
      logits: Float32Array.of(NaN, 1, 0, 0, Infinity, 3),
      tokenIds: Int32Array.of(0, 1, -100),
      oldLogprobs: Float32Array.of(NaN, HALF, HALF),
      advantages: Float32Array.of(NaN, 1, 1),
      weights: Float32Array.of(0, 1, 1),
    }, { vocabSize: 2, entropyBonus: 0.1 });
    assertWithin(gradients, [0, 0, 0.5, -0.5, 0, 0], () => 1e-6, "gradients");
    assertWithin(losses, [0, -1 + 0.1 * HALF, 0], () => 1e-6, "losses");
  },
);

bothBackends("gives masked entries gradient 0", async (gradient) => {
  const { gradients } = await gradient({
    logits: Float32Array.of(-Infinity, 0, 0, -Infinity),
    tokenIds: Int32Array.of(1),
    oldLogprobs: Float32Array.of(HALF),
    advantages: Float32Array.of(1),
    weights: Float32Array.of(1),
  }, { vocabSize: 4, entropyBonus: 0.1 });
  assertWithin(gradients, [0, -0.5, 0.5, 0], () => 1e-6, "gradients");
});

bothBackends("cuts the ratio and the distance to the reference at 20 nats", async (gradient) => {
  const { gradients, losses } = await gradient({
    logits: Float32Array.of(0, -100), // entry 1 has a logprob of -100
    tokenIds: Int32Array.of(1),
    oldLogprobs: Float32Array.of(-1),
    refLogprobs: Float32Array.of(-1),
    advantages: Float32Array.of(1),
    weights: Float32Array.of(1),
  }, { vocabSize: 2, klPenalty: 2 ** -20 });
  const expected = 2 ** -20 * (Math.exp(20) - 21) - Math.exp(-20);
  // An exponential of 20 in f32, within 3 + 2 * 20 units.
  assertWithin(losses, [expected], () => expected * 2 ** -17, "losses");
  assertWithin(gradients, [0, 0], () => 0, "gradients");
});

bothBackends("throws when an input breaks the contract", async (gradient) => {
  const valid: PolicyGradientInputs = {
    logits: Float32Array.of(0, -Infinity),
    tokenIds: Int32Array.of(0),
    oldLogprobs: Float32Array.of(0),
    advantages: Float32Array.of(1),
    weights: Float32Array.of(1),
  };
  const cases: [
    inputs: Partial<PolicyGradientInputs>,
    options: Partial<PolicyGradientOptions>,
    message: string,
  ][] = [
    [
      { weights: Float32Array.of(-1) },
      {},
      "Cannot compute the policy gradient as weights must be finite and at least 0: weights[0] is -1",
    ],
    [
      { advantages: Float32Array.of(NaN) },
      {},
      "Cannot compute the policy gradient as advantages must be finite: advantages[0] is NaN, or set " +
      "weights[0] to 0 to leave the token out",
    ],
    [
      { oldLogprobs: Float32Array.of(0, 0) },
      {},
      "Cannot compute the policy gradient as oldLogprobs must hold one value per token, 1: current " +
      "length is 2",
    ],
    [
      { advantages: Float64Array.of(1) as unknown as Float32Array },
      {},
      "Cannot compute the policy gradient as advantages must be a Float32Array: current value is " +
      "Float64Array",
    ],
    [
      { tokenIds: BigInt64Array.of(0n) as unknown as Int32Array },
      {},
      "Cannot compute the policy gradient as tokenIds must be a Int32Array: current value is " +
      "BigInt64Array",
    ],
    [
      { advantages: Float32Array.of(-3e38), oldLogprobs: Float32Array.of(-9) },
      {},
      "Cannot compute the policy gradient as the loss of token 0 and its derivative must fit f32: its " +
      `advantage is ${Math.fround(-3e38)}, its weight 1`,
    ],
    [
      {},
      { klPenalty: 0.1 },
      "Cannot compute the policy gradient as a klPenalty of 0.1 needs refLogprobs: current value is " +
      "undefined",
    ],
    [
      {},
      { dualClip: 1 },
      "Cannot compute the policy gradient as dualClip must be above 1, or left out: current value is 1",
    ],
    [
      {},
      { clipLow: 2 },
      "Cannot compute the policy gradient as clipLow must be a number from 0 to 1: current value is 2",
    ],
    [
      { tokenIds: Int32Array.of(1) },
      {},
      "Cannot compute the policy gradient as a sampled token must have a probability above 0: entry 1 " +
      "of token 0 has logit -Infinity, set weights[0] to 0 to leave the token out",
    ],
    [
      { logits: Float32Array.of(0, NaN) },
      {},
      "Cannot compute the policy gradient as logits must be finite or -Infinity: entry 1 of token 0 is " +
      "NaN, or give it a negative id to leave the token out",
    ],
  ];
  for (const [inputs, options, message] of cases) {
    await assert.rejects(
      async () => await gradient({ ...valid, ...inputs }, { vocabSize: 2, ...options }),
      { message },
    );
  }
});

Deno.test("policyGradient() equals the slope of its own loss", () => {
  const inputs = randomInputs(4, 6, "f32");
  const options = { ...OBJECTIVE, vocabSize: 6 };
  const { gradients } = policyGradient(inputs, options);
  // Central differences: an error of step^2, and the losses' rounding to f32 over the step.
  const step = 2 ** -6;
  for (let i = 0; i < gradients.length; i++) {
    const [up, down] = [step, -step].map((shift) => {
      const logits = inputs.logits.slice() as Float32Array;
      logits[i]! += shift;
      return policyGradient({ ...inputs, logits }, options).losses[Math.floor(i / 6)]!;
    });
    assertWithin([(up! - down!) / (2 * step)], [gradients[i]!], () => 2e-3, `gradient ${i}`);
  }
});

gpuTest(
  "policyGradientGpu() agrees with policyGradient() at odd sizes, in every dtype",
  async (device) => {
    for (const dtype of DTYPES) {
      for (
        const [numTokens, vocabSize] of [[1, 1], [9, 1], [7, 2], [5, 3], [4, 7], [3, 129], [
          2,
          5_003,
        ]]
      ) {
        await assertAgrees(device, randomInputs(numTokens!, vocabSize!, dtype), {
          ...OBJECTIVE,
          vocabSize: vocabSize!,
          dtype,
        });
      }
    }
  },
);

gpuTest(
  "policyGradientGpu() agrees when logits need several bindings and a folded grid",
  async (device) => {
    for (const dtype of DTYPES) {
      const small = withLimits(device, {
        maxStorageBufferBindingSize: (dtype === "f32" ? 4 : 2) * 37 * 128 + 16,
        maxComputeWorkgroupsPerDimension: 3,
      });
      await assertAgrees(small, randomInputs(300, 37, dtype), {
        ...OBJECTIVE,
        vocabSize: 37,
        dtype,
      });
    }
  },
);

gpuTest("PolicyGradientKernel.encode() gives equal bits in place and not", async (device) => {
  for (const dtype of DTYPES) {
    const vocabSize = 11;
    const numTokens = 21;
    const inputs = randomInputs(numTokens, vocabSize, dtype);
    const results: ArrayBuffer[] = [];
    for (const inPlace of [false, true]) {
      const options = { ...OBJECTIVE, klPenalty: 0, vocabSize, dtype };
      const forward = await LogitStatsKernel.compile(device, { vocabSize, dtype });
      const backward = await PolicyGradientKernel.compile(device, { ...options, inPlace });
      const logits = createBuffer(device, inputs.logits, 16);
      const buffers = {
        logits,
        tokenIds: createBuffer(device, inputs.tokenIds, 16),
        oldLogprobs: createBuffer(device, inputs.oldLogprobs, 16),
        advantages: createBuffer(device, inputs.advantages, 16),
        weights: createBuffer(device, inputs.weights, 16),
        logprobs: createBuffer(device, new Float32Array(numTokens), 16),
        entropies: createBuffer(device, new Float32Array(numTokens), 16),
        logsumexps: createBuffer(device, new Float32Array(numTokens), 16),
        argmaxes: createBuffer(device, new Float32Array(numTokens), 16),
        losses: createBuffer(device, new Float32Array(numTokens), 16),
        gradients: inPlace
          ? logits
          : createBuffer(device, new Uint16Array(inputs.logits.byteLength / 2), 16),
      };
      const encoder = device.createCommandEncoder();
      forward.encode(encoder, buffers, numTokens);
      backward.encode(encoder, buffers, numTokens);
      device.queue.submit([encoder.finish()]);
      const bytes = await readBuffer(device, buffers.gradients);
      results.push(bytes.slice(0, inputs.logits.byteLength));
      if (!inPlace) {
        assert.deepEqual(await readBuffer(device, logits), padded(inputs.logits).buffer);
      }
      const wrong = { ...buffers, gradients: inPlace ? buffers.losses : logits };
      assert.throws(() => backward.encode(encoder, wrong, numTokens), {
        name: "RangeError",
        message:
          `Cannot encode as buffers.gradients must ${inPlace ? "" : "not "}be buffers.logits: ` +
          `the kernel was compiled with inPlace ${inPlace}`,
      });
      backward.destroy();
    }
    assert.deepEqual(results[1], results[0], dtype);
  }
});

gpuTest(
  "PolicyGradientKernel.encode() writes a row of NaN where a token cannot be computed",
  async (device) => {
    for (const dtype of DTYPES) {
      const vocabSize = 3;
      const forward = await LogitStatsKernel.compile(device, { vocabSize, dtype });
      const backward = await PolicyGradientKernel.compile(device, {
        vocabSize,
        dtype,
        inPlace: true,
      });
      const logits = createBuffer(device, logitsOf([0, 0, 0, NaN, 0, 0, 0, 0, 0], dtype), 16);
      const words = () => createBuffer(device, new Float32Array(3), 16);
      const buffers = {
        logits,
        tokenIds: createBuffer(device, Int32Array.of(0, 1, 2), 16),
        oldLogprobs: words(),
        advantages: createBuffer(device, Float32Array.of(1, 1, 1), 16),
        weights: createBuffer(device, Float32Array.of(1, 1, 1), 16),
        logprobs: words(),
        entropies: words(),
        logsumexps: words(),
        argmaxes: words(),
        losses: words(),
        gradients: logits,
      };
      const encoder = device.createCommandEncoder();
      forward.encode(encoder, buffers, 3);
      backward.encode(encoder, buffers, 3);
      device.queue.submit([encoder.finish()]);
      const bytes = await readBuffer(device, logits);
      const gradients = dtype === "f32" ? new Float32Array(bytes) : new Uint16Array(bytes);
      const values = numbersOf(gradients, dtype).subarray(0, 9);
      assert.deepEqual(
        Array.from(values, Number.isNaN),
        [false, false, false, true, true, true, false, false, false],
        dtype,
      );
      const losses = new Float32Array(await readBuffer(device, buffers.losses));
      assert.deepEqual(Array.from(losses.subarray(0, 3), Number.isNaN), [false, true, false]);
      backward.destroy();
    }
  },
);

const OBJECTIVE = {
  temperature: 0.9,
  clipHigh: 0.28,
  dualClip: 3,
  entropyBonus: 0.05,
  klPenalty: 0.04,
} as const;

/** Logprobs near the policy's own, as in a loop, so that ratios lie on both sides of the clips. */
function randomInputs(
  numTokens: number,
  vocabSize: number,
  dtype: LogitDtype,
): PolicyGradientInputs {
  const random = seeded(numTokens * 31 + vocabSize);
  const each = (value: (t: number) => number) =>
    Float32Array.from({ length: numTokens }, (_, t) => value(t));
  const values = Float64Array.from({ length: numTokens * vocabSize }, () => 12 * random());
  const logits = logitsOf(values, dtype);
  const tokenIds = Int32Array.from({ length: numTokens }, (_, t) => 7 * t % vocabSize);
  const { logprobs } = logitStats(logits, tokenIds, { vocabSize, dtype, temperature: 0.9 });
  return {
    logits,
    tokenIds,
    oldLogprobs: each((t) => logprobs[t]! + 2 * random()),
    refLogprobs: each((t) => logprobs[t]! + random()),
    advantages: each(() => 2 * random()),
    weights: each((t) => t % 5 === 3 ? 0 : 0.5 + Math.abs(random())),
  };
}

async function assertAgrees(
  device: GPUDevice,
  inputs: PolicyGradientInputs,
  options: PolicyGradientOptions,
): Promise<void> {
  const expected = policyGradient(inputs, options);
  const actual = await policyGradientGpu(device, inputs, options);
  const { dtype = "f32", vocabSize } = options;
  const what = `${inputs.tokenIds.length} x ${vocabSize} ${dtype}`;
  // A loss is a few terms below 16, each off by its logprob's error, at most 2^-23 * 64 here.
  assertWithin(actual.losses, expected.losses, () => 2 ** -15, `${what}: losses`);
  const numbers = numbersOf(expected.gradients, dtype);
  assertWithin(
    numbersOf(actual.gradients, dtype),
    numbers,
    // A probability's error of 2^-23 * 64 times slopes below 8, and one rounding to the dtype.
    (i) => 2 ** -14 * Math.max(Math.abs(numbers[i]!), 2 ** -6) + roundingOf(dtype, numbers[i]!),
    `${what}: gradients`,
  );
}

/** One unit in the last place: the two may round to neighbors. */
function roundingOf(dtype: LogitDtype, value: number): number {
  const [relative, least] =
    { f32: [2 ** -23, 2 ** -126], f16: [2 ** -10, 2 ** -24], bf16: [2 ** -7, 2 ** -126] }[dtype];
  return Math.max(relative! * Math.abs(value), least!);
}

function padded(values: Float32Array | Int32Array | Uint16Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(values.byteLength / 16) * 16);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return bytes;
}
