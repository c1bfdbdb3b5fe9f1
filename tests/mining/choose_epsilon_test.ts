import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseEpsilon } from "../../mining/cluster/choose_epsilon.ts";
import { dbscan } from "../../mining/cluster/dbscan.ts";

/** Directions in the plane, where cosine distance is easy to follow. */
function fan(...degrees: number[]): Float32Array {
  return Float32Array.from(degrees.flatMap((degree) => {
    const angle = degree * Math.PI / 180;
    return [Math.cos(angle), Math.sin(angle)];
  }));
}

function distanceOf(degrees: number): number {
  return 1 - Math.cos(degrees * Math.PI / 180);
}

Deno.test("chooseEpsilon() stops before clusters join into one", async () => {
  // Three bundles 4 degrees apart inside, and 15 degrees between: an epsilon of 15 would join them.
  const vectors = fan(0, 4, 8, 23, 27, 31, 46, 50, 54, 100, 115, 130);
  const { epsilon, labels, candidates } = await chooseEpsilon(vectors, 2, { minPoints: 2 });
  assert.ok(epsilon >= distanceOf(4) && epsilon < distanceOf(4) + 1e-4);
  assert.deepEqual(labels, Int32Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2, -1, -1, -1));
  assert.deepEqual(candidates, [
    { epsilon: 0.0025, clusters: 3, largest: 3 },
    { epsilon: 0.0341, clusters: 2, largest: 9 },
  ]);
});

Deno.test("chooseEpsilon() takes the least of equally good candidates", async () => {
  // There is one cluster at any of them.
  const { epsilon, candidates } = await chooseEpsilon(fan(0, 1, 3, 6, 10), 2, { minPoints: 2 });
  assert.ok(candidates.length > 1);
  assert.ok(candidates.every(({ clusters }) => clusters === 1));
  assert.equal(epsilon, candidates[0]!.epsilon);
});

Deno.test("chooseEpsilon() measures 1,000 rows of a larger set and reaches them all", async () => {
  // Ten equals of each of 300 directions; every third row is measured.
  const vectors = fan(...Array.from({ length: 3000 }, (_, i) => (i % 300) + (i % 2) * 0.5));
  const first = await chooseEpsilon(vectors, 2, { minPoints: 15 });
  assert.deepEqual(await chooseEpsilon(vectors, 2, { minPoints: 15, threads: 1 }), first);
  assert.equal(first.labels.length, 3000);
});

Deno.test("chooseEpsilon() returns the labels of dbscan() and the best of its candidates", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 0, max: 359 }), { minLength: 8, maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      async (degrees, minPoints) => {
        const vectors = fan(...degrees);
        const options = { minPoints, threads: 1 };
        const { epsilon, labels, candidates } = await chooseEpsilon(vectors, 2, options);
        assert.deepEqual(labels, await dbscan(vectors, 2, { ...options, epsilon }));
        const chosen = candidates.find((candidate) => candidate.epsilon === epsilon)!;
        for (const candidate of candidates) {
          assert.ok(candidate.clusters <= chosen.clusters);
          const others = await dbscan(vectors, 2, { ...options, epsilon: candidate.epsilon });
          const clusters = Map.groupBy(others.filter((label) => label !== -1), (label) => label);
          const sizes = [...clusters.values()].map(({ length }) => length);
          assert.equal(candidate.clusters, sizes.filter((size) => size > 1).length);
          assert.equal(candidate.largest, Math.max(0, ...sizes));
        }
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("chooseEpsilon() stops when its signal is aborted", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(chooseEpsilon(fan(0, 1, 2), 2, { minPoints: 2, signal }), reason);
});

const REFUSED = [
  {
    name: "no vector",
    vectors: fan(),
    message:
      "Cannot choose epsilon as there must be at least 3 vectors: there are 0, pass more or set epsilon",
  },
  {
    name: "fewer vectors than make a core point",
    vectors: fan(0, 1),
    message:
      "Cannot choose epsilon as there must be at least 3 vectors: there are 2, pass more or set epsilon",
  },
  {
    name: "equal vectors",
    vectors: Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0),
    message: "Cannot choose epsilon as vectors must differ: nearly all have 2 equals, " +
      "drop the duplicates or set epsilon",
  },
  {
    name: "minPoints of half a point",
    vectors: fan(0, 1, 2),
    minPoints: 2.5,
    message: "Cannot cluster as minPoints must be a whole number from 1: current value is 2.5",
  },
];

for (const { name, vectors, minPoints = 3, message } of REFUSED) {
  Deno.test(`chooseEpsilon() refuses ${name}`, async () => {
    await assert.rejects(chooseEpsilon(vectors, 2, { minPoints }), { name: "RangeError", message });
  });
}
