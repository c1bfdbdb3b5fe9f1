import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ClassSums,
  type SegmentSums,
  segmentSums,
  type SegmentSumsBuffers,
  segmentSumsGpu,
  SegmentSumsKernel,
  type SegmentSumsOptions,
} from "../../../kernels/mod.ts";
import { assertWithin } from "../_assert_within.ts";
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";
import golden from "./golden/segment_sums.json" with { type: "json" };

interface Case {
  name: string;
  values: number[];
  offsets: number[];
  classes?: number[];
  numClasses?: number;
  groupIds?: number[];
  sums: number[];
  counts: number[];
  total: [sums: number[], counts: number[]];
  groups?: [ids: number[], sums: number[], counts: number[]];
}

/** Small whole numbers add exactly, so both backends must agree to the bit. */
const CASES: Case[] = [
  { name: "no segments", values: [], offsets: [0], sums: [], counts: [], total: [[0], [0]] },
  {
    name: "empty segments only",
    values: [],
    offsets: [0, 0, 0],
    groupIds: [5, 2],
    sums: [0, 0],
    counts: [0, 0],
    total: [[0], [0]],
    groups: [[2, 5], [0, 0], [0, 0]],
  },
  { name: "one token", values: [3], offsets: [0, 1], sums: [3], counts: [1], total: [[3], [1]] },
  {
    name: "ragged segments, an empty one between",
    values: [1, 2, 4, 8, 16],
    offsets: [0, 2, 2, 5],
    sums: [3, 0, 28],
    counts: [2, 0, 3],
    total: [[31], [5]],
  },
  {
    name: "classes, tokens left out and a class of none",
    values: [1, 2, 4, 8, 16, 32],
    offsets: [0, 4, 6],
    classes: [0, 1, 255, 1, 3, 0],
    numClasses: 3,
    sums: [1, 10, 0, 32, 0, 0],
    counts: [1, 2, 0, 1, 0, 0],
    total: [[33, 10, 0], [2, 2, 0]],
  },
  {
    name: "groups that lie apart, of any ids",
    values: [1, 2, 4, 8],
    offsets: [0, 1, 2, 3, 4],
    classes: [0, 1, 0, 1],
    numClasses: 2,
    groupIds: [9, -3, 9, -3],
    sums: [1, 0, 0, 2, 4, 0, 0, 8],
    counts: [1, 0, 0, 1, 1, 0, 0, 1],
    total: [[5, 10], [2, 2]],
    groups: [[-3, 9], [0, 10, 5, 0], [0, 2, 2, 0]],
  },
  {
    name: "NaN and infinities stay in their segment, class and group",
    values: [NaN, 1, 2, Infinity, 3, -Infinity, 4, Infinity, -Infinity, 5, NaN],
    offsets: [0, 2, 3, 5, 7, 9, 11],
    classes: [0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 255],
    numClasses: 2,
    groupIds: [0, 1, 1, 2, 2, 3],
    sums: [NaN, 1, 2, 0, Infinity, 3, -Infinity, 4, NaN, 0, 5, 0],
    counts: [1, 1, 1, 0, 1, 1, 1, 1, 2, 0, 1, 0],
    total: [[NaN, 8], [7, 3]],
    groups: [[0, 1, 2, 3], [NaN, 1, Infinity, 3, NaN, 4, 5, 0], [1, 1, 2, 1, 3, 1, 1, 0]],
  },
];

interface Invalid {
  name: string;
  values?: unknown;
  offsets?: unknown;
  options?: SegmentSumsOptions;
  error: string;
  message: string;
}

