import { InputRangeError } from "../../batch/mod.ts";
import { checkType } from "../_check_type.ts";

/** Most classes that a kernel counts: what a workgroup holds in memory. */
export const MAX_CLASSES = 8;

/** Checks what both backends of the kernel take, before any work. */
export function checkSegmentSums(
  values: Float32Array,
  offsets: Int32Array,
  classes: Uint8Array | undefined,
  groupIds: Int32Array | undefined,
): void {
  checkType("sum segments", "values", values, Float32Array);
  checkType("sum segments", "offsets", offsets, Int32Array);
  if (offsets.length === 0 || offsets[0] !== 0) {
    throw new InputRangeError(
      `Cannot sum segments as offsets must start at 0: ` +
        (offsets.length === 0 ? "current length is 0" : `offsets[0] is ${offsets[0]}`),
    );
  }
  for (let s = 1; s < offsets.length; s++) {
    if (offsets[s]! < offsets[s - 1]!) {
      throw new InputRangeError(
        `Cannot sum segments as offsets must not descend: offsets[${s}] is ${offsets[s]} after ` +
          `${offsets[s - 1]}`,
      );
    }
  }
  const numSegments = offsets.length - 1;
  if (offsets[numSegments] !== values.length) {
    throw new InputRangeError(
      `Cannot sum segments as offsets must end at the number of values, ${values.length}: ` +
        `offsets[${numSegments}] is ${offsets[numSegments]}`,
    );
  }
  if (classes !== undefined) {
    checkType("sum segments", "classes", classes, Uint8Array);
    checkLength("classes", classes.length, "token", values.length);
  }
  if (groupIds !== undefined) {
    checkType("sum segments", "groupIds", groupIds, Int32Array);
    checkLength("groupIds", groupIds.length, "segment", numSegments);
  }
}

/** Checks the number of classes. */
export function checkNumClasses(numClasses: number): void {
  if (Number.isInteger(numClasses) && numClasses >= 1 && numClasses <= MAX_CLASSES) return;
  throw new InputRangeError(
    `Cannot sum segments as numClasses must be an integer from 1 to ${MAX_CLASSES}: ` +
      `current value is ${numClasses}`,
  );
}

function checkLength(name: string, length: number, unit: string, expected: number): void {
  if (length === expected) return;
  throw new InputRangeError(
    `Cannot sum segments as ${name} must hold one value per ${unit}, ${expected}: ` +
      `current length is ${length}`,
  );
}
