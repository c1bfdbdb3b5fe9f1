import { checkNumClasses, checkSegmentSums } from "./_check_segment_sums.ts";

/** What {@linkcode SegmentSumsKernel.run} takes beside values and offsets. */
export interface SegmentSumsInputs {
  /**
   * `[tokens]`: class of each token; all are of class 0 when left out. A class from `numClasses` on, 255 for
   * example, leaves the token out: that is how a loss mask enters.
   */
  readonly classes?: Uint8Array;
  /** `[segments]`: group of each segment, any integers, for sums per group. */
  readonly groupIds?: Int32Array;
}

/** Options of `segmentSums` and `segmentSumsGpu`. */
export interface SegmentSumsOptions extends SegmentSumsInputs {
  /** Number of classes, 1 to 8; 1 when left out. */
  readonly numClasses?: number;
}

/** Sums and counts by row and class. */
export interface ClassSums {
  /** `[rows x classes]`: sum of the values; 0 where nothing was counted. */
  readonly sums: Float32Array;
  /** `[rows x classes]`: number of values. */
  readonly counts: Uint32Array;
}

/** Sums of groups. */
export interface GroupSums extends ClassSums {
  /** `[groups]`: id of each row, ascending and distinct. */
  readonly groupIds: Int32Array;
}

/** Sums of segments, and of segments together. */
export interface SegmentSums extends ClassSums {
  /** Of all segments together: one row. */
  readonly total: ClassSums;
  /** Of each group; only where `groupIds` were given. */
  readonly groups?: GroupSums;
}

/**
 * Sums values by segment and class, `sums[s][c] = sum of values[t] for t in segment s of class c`, and counts
 * them; also by group of segments and over all.
 *
 * Segments are sequences, or whatever the offsets cut. The pairs of sum and count are those that perplexity
 * and entropy of execution and planning tokens are made of (arXiv 2509.03646, section 2.2.1). Summed in f64,
 * rounded once to f32. An infinity or a NaN makes that sum, its group's and the total infinite or NaN, and no
 * other; in a token that is left out it is not looked at. An empty segment has sum 0 and count 0.
 *
 * @example Usage
 * ```ts
 * import { segmentSums } from "@hicra/hicra/kernels";
 * import { perplexity } from "@hicra/hicra/metrics";
 * import assert from "node:assert/strict";
 *
 * const logprobs = Float32Array.of(-1, -2, -4, -0.5, -8);
 * const offsets = Int32Array.of(0, 3, 5);
 * const classes = Uint8Array.of(0, 1, 1, 0, 255); // execution, planning, planning | execution, masked
 * const { sums, counts, total } = segmentSums(logprobs, offsets, { classes, numClasses: 2 });
 * assert.deepEqual(sums, Float32Array.of(-1, -6, -0.5, 0));
 * assert.deepEqual(counts, Uint32Array.of(1, 2, 1, 0));
 * const [execution, planning] = [0, 1].map((c) =>
 *   perplexity({ sum: [-total.sums[c]!], count: total.counts[c]! })
 * );
 * assert.equal(execution, Math.exp(0.75));
 * assert.equal(planning, Math.exp(3));
 * ```
 *
 * @param values `[tokens]`.
 * @param offsets `[segments + 1]`: segment s is tokens `[offsets[s], offsets[s + 1])`.
 * @param options Classes and groups.
 * @returns Sums and counts, freshly allocated.
 * @throws {TypeError} If an array is of another type.
 * @throws {RangeError} If a length, an offset or the number of classes breaks the contract.
 */
export function segmentSums(
  values: Float32Array,
  offsets: Int32Array,
  { classes, numClasses = 1, groupIds }: SegmentSumsOptions = {},
): SegmentSums {
  checkNumClasses(numClasses);
  checkSegmentSums(values, offsets, classes, groupIds);
  const numSegments = offsets.length - 1;
  const segments = new RowSums(numSegments, numClasses);
  const total = new RowSums(1, numClasses);
  const ids = groupIds === undefined ? undefined : distinct(groupIds);
  const groups = ids === undefined ? undefined : new RowSums(ids.length, numClasses);
  for (let s = 0; s < numSegments; s++) {
    const group = ids?.indexOf(groupIds![s]!);
    for (let t = offsets[s]!; t < offsets[s + 1]!; t++) {
      const tokenClass = classes?.[t] ?? 0;
      if (tokenClass >= numClasses) continue;
      segments.add(s, tokenClass, values[t]!);
      total.add(0, tokenClass, values[t]!);
      groups?.add(group!, tokenClass, values[t]!);
    }
  }
  return {
    ...segments.rounded(),
    total: total.rounded(),
    ...(ids && groups && { groups: { groupIds: ids, ...groups.rounded() } }),
  };
}

/** The distinct ids in ascending order: the rows of sums per group. */
export function distinct(groupIds: Int32Array): Int32Array {
  return Int32Array.from(new Set(groupIds)).sort();
}

class RowSums {
  readonly #numClasses: number;
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;

  constructor(numRows: number, numClasses: number) {
    this.#numClasses = numClasses;
    this.#sums = new Float64Array(numRows * numClasses);
    this.#counts = new Uint32Array(numRows * numClasses);
  }

  add(row: number, tokenClass: number, value: number): void {
    const at = row * this.#numClasses + tokenClass;
    this.#sums[at]! += value;
    this.#counts[at]!++;
  }

  rounded(): ClassSums {
    return { sums: Float32Array.from(this.#sums), counts: this.#counts };
  }
}
