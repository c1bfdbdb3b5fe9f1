import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { drawCenters, kmeans, kmeansClustering } from "../../../bench/lexicons/kmeans.ts";

interface Golden {
  name: string;
  dimensions: number;
  vectors: number[];
  centres: number[];
  labels: number[];
}

const GOLDEN: Golden[] = JSON.parse(
  readFileSync(new URL("../../testdata/mining/kmeans.json", import.meta.url), "utf8"),
);

for (const { name, vectors, dimensions, centres, labels } of GOLDEN) {
  Deno.test(`kmeans() labels as scikit-learn: ${name}`, () => {
    const found = kmeans(Float32Array.from(vectors), dimensions, {
      centers: Float64Array.from(centres),
    });
    assert.deepEqual(Array.from(found), labels);
  });
}

const CASES = [
  ["no vector", [], [5], []],
  ["one vector", [3], [5], [0]],
  ["of equal centers the first, the other takes the farthest", [3, 4], [3, 3], [0, 1]],
  // Means 1 and 9 after the first round, then 0.5 and 6: 2 is left with 0.5.
  ["two rounds", [0, 1, 2, 9, 9], [0, 2], [0, 0, 0, 1, 1]],
  // The center at 100 takes 4, the farthest from its own.
  ["a center without vectors", [0, 1, 4], [1, 100], [0, 0, 1]],
] as const;

for (const [name, vectors, centers, labels] of CASES) {
  Deno.test(`kmeans() labels by hand: ${name}`, () => {
    const found = kmeans(Float32Array.from(vectors), 1, { centers: Float64Array.from(centers) });
    assert.deepEqual(Array.from(found), labels);
  });
}

Deno.test("kmeans() leaves the first centers alone, tells its rounds and stops", () => {
  const centers = Float64Array.of(0, 2);
  const rounds: number[] = [];
  kmeans(Float32Array.of(0, 1, 2, 9, 9), 1, {
    centers,
    onProgress: (done, total) => rounds.push(done, total),
  });
  assert.deepEqual(centers, Float64Array.of(0, 2));
  assert.deepEqual(rounds.slice(0, 2), [1, 300]);
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  assert.throws(() => kmeans(Float32Array.of(0, 1), 1, { centers, signal }), reason);
});

Deno.test("drawCenters() draws distinct vectors, the same for one seed", () => {
  const vectors = Float32Array.of(1, 1, 2, 2, 2, 7);
  for (const seed of [0, 1, 2, 3]) {
    const centers = drawCenters(vectors, 1, { clusters: 3, seed });
    assert.deepEqual(centers.toSorted(), Float64Array.of(1, 2, 7));
    assert.deepEqual(drawCenters(vectors, 1, { clusters: 3, seed }), centers);
    // There is no fourth.
    assert.equal(drawCenters(vectors, 1, { clusters: 4, seed }).length, 3);
  }
  assert.equal(drawCenters(new Float32Array(0), 1, { clusters: 2, seed: 0 }).length, 0);
});

Deno.test("drawCenters() prefers what is far from the centers so far", () => {
  const vectors = Float32Array.from({ length: 100 }, (_, i) => i === 99 ? 1000 : i / 100);
  for (let seed = 0; seed < 20; seed++) {
    assert.ok(drawCenters(vectors, 1, { clusters: 2, seed }).includes(1000));
  }
});

Deno.test("kmeansClustering() goes by direction and names its parameters", async () => {
  const { name, cluster } = kmeansClustering(2, 3);
  assert.equal(name, "k-means, 2 clusters, seed 3");
  const labels = await cluster(Float32Array.of(1, 0, 0, 2, 9, 1, 0.1, 1), 2, {});
  assert.equal(labels[0], labels[2]);
  assert.equal(labels[1], labels[3]);
  assert.notEqual(labels[0], labels[1]);
});