const ERRORS: Invalid[] = [
  {
    name: "values are no Float32Array",
    values: [1, 2],
    error: "TypeError",
    message: "values must be a Float32Array: current value is Array",
  },
  {
    name: "offsets are missing",
    offsets: null,
    error: "TypeError",
    message: "offsets must be a Int32Array: current value is null",
  },
  {
    name: "there are no offsets",
    offsets: Int32Array.of(),
    error: "RangeError",
    message: "offsets must start at 0: current length is 0",
  },
  {
    name: "offsets start elsewhere",
    offsets: Int32Array.of(1, 2),
    error: "RangeError",
    message: "offsets must start at 0: offsets[0] is 1",
  },
  {
    name: "offsets descend",
    offsets: Int32Array.of(0, 2, 1, 2),
    error: "RangeError",
    message: "offsets must not descend: offsets[2] is 1 after 2",
  },
  {
    name: "offsets end early",
    offsets: Int32Array.of(0, 1),
    error: "RangeError",
    message: "offsets must end at the number of values, 2: offsets[1] is 1",
  },
  {
    name: "a class is missing",
    options: { classes: Uint8Array.of(0) },
    error: "RangeError",
    message: "classes must hold one value per token, 2: current length is 1",
  },
  {
    name: "classes are of another type",
    options: { classes: [0, 1] as unknown as Uint8Array },
    error: "TypeError",
    message: "classes must be a Uint8Array: current value is Array",
  },
  {
    name: "a group is missing",
    options: { groupIds: Int32Array.of() },
    error: "RangeError",
    message: "groupIds must hold one value per segment, 1: current length is 0",
  },
  {
    name: "there are too many classes",
    options: { numClasses: 9 },
    error: "RangeError",
    message: "numClasses must be an integer from 1 to 8: current value is 9",
  },
];

Deno.test("segmentSums() computes the hand-worked cases", () => {
  for (const given of CASES) {
    assertCase(segmentSums(...inputsOf(given)), given);
  }
});

gpuTest("segmentSumsGpu() computes the hand-worked cases", async (device) => {
  for (const given of CASES) {
    assertCase(await segmentSumsGpu(device, ...inputsOf(given)), given);
  }
});

Deno.test("segmentSums() equals exact sums rounded once to f32", () => {
  const { values, offsets, options } = goldenInputs();
  const actual = segmentSums(values, offsets, options);
  assertGolden(actual, () => 0);
});

gpuTest("segmentSumsGpu() is within its bound of exact sums", async (device) => {
  const { values, offsets, options } = goldenInputs();
  const actual = await segmentSumsGpu(device, values, offsets, options);
  const bounds = boundsOf(values, offsets, options);
  assertGolden(actual, (level, row) => bounds[level][row]!);
});

Deno.test("segmentSums() throws when an input breaks the contract", () => {
  for (const { name, values, offsets, options = {}, error, message } of ERRORS) {
    assert.throws(
      () => segmentSums(...brokenInputs({ values, offsets }), options),
      { name: error, message: `Cannot sum segments as ${message}` },
      name,
    );
  }
});

gpuTest("segmentSumsGpu() throws when an input breaks the contract", async (device) => {
  for (const { name, values, offsets, options = {}, error, message } of ERRORS) {
    await assert.rejects(
      segmentSumsGpu(device, ...brokenInputs({ values, offsets }), options),
      { name: error, message: `Cannot sum segments as ${message}` },
      name,
    );
  }
});

gpuTest("segmentSumsGpu() agrees with segmentSums() at odd sizes", async (device) => {
  const kernels = await Promise.all(
    [1, 2, 8].map((numClasses) => SegmentSumsKernel.compile(device, { numClasses })),
  );
  const sizes = [1, 2, 3, 63, 64, 65, 255, 257, 1_023, 1_024, 1_025, 2_049, 5_121, 70_001];
  for (const [index, numClasses] of [1, 2, 8].entries()) {
    for (const tokens of sizes) {
      await assertAgrees(kernels[index]!, randomInputs([tokens], tokens, numClasses));
    }
    await assertAgrees(kernels[index]!, randomInputs(sizes, 3, numClasses));
  }
  for (const kernel of kernels) kernel.destroy();
});

gpuTest("segmentSumsGpu() agrees on many tiny segments", async (device) => {
  const kernel = await SegmentSumsKernel.compile(device, { numClasses: 2 });
  // 4,096 is where a lane takes one alone; a few are too long for that.
  for (const numSegments of [4_095, 4_096, 9_001]) {
    const lengths = Array.from({ length: numSegments }, (_, s) => s % 7);
    for (const [s, length] of [63, 64, 65, 1_025, 20_000].entries()) lengths[11 * s] = length;
    await assertAgrees(kernel, randomInputs(lengths, 11, 2));
  }
  kernel.destroy();
});

