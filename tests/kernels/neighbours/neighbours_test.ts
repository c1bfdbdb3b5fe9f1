import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type NeighbourListOptions,
  type Neighbours,
  neighbours,
  neighboursGpu,
  NeighboursKernel,
  type NeighboursOptions,
} from "../../../kernels/mod.ts";
import { neighboursOnnx } from "../../../kernels/onnx.ts";
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";
import golden from "./golden/neighbours.json" with { type: "json" };

interface Case {
  name: string;
  vectors: number[][];
  epsilon: number;
  lists: number[][];
}

const CASES: Case[] = [
  { name: "no rows", vectors: [], epsilon: 0.5, lists: [] },
  { name: "one row, which is its own neighbour", vectors: [[3]], epsilon: 0, lists: [[0]] },
  {
    name: "duplicates at epsilon 0",
    vectors: [[1, 0], [0, 1], [1, 0], [0, 2]],
    epsilon: 0,
    lists: [[0, 2], [1, 3], [0, 2], [1, 3]],
  },
  {
    name: "itself, where rounding puts a row at a distance from itself",
    vectors: [[1, 2], [1, 2]], // 1 - 5 / (sqrt(5) * sqrt(5)) is 1.1e-16 in float64
    epsilon: 0,
    lists: [[0], [1]],
  },
  {
    name: "opposite rows at epsilon 2",
    vectors: [[1, 0], [-2, 0], [0, 1]],
    epsilon: 2,
    lists: [[0, 1, 2], [0, 1, 2], [0, 1, 2]],
  },
  {
    name: "opposite rows just below",
    vectors: [[1, 0], [-2, 0], [0, 1]],
    epsilon: 1.9999999,
    lists: [[0, 2], [1, 2], [0, 1, 2]],
  },
  {
    name: "orthogonal rows, whose distance is epsilon",
    vectors: [[1, 0, 0], [0, 7, 0], [0, 0, 0.1], [-1, 0, 0]],
    epsilon: 1,
    lists: [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3]],
  },
  {
    name: "rows in one dimension",
    vectors: [[1], [-3], [1e-30], [1e30]],
    epsilon: 0.5,
    lists: [[0, 2, 3], [1], [0, 2, 3], [0, 2, 3]],
  },
];

const ERRORS = [
  {
    name: "epsilon is negative",
    epsilon: -0.1,
    error: "RangeError",
    message: "epsilon must be a cosine distance from 0 to 2: current value is -0.1",
  },
  {
    name: "epsilon is NaN",
    epsilon: NaN,
    error: "RangeError",
    message: "epsilon must be a cosine distance from 0 to 2: current value is NaN",
  },
  {
    name: "dimensions are 0",
    dimensions: 0,
    error: "RangeError",
    message: "dimensions must be a whole number from 1: current value is 0",
  },
  {
    name: "there is half a row",
    vectors: [1, 0, 1],
    error: "TypeError",
    message: "vectors must hold whole rows of 2 numbers: current length is 3",
  },
  {
    name: "a vector is zero",
    vectors: [1, 0, 0, 0],
    error: "RangeError",
    message: "a vector must be finite and not zero: the length of row 1 is 0",
  },
  {
    name: "a vector is not finite",
    vectors: [1, NaN],
    error: "RangeError",
    message: "a vector must be finite and not zero: the length of row 0 is NaN",
  },
];

type Backend = (
  vectors: Float32Array,
  dimensions: number,
  options: NeighboursOptions,
) => Neighbours | Promise<Neighbours>;

/** Registers a test for each backend. */
function backendTest(does: string, run: (backend: Backend) => Promise<void>): void {
  Deno.test(`neighbours() ${does}`, () => run(neighbours));
  Deno.test(
    `neighboursOnnx() ${does}`,
    () =>
      run((vectors, dimensions, { epsilon }) =>
        neighboursOnnx(vectors, dimensions, { epsilon, threads: 1 })
      ),
  );
  gpuTest(
    `neighboursGpu() ${does}`,
    (device) =>
      run((vectors, dimensions, options) => neighboursGpu(device, vectors, dimensions, options)),
  );
}

backendTest("computes the hand-worked cases", async (backend) => {
  for (const { name, vectors, epsilon, lists } of CASES) {
    const dimensions = vectors[0]?.length ?? 1;
    const actual = await backend(Float32Array.from(vectors.flat()), dimensions, { epsilon });
    assert.deepEqual(listsOf(actual), lists, name);
  }
});

