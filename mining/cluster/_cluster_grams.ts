import { join } from "node:path";
import { digestOf } from "../_digest.ts";
import { keepJson, readKeptJson } from "../_kept_json.ts";
import { agglomerative } from "./agglomerative.ts";
import { chooseEpsilon } from "./choose_epsilon.ts";
import type { ClusteringOptions } from "./clustering.ts";
import { dbscan } from "./dbscan.ts";
import type { MineParameters } from "../_mine_parameters.ts";

/** Clusters of grams. */
export interface GramClusters {
  /** Cluster of each gram, from 0; grams that are noise have one of their own, `[G]`. */
  readonly clusters: Int32Array;
  /** The cosine distance of the clustering; null where it has none. */
  readonly epsilon: number | null;
}

/** Clusters the vectors of grams, or finds the clusters of the same vectors in the folder. */
export async function clusterGrams(
  vectors: Float32Array,
  dimensions: number,
  folder: string,
  options: MineParameters,
): Promise<GramClusters> {
  const { clustering, minPoints, threads = 0, signal, onProgress } = options;
  const rows = vectors.length / dimensions;
  if (clustering === "none" || rows < Math.max(2, minPoints)) {
    return { clusters: Int32Array.from({ length: rows }, (_, row) => row), epsilon: null };
  }
  const common: ClusteringOptions = {
    threads,
    ...(signal !== undefined && { signal }),
    onProgress: (done, total) => onProgress?.({ stage: "cluster", done, total }),
  };
  if (typeof clustering === "object") {
    const labels = await clustering.cluster(vectors, dimensions, common);
    return { clusters: withoutNoise(labels), epsilon: null };
  }
  const name = digestOf([
    new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength),
    JSON.stringify([clustering, dimensions, options.epsilon ?? "chosen", minPoints]),
  ]).slice("sha256:".length);
  const path = join(folder, `clusters-${name}.json`);
  const kept = await readKeptJson(path, "clusters") as
    | { clusters: number[]; epsilon: number }
    | undefined;
  if (kept !== undefined) {
    return { clusters: Int32Array.from(kept.clusters), epsilon: kept.epsilon };
  }
  const chosen = options.epsilon === undefined
    ? await chooseEpsilon(vectors, dimensions, { minPoints, ...common })
    : undefined;
  const epsilon = options.epsilon ?? chosen!.epsilon;
  const labels = clustering === "agglomerative"
    ? await agglomerative(vectors, dimensions, { epsilon, ...common })
    : chosen?.labels ?? await dbscan(vectors, dimensions, { epsilon, minPoints, ...common });
  const clusters = withoutNoise(labels);
  await keepJson(path, "clusters", { clusters: Array.from(clusters), epsilon });
  return { clusters, epsilon };
}

/** Gives each gram that is noise a cluster of its own, behind the others. */
function withoutNoise(labels: Int32Array): Int32Array {
  let next = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return labels.map((label) => label === -1 ? next++ : label);
}