gpuTest("segmentSumsGpu() agrees on any batch", async (device) => {
  const kernel = await SegmentSumsKernel.compile(device, { numClasses: 2 });
  const token = fc.record({
    value: fc.float({ noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) }),
    tokenClass: fc.constantFrom(0, 1, 2, 255),
  });
  const segment = fc.record({
    tokens: fc.array(token, { maxLength: 40 }),
    group: fc.integer({ min: -2, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 20 }), async (segments) => {
      const tokens = segments.flatMap(({ tokens }) => tokens);
      await assertAgrees(kernel, {
        values: Float32Array.from(tokens, ({ value }) => value),
        offsets: offsetsOf(segments.map(({ tokens }) => tokens.length)),
        options: {
          classes: Uint8Array.from(tokens, ({ tokenClass }) => tokenClass),
          groupIds: Int32Array.from(segments, ({ group }) => group),
          numClasses: 2,
        },
      });
    }),
    { numRuns: 40 },
  );
  kernel.destroy();
});

gpuTest("segmentSumsGpu() gives the same bits again, and on a folded grid", async (device) => {
  const folded = withLimits(device, { maxComputeWorkgroupsPerDimension: 3 });
  for (const lengths of [[50_000, 1, 3_000], Array.from({ length: 5_000 }, (_, s) => s % 9)]) {
    const { values, offsets, options } = randomInputs(lengths, 5, 3);
    const once = await segmentSumsGpu(device, values, offsets, options);
    assert.deepEqual(await segmentSumsGpu(device, values, offsets, options), once);
    assert.deepEqual(await segmentSumsGpu(folded, values, offsets, options), once);
  }
});

gpuTest("segmentSumsGpu() gives a segment the same bits in any batch", async (device) => {
  // Alone a segment is cut into parts; among 5,000 it is one workgroup's, or if tiny one lane's.
  const kernel = await SegmentSumsKernel.compile(device, { numClasses: 2 });
  for (const tokens of [2, 3, 31, 32, 33, 63, 64, 65, 1_025, 40_000, 65_536, 100_001]) {
    const alone = randomInputs([tokens], tokens, 2);
    const { sums } = await kernel.run(alone.values, alone.offsets, alone.options);
    for (const numOthers of [2, 39, 4_999]) {
      const others = randomInputs(Array(numOthers).fill(2), numOthers, 2);
      const values = new Float32Array(2 * numOthers + tokens);
      values.set(others.values);
      values.set(alone.values, 2 * numOthers);
      const classes = new Uint8Array(values.length);
      classes.set(others.options.classes!);
      classes.set(alone.options.classes!, 2 * numOthers);
      const offsets = Int32Array.of(...others.offsets, values.length);
      const together = await kernel.run(values, offsets, { classes });
      assert.deepEqual(together.sums.slice(-2), sums, `${tokens} tokens, ${numOthers} others`);
    }
  }
  kernel.destroy();
});

gpuTest("segmentSumsGpu() keeps a NaN to its part of a long segment's sum", async (device) => {
  const { values, offsets, options } = randomInputs([30_000, 30_000], 1, 2);
  values[45_000] = NaN;
  options.classes![45_000] = 1;
  values[100] = Infinity;
  options.classes![100] = 255;
  const { sums, total } = await segmentSumsGpu(device, values, offsets, options);
  assert.deepEqual(Array.from(sums, Number.isFinite), [true, true, true, false]);
  assert.ok(Number.isNaN(sums[3]));
  assert.deepEqual(Array.from(total.sums, Number.isNaN), [false, true]);
});

gpuTest("segmentSumsGpu() throws when the tokens do not fit a binding", async (device) => {
  const small = withLimits(device, { maxStorageBufferBindingSize: 65_536 });
  const { values, offsets } = randomInputs([16_385], 1, 1);
  await assert.rejects(segmentSumsGpu(small, values, offsets), {
    name: "RangeError",
    message: "Cannot encode as buffers.values must be bound whole, 65540 bytes: " +
      "maxStorageBufferBindingSize is 65536, pass less at a time",
  });
});

