import { InputTypeError } from "../batch/mod.ts";

type ArrayType =
  | typeof Float32Array
  | typeof Int32Array
  | typeof Uint32Array
  | typeof Uint16Array
  | typeof Uint8Array;

/** Refuses an array of another type: its bytes would be taken for something else on a device. */
export function checkType(action: string, name: string, value: unknown, type: ArrayType): void {
  if (value instanceof type) return;
  const current = value?.constructor?.name ?? String(value);
  throw new InputTypeError(
    `Cannot ${action} as ${name} must be a ${type.name}: current value is ${current}`,
  );
}
