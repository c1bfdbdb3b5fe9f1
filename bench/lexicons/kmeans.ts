import type { Clustering, NamedClustering } from "../../mining/mod.ts";
import { seededRandom } from "../seeded_random.ts";

/** How {@linkcode kmeans} goes about it. */
export interface KmeansOptions {
  /** First centers, [clusters x dimensions], at most as many as vectors; see {@linkcode drawCenters}. */
  readonly centers: Float64Array;
  /** Most rounds. @default {300}, as scikit-learn */
  readonly maxRounds?: number;
  readonly signal?: AbortSignal;
  /** Called after each round with the rounds done and the most there can be. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Clusters row vectors by Lloyd's algorithm: every vector goes to its nearest center (of equals the
 * first), every center to the mean of its vectors, until no vector moves. A center that is left without
 * vectors goes to the one that is farthest from its own, as in scikit-learn.
 *
 * Distances are Euclidean: between vectors of norm 1 half the square is the cosine distance.
 *
 * @param vectors The vectors, [rows x dimensions].
 * @param dimensions Numbers in a vector.
 * @param options First centers, and how long.
 * @returns The cluster of each row: the index of its center.
 */
export function kmeans(
  vectors: Float32Array,
  dimensions: number,
  { centers, maxRounds = 300, signal, onProgress }: KmeansOptions,
): Int32Array {
  const moved = centers.slice();
  let labels = nearestCenters(vectors, dimensions, moved);
  for (let round = 0; round < maxRounds; round++) {
    signal?.throwIfAborted();
    moveCenters(vectors, dimensions, moved, labels);
    const next = nearestCenters(vectors, dimensions, moved);
    onProgress?.(round + 1, maxRounds);
    const isSame = next.every((label, row) => label === labels[row]);
    labels = next;
    if (isSame) break;
  }
  return labels;
}

/**
 * Draws first centers by k-means++ (Arthur and Vassilvitskii 2007): a vector at random, then each in
 * proportion to its squared distance from the nearest center so far.
 *
 * @param vectors The vectors, [rows x dimensions].
 * @param dimensions Numbers in a vector.
 * @param options How many, and the seed of the draw.
 * @returns The centers; fewer where there are not so many distinct vectors.
 */
export function drawCenters(
  vectors: Float32Array,
  dimensions: number,
  { clusters, seed }: { readonly clusters: number; readonly seed: number },
): Float64Array {
  const rows = vectors.length / dimensions;
  const random = seededRandom(seed);
  const rowOf = (row: number): Float64Array =>
    Float64Array.from(vectors.subarray(row * dimensions, (row + 1) * dimensions));
  const nearest = new Float64Array(rows).fill(1);
  const centers: number[] = [];
  for (let c = 0; c < clusters; c++) {
    const drawn = drawInProportion(nearest, random);
    if (drawn === -1) break;
    const center = rowOf(drawn);
    centers.push(...center);
    for (let row = 0; row < rows; row++) {
      const distance = squaredDistance(vectors, row * dimensions, center, 0, dimensions);
      nearest[row] = c === 0 ? distance : Math.min(nearest[row]!, distance);
    }
  }
  return Float64Array.from(centers);
}

/**
 * K-means as a clustering of `mine`, of vectors brought to norm 1 and with first centers by k-means++.
 *
 * @param clusters How many; the port of HICRA to TRL takes 100.
 * @param seed Seed of the first centers.
 * @returns The clustering.
 */
export function kmeansClustering(clusters: number, seed: number): NamedClustering {
  const cluster: Clustering = (vectors, dimensions, { signal, onProgress }) => {
    const unit = toNormOne(vectors, dimensions);
    const centers = drawCenters(unit, dimensions, { clusters, seed });
    return Promise.resolve(kmeans(unit, dimensions, {
      centers,
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress }),
    }));
  };
  return { name: `k-means, ${clusters} clusters, seed ${seed}`, cluster };
}

function toNormOne(vectors: Float32Array, dimensions: number): Float32Array {
  const unit = vectors.slice();
  for (let at = 0; at < unit.length; at += dimensions) {
    const row = unit.subarray(at, at + dimensions);
    const norm = Math.hypot(...row);
    for (let k = 0; k < dimensions; k++) row[k]! /= norm;
  }
  return unit;
}

/** The nearest center of each row, `[rows]`. */
function nearestCenters(
  vectors: Float32Array,
  dimensions: number,
  centers: Float64Array,
): Int32Array {
  const labels = new Int32Array(vectors.length / dimensions);
  for (let row = 0; row < labels.length; row++) {
    let least = Infinity;
    for (let at = 0; at < centers.length; at += dimensions) {
      const distance = squaredDistance(vectors, row * dimensions, centers, at, dimensions);
      if (distance >= least) continue;
      least = distance;
      labels[row] = at / dimensions;
    }
  }
  return labels;
}

/** Moves each center to the mean of its vectors, in place. */
function moveCenters(
  vectors: Float32Array,
  dimensions: number,
  centers: Float64Array,
  labels: Int32Array,
): void {
  const owners = fillEmptyClusters(vectors, dimensions, centers, labels);
  const sizes = new Uint32Array(centers.length / dimensions);
  centers.fill(0);
  for (const [row, cluster] of owners.entries()) {
    sizes[cluster]!++;
    for (let k = 0; k < dimensions; k++) {
      centers[cluster * dimensions + k]! += vectors[row * dimensions + k]!;
    }
  }
  for (let i = 0; i < centers.length; i++) centers[i]! /= sizes[Math.floor(i / dimensions)]!;
}

/** The labels, where each cluster without vectors owns one that is farthest from its center. */
function fillEmptyClusters(
  vectors: Float32Array,
  dimensions: number,
  centers: Float64Array,
  labels: Int32Array,
): Int32Array {
  const taken = new Set(labels);
  const numClusters = centers.length / dimensions;
  const empty = Array.from({ length: numClusters }, (_, c) => c).filter((c) => !taken.has(c));
  if (empty.length === 0) return labels;
  const distances = Float64Array.from(
    labels,
    (label, row) =>
      squaredDistance(vectors, row * dimensions, centers, label * dimensions, dimensions),
  );
  const farthest = [...labels.keys()].sort((a, b) => distances[b]! - distances[a]! || a - b);
  const sizes = new Uint32Array(numClusters);
  for (const label of labels) sizes[label]!++;
  const owners = labels.slice();
  for (const cluster of empty) {
    // No other cluster may be left without vectors for it.
    const row = farthest.find((one) => owners[one] === labels[one] && sizes[labels[one]!]! > 1)!;
    sizes[labels[row]!]!--;
    owners[row] = cluster;
  }
  return owners;
}

function squaredDistance(
  vectors: Float32Array,
  at: number,
  centers: Float64Array,
  centerAt: number,
  dimensions: number,
): number {
  let sum = 0;
  for (let k = 0; k < dimensions; k++) {
    const difference = vectors[at + k]! - centers[centerAt + k]!;
    sum += difference * difference;
  }
  return sum;
}

/** An index, drawn in proportion to the weights; -1 where all are 0. */
function drawInProportion(weights: Float64Array, random: () => number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = random() * total;
  let last = -1;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = i;
    left -= weight;
    if (left < 0) break;
  }
  return last;
}