gpuTest("SegmentSumsKernel encodes all levels on held buffers, dense groups", async (device) => {
  const kernel = await SegmentSumsKernel.compile(device, { numClasses: 2 });
  const input = (data: Float32Array | Int32Array | Uint8Array) => createBuffer(device, data);
  const output = (words: number) => createBuffer(device, new Float32Array(words));
  const buffers = {
    values: input(Float32Array.of(1, 2, 4, 8, 100)), // the fifth token was not asked for
    offsets: input(Int32Array.of(0, 1, 4)),
    classes: input(Uint8Array.of(0, 1, 0, 1)),
    sums: output(4),
    counts: output(4),
    totalSums: output(2),
    totalCounts: output(2),
    groupIds: input(Int32Array.of(1, 0)),
    groupSums: output(6),
    groupCounts: output(6),
  };
  const size = { numTokens: 4, numSegments: 2, numGroups: 3 };
  const encoder = device.createCommandEncoder();
  kernel.encode(encoder, buffers, size);
  kernel.encodeTotal(encoder, buffers, size);
  kernel.encodeGroups(encoder, buffers, size);
  device.queue.submit([encoder.finish()]);
  const floats = async (buffer: GPUBuffer) =>
    Array.from(new Float32Array(await readBuffer(device, buffer)));
  const words = async (buffer: GPUBuffer) =>
    Array.from(new Uint32Array(await readBuffer(device, buffer)));
  assert.deepEqual(await floats(buffers.sums), [1, 0, 4, 10]);
  assert.deepEqual(await words(buffers.counts), [1, 0, 1, 2]);
  assert.deepEqual(await floats(buffers.totalSums), [5, 10]);
  assert.deepEqual(await words(buffers.totalCounts), [2, 2]);
  assert.deepEqual(await floats(buffers.groupSums), [4, 10, 1, 0, 0, 0]);
  assert.deepEqual(await words(buffers.groupCounts), [1, 2, 1, 0, 0, 0]);
  kernel.destroy();
});

gpuTest("SegmentSumsKernel.encode() throws when a buffer does not fit", async (device) => {
  const kernel = await SegmentSumsKernel.compile(device);
  const buffers: SegmentSumsBuffers = {
    values: createBuffer(device, new Float32Array(4)),
    offsets: createBuffer(device, new Int32Array(3)),
    sums: createBuffer(device, new Float32Array(2)),
    counts: createBuffer(device, new Float32Array(2)),
  };
  const size = { numTokens: 4, numSegments: 2 };
  const encoder = device.createCommandEncoder();
  const cases: [SegmentSumsBuffers, typeof size, string][] = [
    [
      buffers,
      { ...size, numTokens: 0.5 },
      "Cannot encode as numTokens must be a non-negative integer: current value is 0.5",
    ],
    [
      buffers,
      { ...size, numTokens: 5 },
      "Cannot encode as buffers.values must hold 20 bytes: current size is 16",
    ],
    [
      { ...buffers, classes: buffers.sums },
      size,
      "Cannot encode as buffers.sums must be a buffer of its own: it is also buffers.classes, " +
      "WebGPU does not read and write one buffer in a pass",
    ],
  ];
  for (const [given, sizes, message] of cases) {
    assert.throws(() => kernel.encode(encoder, given, sizes), { name: "RangeError", message });
  }
  kernel.destroy();
});

interface Inputs {
  values: Float32Array;
  offsets: Int32Array;
  options: SegmentSumsOptions;
}

type Level = "segments" | "total" | "groups";

function inputsOf(
  { values, offsets, classes, numClasses = 1, groupIds }: Case,
): [Float32Array, Int32Array, SegmentSumsOptions] {
  return [Float32Array.from(values), Int32Array.from(offsets), {
    numClasses,
    ...(classes && { classes: Uint8Array.from(classes) }),
    ...(groupIds && { groupIds: Int32Array.from(groupIds) }),
  }];
}

function brokenInputs(
  { values, offsets }: { values: unknown; offsets: unknown },
): [Float32Array, Int32Array] {
  return [
    (values ?? Float32Array.of(1, 2)) as Float32Array,
    (offsets === undefined ? Int32Array.of(0, 2) : offsets) as Int32Array,
  ];
}

function assertCase(
  actual: SegmentSums,
  { name, sums, counts, total: [totalSums, totalCounts], groups }: Case,
): void {
  // Plain arrays, as typed ones are compared by their bits, and a NaN has many.
  const numbers = ({ sums, counts }: ClassSums) => ({
    sums: Array.from(sums),
    counts: Array.from(counts),
  });
  assert.deepEqual(numbers(actual), { sums, counts }, name);
  assert.deepEqual(numbers(actual.total), { sums: totalSums, counts: totalCounts }, name);
  assert.equal(actual.groups === undefined, groups === undefined, name);
  if (actual.groups === undefined || groups === undefined) return;
  const [ids, groupSums, groupCounts] = groups;
  assert.deepEqual(Array.from(actual.groups.groupIds), ids, name);
  assert.deepEqual(numbers(actual.groups), { sums: groupSums, counts: groupCounts }, name);
}

