/**
 * DBSCAN over a stream of neighbors, each pair told once and in any order; no list of neighbors is
 * kept longer than `minPoints`.
 *
 * A point whose neighbors are not yet `minPoints`, itself among them, remembers them all. Once they
 * are, it is a core point and joins those of them that are core points; the others find it in their
 * own lists when their turn comes. A point that never becomes one has its whole list at the end, and
 * with it the clusters that it borders on.
 */
export class DensityClusters {
  /** How many other points make a point a core point. */
  readonly #needed: number;
  /** [points x needed], of which the first `#counts[i]` of row `i` are set. */
  readonly #neighbors: Int32Array;
  /** Neighbors of each point, counted up to `#needed`. */
  readonly #counts: Int32Array;
  /** Union-find; the root is the first point of its set. */
  readonly #parents: Int32Array;

  constructor(numPoints: number, minPoints: number) {
    this.#needed = minPoints - 1;
    // With more needed than there are, nothing becomes a core point, and lists would be long in vain.
    this.#neighbors = new Int32Array(minPoints > numPoints ? 0 : numPoints * this.#needed);
    this.#counts = new Int32Array(numPoints);
    this.#parents = Int32Array.from(this.#counts, (_, i) => i);
  }

  /** Tells that two different points are neighbors. */
  connect(i: number, j: number): void {
    if (this.#isCore(i) && this.#isCore(j)) return this.#join(i, j);
    this.#list(i, j);
    this.#list(j, i);
  }

  /**
   * The clusters, numbered by their first core point; a border point of several clusters belongs to
   * the first of them, and -1 is noise.
   */
  labels(): Int32Array {
    const numPoints = this.#counts.length;
    const labels = new Int32Array(numPoints).fill(-1);
    let numClusters = 0;
    for (let i = 0; i < numPoints; i++) {
      if (!this.#isCore(i)) continue;
      const root = this.#root(i);
      labels[i] = root === i ? numClusters++ : labels[root]!;
    }
    for (let i = 0; i < numPoints; i++) {
      if (this.#isCore(i)) continue;
      for (const core of this.#listOf(i)) {
        if (!this.#isCore(core)) continue;
        const label = labels[core]!;
        if (labels[i] === -1 || label < labels[i]!) labels[i] = label;
      }
    }
    return labels;
  }

  #isCore(i: number): boolean {
    return this.#counts[i]! >= this.#needed;
  }

  #listOf(i: number): Int32Array {
    const begin = i * this.#needed;
    return this.#neighbors.subarray(begin, begin + this.#counts[i]!);
  }

  #list(i: number, j: number): void {
    if (this.#isCore(i)) return;
    const count = this.#counts[i]!++;
    this.#neighbors[i * this.#needed + count] = j;
    if (!this.#isCore(i)) return;
    for (const neighbor of this.#listOf(i)) {
      if (this.#isCore(neighbor)) this.#join(i, neighbor);
    }
  }

  #join(i: number, j: number): void {
    const a = this.#root(i);
    const b = this.#root(j);
    if (a < b) this.#parents[b] = a;
    else this.#parents[a] = b;
  }

  #root(i: number): number {
    const parents = this.#parents;
    while (parents[i] !== i) i = parents[i] = parents[parents[i]!]!;
    return i;
  }
}