backendTest("lists as numpy in float64", async (backend) => {
  for (const { vectors, dimensions, epsilon, offsets, indices } of golden.cases) {
    const actual = await backend(Float32Array.from(vectors), dimensions, { epsilon });
    assert.deepEqual(Array.from(actual.offsets), offsets);
    assert.deepEqual(Array.from(actual.indices), indices);
  }
});

backendTest("throws when an input breaks the contract", async (backend) => {
  for (const { name, error, message, ...changed } of ERRORS) {
    const { vectors, dimensions, epsilon } = {
      vectors: [1, 0],
      dimensions: 2,
      epsilon: 0.1,
      ...changed,
    };
    await assert.rejects(
      async () => await backend(Float32Array.from(vectors), dimensions, { epsilon }),
      { name: error, message: `Cannot find neighbours as ${message}` },
      name,
    );
  }
});

backendTest("compares in float64 where float32 cannot tell", async (backend) => {
  // The distance of the rows is far below what a float32 product near 1 resolves (6e-8).
  const vectors = Float32Array.of(1, 0, /**/ 1, 1e-4);
  const distance = 1 - 1 / Math.hypot(1, Math.fround(1e-4));
  assert.ok(distance < 6e-9);
  const above = await backend(vectors, 2, { epsilon: distance * 1.01 });
  assert.deepEqual(listsOf(above), [[0, 1], [0, 1]]);
  const below = await backend(vectors, 2, { epsilon: distance * 0.99 });
  assert.deepEqual(listsOf(below), [[0], [1]]);
});

Deno.test("neighboursOnnx() equals neighbours() at odd sizes", async () => {
  await atOddSizes((vectors, dimensions, options) =>
    neighboursOnnx(vectors, dimensions, { ...options, threads: 1 })
  );
});

gpuTest("neighboursGpu() equals neighbours() at odd sizes", async (device) => {
  await atOddSizes((vectors, dimensions, options) =>
    neighboursGpu(device, vectors, dimensions, options)
  );
});

Deno.test("neighboursOnnx() equals neighbours() over several blocks of rows", async () => {
  const vectors = randomVectors(2_100, 3, 1);
  const expected = neighbours(vectors, 3, { epsilon: 0.002 });
  assert.ok(expected.indices.length > 3 * 2_100);
  assert.deepEqual(await neighboursOnnx(vectors, 3, { epsilon: 0.002 }), expected);
});

/** Vectors of small whole numbers: many duplicates and many equal distances. */
const coarse = fc.integer({ min: 1, max: 4 }).chain((dimensions) =>
  fc.array(
    fc.array(fc.integer({ min: -3, max: 3 }), { minLength: dimensions, maxLength: dimensions })
      .filter((row) => row.some((value) => value !== 0)),
    { maxLength: 80 },
  ).map((rows) => ({ dimensions, vectors: Float32Array.from(rows.flat()) }))
);
/** Some of them the distances themselves. */
const epsilons = fc.oneof(
  fc.double({ min: 0, max: 2, noNaN: true }),
  fc.constantFrom(0, 0.5, 1, 1.5, 2, 1 - Math.SQRT1_2, 1 - 1 / Math.sqrt(3), 1 - 0.8),
);

async function onAnyRows(backend: Backend, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(coarse, epsilons, async ({ vectors, dimensions }, epsilon) => {
      assert.deepEqual(
        await backend(vectors, dimensions, { epsilon }),
        neighbours(vectors, dimensions, { epsilon }),
      );
    }),
    { numRuns },
  );
}

Deno.test("neighboursOnnx() equals neighbours() on any rows, at epsilons that are distances", async () => {
  await onAnyRows(
    (vectors, dimensions, options) =>
      neighboursOnnx(vectors, dimensions, { ...options, threads: 1 }),
    100,
  );
});

gpuTest(
  "neighboursGpu() equals neighbours() on any rows, at epsilons that are distances",
  async (device) => {
    await onAnyRows(
      (vectors, dimensions, options) => neighboursGpu(device, vectors, dimensions, options),
      25,
    );
  },
);