function goldenInputs(): Inputs {
  return {
    values: Float32Array.from(golden.values),
    offsets: Int32Array.from(golden.offsets),
    options: {
      classes: Uint8Array.from(golden.classes),
      groupIds: Int32Array.from(golden.groupIds),
      numClasses: golden.numClasses,
    },
  };
}

function assertGolden(actual: SegmentSums, bound: (level: Level, row: number) => number): void {
  assert.deepEqual(Array.from(actual.groups!.groupIds), golden.groupRows);
  const levels: [Level, ClassSums, number[][]][] = [
    ["segments", actual, golden.segments],
    ["total", actual.total, golden.total],
    ["groups", actual.groups!, golden.groups],
  ];
  for (const [level, { sums, counts }, pairs] of levels) {
    assertWithin(sums, pairs.map(([sum]) => sum!), (row) => bound(level, row), level);
    assert.deepEqual(Array.from(counts), pairs.map(([, count]) => count), level);
  }
}

function offsetsOf(lengths: number[]): Int32Array {
  let end = 0;
  return Int32Array.of(0, ...lengths.map((length) => end += length));
}

function randomInputs(lengths: number[], seed: number, numClasses: number): Inputs {
  const offsets = offsetsOf(lengths);
  const numTokens = offsets.at(-1)!;
  const values = new Float32Array(numTokens);
  const classes = new Uint8Array(numTokens);
  let state = seed;
  for (let t = 0; t < numTokens; t++) {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[t] = state / 2 ** 30 - 2;
    classes[t] = (state >>> 16) % (numClasses + 1); // the last is left out
  }
  const groupIds = Int32Array.from(lengths, (_, s) => 10 * (s % 5) - 20);
  return { values, offsets, options: { classes, groupIds, numClasses } };
}

async function assertAgrees(
  kernel: SegmentSumsKernel,
  { values, offsets, options }: Inputs,
): Promise<void> {
  const expected = segmentSums(values, offsets, options);
  const actual = await kernel.run(values, offsets, options);
  const bounds = boundsOf(values, offsets, options);
  const what = `${values.length} tokens, ${offsets.length - 1} segments`;
  assertWithin(actual.sums, expected.sums, (row) => bounds.segments[row]!, what);
  assert.deepEqual(actual.counts, expected.counts, what);
  assertWithin(actual.total.sums, expected.total.sums, (row) => bounds.total[row]!, what);
  assert.deepEqual(actual.total.counts, expected.total.counts, what);
  const { groups } = expected;
  assert.deepEqual(actual.groups!.groupIds, groups!.groupIds);
  assertWithin(actual.groups!.sums, groups!.sums, (row) => bounds.groups[row]!, what);
  assert.deepEqual(actual.groups!.counts, groups!.counts, what);
}

/**
 * Bounds of each sum: a tree of h levels errs by at most `h u / (1 - h u)` times the sum of absolute values,
 * u = 2^-24, and the expected value is rounded once more. 2^-126 for each value that a device takes for zero,
 * being subnormal.
 */
function boundsOf(
  values: Float32Array,
  offsets: Int32Array,
  options: SegmentSumsOptions,
): Record<Level, Float64Array> {
  const numSegments = offsets.length - 1;
  const { sums, counts, total, groups } = segmentSums(values.map(Math.abs), offsets, options);
  let longest = 1;
  for (let s = 0; s < numSegments; s++) longest = Math.max(longest, offsets[s + 1]! - offsets[s]!);
  const bounds = (of: ClassSums, levels: number): Float64Array => {
    const h = levels + 1;
    return Float64Array.from(
      of.sums,
      (sum, row) => h * 2 ** -24 / (1 - h * 2 ** -24) * sum + of.counts[row]! * 2 ** -126,
    );
  };
  const levels = Math.ceil(Math.log2(longest));
  const joined = levels + Math.ceil(Math.log2(Math.max(1, numSegments)));
  return {
    segments: bounds({ sums, counts }, levels),
    total: bounds(total, joined),
    groups: groups ? bounds(groups, joined) : new Float64Array(),
  };
}
