import assert from "node:assert/strict";
import fc from "fast-check";
import { cosineDistance, directions } from "../../mining/cluster/_directions.ts";
import { visitNearPairs } from "../../mining/cluster/_near_pairs.ts";
import golden from "./golden/near_pairs.json" with { type: "json" };

const CASES = [
  { name: "no rows", vectors: [], epsilon: 0.5, pairs: [] },
  { name: "one row", vectors: [[3]], epsilon: 0, pairs: [] },
  {
    name: "duplicates at epsilon 0",
    vectors: [[1, 0], [0, 1], [1, 0], [0, 2]],
    epsilon: 0,
    pairs: [[0, 2], [1, 3]],
  },
  {
    name: "opposite rows at epsilon 2",
    vectors: [[1, 0], [-2, 0], [0, 1]],
    epsilon: 2,
    pairs: [[0, 1], [0, 2], [1, 2]],
  },
  {
    name: "opposite rows just below",
    vectors: [[1, 0], [-2, 0], [0, 1]],
    epsilon: 1.9999999,
    pairs: [[0, 2], [1, 2]],
  },
  {
    name: "orthogonal rows, whose distance is epsilon",
    vectors: [[1, 0, 0], [0, 7, 0], [0, 0, 0.1], [-1, 0, 0]],
    epsilon: 1,
    pairs: [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]],
  },
  {
    name: "rows in one dimension",
    vectors: [[1], [-3], [1e-30], [1e30]],
    epsilon: 0.5,
    pairs: [[0, 2], [0, 3], [2, 3]],
  },
];
for (const { name, vectors, epsilon, pairs } of CASES) {
  Deno.test(`visitNearPairs() finds ${name}`, async () => {
    const dimensions = vectors[0]?.length ?? 1;
    assert.deepEqual(
      await nearPairs(Float32Array.from(vectors.flat()), dimensions, epsilon),
      pairs,
    );
  });
}

Deno.test("visitNearPairs() finds what numpy finds in float64", async () => {
  for (const { vectors, dimensions, epsilon, pairs } of golden.cases) {
    assert.deepEqual(await nearPairs(Float32Array.from(vectors), dimensions, epsilon), pairs);
  }
});

Deno.test("visitNearPairs() compares in float64 where float32 cannot tell", async () => {
  // The distance of the rows is far below what a float32 product near 1 resolves (6e-8).
  const vectors = Float32Array.of(1, 0, /**/ 1, 1e-4);
  const distance = 1 - 1 / Math.hypot(1, Math.fround(1e-4));
  assert.ok(distance < 6e-9);
  assert.deepEqual(await nearPairs(vectors, 2, distance * 1.01), [[0, 1]]);
  assert.deepEqual(await nearPairs(vectors, 2, distance * 0.99), []);
});

Deno.test("visitNearPairs() finds every pair at odd sizes and over several blocks of rows", async () => {
  for (const dimensions of [1, 3, 4, 127, 128]) {
    for (const numRows of [1, 2, 63, 64, 65, 130]) {
      const vectors = randomVectors(numRows, dimensions, numRows + dimensions);
      vectors.copyWithin(vectors.length - dimensions, 0, dimensions); // a duplicate
      const epsilon = dimensions > 4 ? 0.95 : 0.3;
      assert.deepEqual(
        await nearPairs(vectors, dimensions, epsilon),
        everyPair(vectors, dimensions, epsilon),
        `${numRows} x ${dimensions}`,
      );
    }
  }
  const vectors = randomVectors(2_100, 3, 1);
  const expected = everyPair(vectors, 3, 0.002);
  assert.ok(expected.length > 2_100);
  assert.deepEqual(await nearPairs(vectors, 3, 0.002), expected);
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

Deno.test("visitNearPairs() finds every pair of any rows, at epsilons that are distances", async () => {
  await fc.assert(
    fc.asyncProperty(coarse, epsilons, async ({ vectors, dimensions }, epsilon) => {
      assert.deepEqual(
        await nearPairs(vectors, dimensions, epsilon),
        everyPair(vectors, dimensions, epsilon),
      );
    }),
    { numRuns: 100 },
  );
});

/** By row, then by the other. */
async function nearPairs(
  vectors: Float32Array,
  dimensions: number,
  epsilon: number,
): Promise<number[][]> {
  const pairs: number[][] = [];
  await visitNearPairs(directions(vectors, dimensions), (i, j) => pairs.push([i, j]), {
    epsilons: [epsilon],
    threads: 1,
  });
  return pairs.sort(([i, j], [k, l]) => i! - k! || j! - l!);
}

/** The slow way, all in float64. */
function everyPair(vectors: Float32Array, dimensions: number, epsilon: number): number[][] {
  const rows = directions(vectors, dimensions);
  const pairs: number[][] = [];
  for (let i = 0; i < rows.rows; i++) {
    for (let j = i + 1; j < rows.rows; j++) {
      if (cosineDistance(rows, i, j) <= epsilon) pairs.push([i, j]);
    }
  }
  return pairs;
}

function randomVectors(numRows: number, dimensions: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: numRows * dimensions }, () => {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    return state / 2 ** 31 || 1;
  });
}