gpuTest(
  "neighboursGpu() equals neighbours() on a folded grid and in several ranges",
  async (device) => {
    const vectors = randomVectors(300, 2, 3);
    const expected = neighbours(vectors, 2, { epsilon: 1.5 });
    // 64 rows have some 12,800 neighbours; bindings of 60,000 bytes hold 15,000.
    for (
      const limits of [
        { maxComputeWorkgroupsPerDimension: 2 },
        { maxStorageBufferBindingSize: 60_000 },
        { maxStorageBufferBindingSize: 120_000, maxComputeWorkgroupsPerDimension: 1 },
      ]
    ) {
      const small = withLimits(device, limits);
      assert.deepEqual(await neighboursGpu(small, vectors, 2, { epsilon: 1.5 }), expected);
    }
  },
);

gpuTest("neighboursGpu() gives the same lists again", async (device) => {
  const kernel = await NeighboursKernel.compile(device, { dimensions: 5, epsilon: 0.4 });
  const vectors = randomVectors(200, 5, 9);
  const once = await kernel.run(vectors);
  await kernel.run(randomVectors(131, 5, 10));
  assert.deepEqual(await kernel.run(vectors), once);
  kernel.destroy();
});

gpuTest("neighboursGpu() throws when lists or vectors do not fit", async (device) => {
  const vectors = randomVectors(200, 1, 1);
  await assert.rejects(
    neighboursGpu(withLimits(device, { maxStorageBufferBindingSize: 50_000 }), vectors, 1, {
      epsilon: 2,
    }),
    {
      name: "RangeError",
      message: "Cannot list neighbours as those of 64 rows must fit a binding, 12500 indices: " +
        "rows 0 to 63 have 12800, lower epsilon or drop duplicates",
    },
  );
  await assert.rejects(
    neighboursGpu(
      withLimits(device, { maxStorageBufferBindingSize: 20_000 }),
      randomVectors(5_001, 1, 1),
      1,
      { epsilon: 0 },
    ),
    {
      name: "RangeError",
      message: "Cannot encode as buffers.vectors must be bound whole, 20004 bytes: " +
        "maxStorageBufferBindingSize is 20000, pass less at a time",
    },
  );
});

gpuTest(
  "NeighboursKernel finds all neighbours, and none beyond its bound, in buffers",
  async (device) => {
    const [numRows, dimensions, epsilon] = [150, 37, 0.9];
    const vectors = unit(randomVectors(numRows, dimensions, 4), dimensions);
    const kernel = await NeighboursKernel.compile(device, { dimensions, epsilon });
    const lists = await inBuffers(device, kernel, vectors, { numRows });
    // A product errs by (dimensions + 8) 2^-24; so does the threshold, which is rounded too.
    const bound = 2 * (dimensions + 9) * 2 ** -24;
    const least = listsOf(neighbours(vectors, dimensions, { epsilon }));
    const most = listsOf(neighbours(vectors, dimensions, { epsilon: epsilon + bound }));
    for (const [i, list] of lists.entries()) {
      assert.ok(least[i]!.every((j) => list.includes(j)), `row ${i} lacks a neighbour`);
      assert.ok(list.every((j) => most[i]!.includes(j)), `row ${i} has one too many`);
      assert.deepEqual(list, list.toSorted((a, b) => a - b));
    }
    for (const range of [{ begin: 64 }, { begin: 64, end: 100 }, { begin: 128, end: 128 }]) {
      const some = await inBuffers(device, kernel, vectors, { numRows, ...range });
      assert.deepEqual(some, lists.slice(range.begin, range.end));
    }
    kernel.destroy();
  },
);

gpuTest(
  "NeighboursKernel marks what float32 cannot tell, and keeps to the room",
  async (device) => {
    const kernel = await NeighboursKernel.compile(device, { dimensions: 2, epsilon: 1 });
    const vectors = Float32Array.of(1, 0, /**/ 0, 1, /**/ -1, 0);
    const marked = await inBuffers(device, kernel, vectors, { numRows: 3, markUncertain: true });
    const top = 2 ** 31;
    assert.deepEqual(marked, [[0, top + 1], [top + 0, 1, top + 2], [top + 1, 2]]);
    const short = await inBuffers(device, kernel, vectors, { numRows: 3, numIndices: 4 });
    assert.deepEqual(short, [[0, 1], [0, 1], []]);
    kernel.destroy();
  },
);

