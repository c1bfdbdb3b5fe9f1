import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { agglomerative } from "../../mining/cluster/agglomerative.ts";

interface Golden {
  name: string;
  epsilon: number;
  dimensions: number;
  vectors: number[];
  labels: number[];
}

const GOLDEN: Golden[] = JSON.parse(
  readFileSync(new URL("../testdata/mining/agglomerative.json", import.meta.url), "utf8"),
);

for (const { name, vectors, dimensions, epsilon, labels } of GOLDEN) {
  Deno.test(`agglomerative() labels as scikit-learn: ${name}`, async () => {
    assert.deepEqual(
      Array.from(await agglomerative(Float32Array.from(vectors), dimensions, { epsilon })),
      labels,
    );
  });
}

Deno.test("agglomerative() labels nothing, one vector and equal vectors", async () => {
  const options = { epsilon: 0 };
  assert.deepEqual(await agglomerative(new Float32Array(0), 2, options), new Int32Array(0));
  assert.deepEqual(await agglomerative(Float32Array.of(0, 3), 2, options), Int32Array.of(0));
  assert.deepEqual(
    await agglomerative(Float32Array.of(0, 3, 1, 0, 0, 3, 1, 0), 2, options),
    Int32Array.of(0, 1, 0, 1),
  );
});

/** Joins the nearest two clusters, again and again, by means over all their pairs. */
function naiveLabels(angles: readonly number[], epsilon: number): number[] {
  const clusters = angles.map((_, i) => [i]);
  const distance = (a: number[], b: number[]) => {
    const sum = a.flatMap((i) => b.map((j) => 1 - Math.cos(angles[i]! - angles[j]!)))
      .reduce((x, y) => x + y, 0);
    return sum / (a.length * b.length);
  };
  while (true) {
    const pairs = clusters.flatMap((a, i) => clusters.slice(i + 1).map((b) => ({ a, b })));
    const distances = pairs.map(({ a, b }) => distance(a, b));
    const least = Math.min(...distances);
    if (!(least <= epsilon)) break;
    const { a, b } = pairs[distances.indexOf(least)]!;
    a.push(...b);
    clusters.splice(clusters.indexOf(b), 1);
  }
  clusters.sort((a, b) => Math.min(...a) - Math.min(...b));
  return angles.map((_, i) => clusters.findIndex((cluster) => cluster.includes(i)));
}

Deno.test("agglomerative() labels as the naive version on random vectors", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 0, max: 25 }),
      fc.double({ min: 0.001, max: 1.5, noNaN: true }),
      async (seed, numRows, epsilon) => {
        // Hashed, not drawn by fast-check, which likes equal numbers: those leave the order open.
        const angles = Array.from({ length: numRows }, (_, i) => {
          const hash = Math.imul(Math.imul(seed ^ i, 0x9e3779b1) ^ i * 0x85ebca6b, 0xc2b2ae35);
          return ((hash ^ hash >>> 15) >>> 0) / 2 ** 32 * 2 * Math.PI;
        });
        const vectors = Float32Array.from(angles.flatMap((x) => [Math.cos(x), Math.sin(x)]));
        const labels = await agglomerative(vectors, 2, { epsilon, threads: 1 });
        assert.deepEqual(Array.from(labels), naiveLabels(angles, epsilon));
      },
    ),
    { seed: 1 }, // distances closer than float32 tells are rare, but not excluded
  );
});

Deno.test("agglomerative() stops when its signal is aborted", async () => {
  const reason = new Error("enough");
  const options = { epsilon: 0.1, signal: AbortSignal.abort(reason) };
  await assert.rejects(agglomerative(Float32Array.of(1, 0), 2, options), reason);
});

const REFUSED = [
  {
    name: "a negative epsilon",
    vectors: Float32Array.of(1, 0),
    epsilon: -1,
    message: "Cannot cluster as epsilon must be a cosine distance from 0 to 2: current value is -1",
  },
  {
    name: "more vectors than memory holds",
    vectors: new Float32Array(2 * 20_001).fill(1),
    epsilon: 0.1,
    message: "Cannot cluster by average linkage as there must be at most 20000 vectors: " +
      "there are 20001, use DBSCAN",
  },
];

for (const { name, vectors, epsilon, message } of REFUSED) {
  Deno.test(`agglomerative() refuses ${name}`, async () => {
    await assert.rejects(agglomerative(vectors, 2, { epsilon }), { name: "RangeError", message });
  });
}
