import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { dbscan } from "../../mining/cluster/dbscan.ts";

interface Golden {
  name: string;
  epsilon: number;
  minPoints: number;
  dimensions: number;
  vectors: number[];
  labels: number[];
}

const GOLDEN: Golden[] = JSON.parse(
  readFileSync(new URL("../testdata/mining/dbscan.json", import.meta.url), "utf8"),
);

for (const { name, vectors, dimensions, epsilon, minPoints, labels } of GOLDEN) {
  Deno.test(`dbscan() labels as scikit-learn: ${name}`, async () => {
    assert.deepEqual(
      Array.from(await dbscan(Float32Array.from(vectors), dimensions, { epsilon, minPoints })),
      labels,
    );
  });
}

/** DBSCAN as written in its paper, with all distances in float64 and all neighbors in lists. */
function naiveDbscan(
  vectors: Float32Array,
  dimensions: number,
  { epsilon, minPoints }: { epsilon: number; minPoints: number },
): Int32Array {
  const rows = Array.from(
    { length: vectors.length / dimensions },
    (_, i) => Array.from(vectors.subarray(i * dimensions, (i + 1) * dimensions)),
  );
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
  const neighbors = rows.map((a, i) =>
    rows.flatMap((b, j) => {
      const distance = i === j ? 0 : 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      return distance <= epsilon ? [j] : [];
    })
  );
  const labels = new Int32Array(rows.length).fill(-1);
  let label = 0;
  for (let seed = 0; seed < rows.length; seed++) {
    if (labels[seed] !== -1 || neighbors[seed]!.length < minPoints) continue;
    const queue = [seed];
    for (let point = queue.pop(); point !== undefined; point = queue.pop()) {
      if (labels[point] !== -1) continue;
      labels[point] = label;
      if (neighbors[point]!.length >= minPoints) queue.push(...neighbors[point]!);
    }
    label++;
  }
  return labels;
}

/** Vectors of small whole numbers: many duplicates and many equal distances. */
const coarse = fc.integer({ min: 2, max: 4 }).chain((dimensions) =>
  fc.array(
    fc.array(fc.integer({ min: -3, max: 3 }), { minLength: dimensions, maxLength: dimensions })
      .filter((row) => row.some((value) => value !== 0)),
    { maxLength: 60 },
  ).map((rows) => ({ dimensions, vectors: Float32Array.from(rows.flat()) }))
);

Deno.test("dbscan() labels as the naive version on random vectors", async () => {
  await fc.assert(
    fc.asyncProperty(
      coarse,
      // Irrational, so that no distance between such vectors lies on it.
      fc.double({ min: 0.01, max: 1.9, noNaN: true }).map((value) => value * Math.SQRT2 / 1.42),
      fc.integer({ min: 1, max: 8 }),
      async ({ vectors, dimensions }, epsilon, minPoints) => {
        const options = { epsilon, minPoints, threads: 1 };
        assert.deepEqual(
          await dbscan(vectors, dimensions, options),
          naiveDbscan(vectors, dimensions, options),
        );
      },
    ),
  );
});

/** A generator of its own, as these tests need more numbers than fast-check shrinks well. */
function randomVectors(numRows: number, dimensions: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: numRows * dimensions }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state / 2 ** 31;
  });
}

Deno.test("dbscan() labels as the naive version over several blocks of rows", async () => {
  const vectors = randomVectors(2500, 3, 1);
  for (const options of [{ epsilon: 0.0005, minPoints: 3 }, { epsilon: 0.004, minPoints: 9 }]) {
    const labels = await dbscan(vectors, 3, options);
    assert.ok(new Set(labels).size > 20, `only ${new Set(labels).size} labels`);
    assert.deepEqual(labels, naiveDbscan(vectors, 3, options));
  }
});

Deno.test("dbscan() compares in float64 where float32 cannot tell", async () => {
  // The distance of the rows is far below what a float32 product near 1 resolves (6e-8).
  const vectors = Float32Array.of(1, 0, /**/ 1, 1e-4);
  const distance = 1 - 1 / Math.hypot(1, Math.fround(1e-4));
  assert.ok(distance < 6e-9);
  for (const [epsilon, label] of [[distance * 1.01, 0], [distance * 0.99, -1]] as const) {
    assert.deepEqual(
      await dbscan(vectors, 2, { epsilon, minPoints: 2 }),
      Int32Array.of(label, label),
    );
  }
});

Deno.test("dbscan() does not depend on the number of threads", async () => {
  const vectors = randomVectors(1500, 8, 2);
  const options = { epsilon: 0.05, minPoints: 3 };
  assert.deepEqual(
    await dbscan(vectors, 8, { ...options, threads: 1 }),
    await dbscan(vectors, 8, { ...options, threads: 2 }),
  );
});

Deno.test("dbscan() leaves its vectors as they are and reports each pair once", async () => {
  const vectors = randomVectors(1500, 4, 3);
  const before = vectors.slice();
  const progress: number[] = [];
  await dbscan(vectors, 4, {
    epsilon: 0.01,
    minPoints: 3,
    onProgress: (done, total) => {
      assert.equal(total, 1500 * 1499 / 2);
      progress.push(done);
    },
  });
  assert.deepEqual(vectors, before);
  assert.equal(progress.length, 3);
  assert.equal(progress.at(-1), 1500 * 1499 / 2);
});

Deno.test("dbscan() stops when its signal is aborted", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    dbscan(randomVectors(1500, 4, 4), 4, {
      epsilon: 0.01,
      minPoints: 3,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    }),
    reason,
  );
});

const REFUSED = [
  {
    name: "an epsilon of 0",
    epsilon: 0,
    error: "RangeError",
    message:
      "Cannot cluster as epsilon must be a cosine distance, above 0 and at most 2: current value is 0",
  },
  {
    name: "minPoints of 0",
    minPoints: 0,
    error: "RangeError",
    message: "Cannot cluster as minPoints must be a whole number from 1: current value is 0",
  },
  {
    name: "dimensions of 0",
    dimensions: 0,
    error: "RangeError",
    message: "Cannot cluster as dimensions must be a whole number from 1: current value is 0",
  },
  {
    name: "half a row",
    vectors: [1, 0, 1],
    error: "TypeError",
    message: "Cannot cluster as vectors must hold whole rows of 2 numbers: current length is 3",
  },
  {
    name: "a zero vector",
    vectors: [1, 0, 0, 0],
    error: "RangeError",
    message: "Cannot cluster as a vector must be finite and not zero: the length of row 1 is 0",
  },
  {
    name: "a vector that is not finite",
    vectors: [1, NaN],
    error: "RangeError",
    message: "Cannot cluster as a vector must be finite and not zero: the length of row 0 is NaN",
  },
];

for (const { name, error, message, ...changed } of REFUSED) {
  Deno.test(`dbscan() refuses ${name}`, async () => {
    const { vectors, dimensions, ...options } = {
      vectors: [1, 0],
      dimensions: 2,
      epsilon: 0.1,
      minPoints: 2,
      ...changed,
    };
    await assert.rejects(dbscan(Float32Array.from(vectors), dimensions, options), {
      name: error,
      message,
    });
  });
}