gpuTest("NeighboursKernel throws when a buffer or a range does not fit", async (device) => {
  const kernel = await NeighboursKernel.compile(device, { dimensions: 2, epsilon: 1 });
  const vectors = createBuffer(device, new Float32Array(200));
  const counts = createBuffer(device, new Uint32Array(99));
  const encoder = device.createCommandEncoder();
  const cases: [() => void, string][] = [
    [
      () => kernel.encodeCounts(encoder, { vectors, counts }, { numRows: 101 }),
      "Cannot encode as buffers.vectors must hold 808 bytes: current size is 800",
    ],
    [
      () => kernel.encodeCounts(encoder, { vectors, counts }, { numRows: 100 }),
      "Cannot encode as buffers.counts must hold 400 bytes: current size is 396",
    ],
    [
      () => kernel.encodeCounts(encoder, { vectors, counts: vectors }, { numRows: 100 }),
      "Cannot encode as buffers.counts must be a buffer of its own: it is also buffers.vectors, " +
      "WebGPU does not read and write one buffer in a pass",
    ],
    [
      () => kernel.encodeCounts(encoder, { vectors, counts }, { numRows: 100, begin: 32 }),
      "Cannot encode as begin must be a multiple of 64: current value is 32",
    ],
    [
      () => kernel.encodeCounts(encoder, { vectors, counts }, { numRows: 100, end: 101 }),
      "Cannot encode as end must be from begin, 0, to numRows, 100: current value is 101",
    ],
    [
      () =>
        kernel.encodeLists(encoder, { vectors, offsets: counts, indices: counts }, {
          numRows: 98,
          numIndices: -1,
        }),
      "Cannot encode as numIndices must be a non-negative integer: current value is -1",
    ],
  ];
  for (const [action, message] of cases) {
    assert.throws(action, { name: "RangeError", message });
  }
  kernel.destroy();
});

async function atOddSizes(backend: Backend): Promise<void> {
  for (const dimensions of [1, 3, 4, 127, 128]) {
    for (const numRows of [1, 2, 63, 64, 65, 130]) {
      const vectors = randomVectors(numRows, dimensions, numRows + dimensions);
      vectors.copyWithin(vectors.length - dimensions, 0, dimensions); // a duplicate
      const epsilon = dimensions > 4 ? 0.95 : 0.3;
      assert.deepEqual(
        await backend(vectors, dimensions, { epsilon }),
        neighbours(vectors, dimensions, { epsilon }),
        `${numRows} x ${dimensions}`,
      );
    }
  }
}

function listsOf({ offsets, indices }: Neighbours): number[][] {
  return Array.from(
    { length: offsets.length - 1 },
    (_, i) => Array.from(indices.subarray(offsets[i], offsets[i + 1])),
  );
}

function randomVectors(numRows: number, dimensions: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: numRows * dimensions }, () => {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    return state / 2 ** 31 || 1;
  });
}

function unit(vectors: Float32Array, dimensions: number): Float32Array {
  return vectors.map((value, at) => {
    const begin = at - at % dimensions;
    return value / Math.hypot(...vectors.subarray(begin, begin + dimensions));
  });
}

/** Counts, adds up on the CPU, lists: as a caller with buffers does. */
async function inBuffers(
  device: GPUDevice,
  kernel: NeighboursKernel,
  vectors: Float32Array,
  options: Omit<NeighbourListOptions, "numIndices"> & { numIndices?: number },
): Promise<number[][]> {
  const { numRows, begin = 0, end = numRows } = options;
  const buffers = {
    vectors: createBuffer(device, vectors),
    counts: createBuffer(device, new Uint32Array(Math.max(1, end - begin))),
  };
  const encoder = device.createCommandEncoder();
  kernel.encodeCounts(encoder, buffers, options);
  device.queue.submit([encoder.finish()]);
  const offsets = new Uint32Array(end - begin + 1);
  for (const [i, count] of (await read(device, buffers.counts)).entries()) {
    if (i < end - begin) offsets[i + 1] = offsets[i]! + count;
  }
  const numIndices = options.numIndices ?? offsets.at(-1)!;
  const lists = {
    vectors: buffers.vectors,
    offsets: createBuffer(device, offsets),
    indices: createBuffer(device, new Uint32Array(Math.max(1, numIndices))),
  };
  const second = device.createCommandEncoder();
  kernel.encodeLists(second, lists, { ...options, numIndices });
  device.queue.submit([second.finish()]);
  const indices = await read(device, lists.indices);
  return Array.from(
    { length: end - begin },
    (_, i) => Array.from(indices.subarray(offsets[i], Math.min(offsets[i + 1]!, numIndices))),
  );
}

async function read(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  return new Uint32Array(await readBuffer(device, buffer));
}
