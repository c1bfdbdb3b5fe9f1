import { type Comparison, scattered } from "../_self_check.ts";
import {
  type ClassSums,
  type SegmentSums,
  segmentSums,
  type SegmentSumsInputs,
} from "./reference.ts";
import { BUSY_WORKGROUPS } from "./shader.ts";

/**
 * Sums both ways a batch of few segments, which are cut, and one of many tiny ones among which some are not, with
 * classes and without. Values are small whole numbers, whose sums are exact.
 */
export async function compareSums(
  compute: (
    values: Float32Array,
    offsets: Int32Array,
    inputs: SegmentSumsInputs,
  ) => Promise<SegmentSums>,
  numClasses: number,
): Promise<Comparison[]> {
  const few = [0, 5, 3_000, 1];
  const many = Array.from({ length: BUSY_WORKGROUPS + 1 }, (_, s) => s % 1_000 === 7 ? 100 : s % 3);
  const comparisons: Comparison[] = [];
  for (const lengths of [few, many]) {
    const offsets = new Int32Array(lengths.length + 1);
    lengths.forEach((length, s) => offsets[s + 1] = offsets[s]! + length);
    const values = Float32Array.from(
      scattered(offsets.at(-1)!),
      (value) => Math.round(100 * value),
    );
    // One class more than there are leaves tokens out.
    const classes = Uint8Array.from(values, (_, t) => t % (numClasses + 1));
    const groupIds = Int32Array.from(lengths, (_, s) => s % 2 === 0 ? 7 : -3);
    for (const inputs of [{ classes, groupIds }, {}]) {
      const expected = segmentSums(values, offsets, { ...inputs, numClasses });
      const actual = await compute(values, offsets, inputs);
      comparisons.push(
        ...compareRows("", actual, expected),
        ...compareRows("total.", actual.total, expected.total),
        ...(expected.groups ? compareRows("groups.", actual.groups!, expected.groups) : []),
      );
    }
  }
  return comparisons;
}

function compareRows(prefix: string, actual: ClassSums, expected: ClassSums): Comparison[] {
  return (["sums", "counts"] as const).map((name) => ({
    name: `${prefix}${name}`,
    actual: actual[name],
    expected: expected[name],
  }));
}
