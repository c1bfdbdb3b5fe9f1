import { type CheckedBatch, InputRangeError, InputTypeError } from "../batch/mod.ts";

/** Refuses an array whose length is not that of its peers. */
export function checkLength(
  action: string,
  field: string,
  values: { readonly length: number } | undefined,
  length: number,
): void {
  if (values !== undefined && values.length !== length) {
    throw new InputRangeError(
      `Cannot ${action} as ${field} must hold ${length} values: current length is ${values.length}`,
    );
  }
}

/** Refuses row boundaries that do not end at the number of tokens. */
export function checkOffsets(action: string, offsets: Int32Array, numTokens: number): void {
  const last = offsets[offsets.length - 1];
  if (last !== numTokens) {
    throw new InputRangeError(
      `Cannot ${action} as the last offset must be the number of tokens, ${numTokens}: ` +
        `current value is ${last}`,
    );
  }
}

/** The arrays a transform declared in `needs`; {@linkcode applyTransforms} has checked them. */
export function required<Field extends keyof CheckedBatch>(
  name: string,
  batch: CheckedBatch,
  field: Field,
): NonNullable<CheckedBatch[Field]> {
  const value = batch[field];
  if (value === undefined) {
    throw new InputTypeError(
      `Cannot apply transform "${name}" as it needs batch.${field}: current value is undefined`,
    );
  }
  return value;
}

/**
 * Index of the group of each sequence, in order of first appearance, and -1 for a sequence without
 * trained tokens, which belongs to no statistic.
 */
export function groupIndexes(
  action: string,
  groupIds: Int32Array,
  offsets: Int32Array,
  lossMask: Uint8Array | undefined,
): { groups: Int32Array; numGroups: number } {
  const groups = new Int32Array(groupIds.length).fill(-1);
  const indexes = new Map<number, number>();
  for (let s = 0; s < groupIds.length; s++) {
    const from = offsets[s]!;
    const to = offsets[s + 1]!;
    const isTrained = lossMask === undefined ? to > from : lossMask.subarray(from, to).includes(1);
    if (!isTrained) continue;
    const id = groupIds[s]!;
    if (id === -1) {
      throw new InputRangeError(
        `Cannot ${action} as every sequence with trained tokens needs a known group: ` +
          `groupIds[${s}] is -1, give it the id of its prompt`,
      );
    }
    let index = indexes.get(id);
    if (index === undefined) indexes.set(id, index = indexes.size);
    groups[s] = index;
  }
  return { groups, numGroups: indexes.size };
}
