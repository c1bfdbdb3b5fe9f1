import { InputRangeError } from "../batch/mod.ts";

/**
 * A value as JSON. Typed arrays are written as arrays of numbers, float32 values in the fewest digits
 * that read back to the same float32, so 0.6 and not 0.6000000238418579, and -0.0 with its sign.
 *
 * @param field What an error message calls the value.
 * @param value Anything that `JSON.stringify` takes, or a typed array.
 * @returns One line.
 * @throws {RangeError} If a number in a typed array is not finite, as JSON cannot hold it.
 */
export function jsonText(field: string, value: unknown): string {
  if (value instanceof Int32Array || value instanceof Uint8Array) return `[${value.join()}]`;
  if (!(value instanceof Float32Array)) return JSON.stringify(value);
  const index = value.findIndex((element) => !Number.isFinite(element));
  if (index !== -1) {
    throw new InputRangeError(
      `Cannot write ${field} as JSON holds only finite numbers: ${field}[${index}] is ${
        value[index]
      }`,
    );
  }
  return `[${Array.from(value, shortestFloat32).join()}]`;
}

/** Six digits survive a normal float32, so if fewer suffice, six spell the same; nine always suffice. */
const FLOAT32_DIGITS = { from: 6, to: 9 };
const MIN_NORMAL_FLOAT32 = 2 ** -126;

/** The shortest decimal that reads back to a float32. */
function shortestFloat32(value: number): string {
  // Python reads -0 as an integer, which has no sign.
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0";
  const from = Math.abs(value) < MIN_NORMAL_FLOAT32 ? 1 : FLOAT32_DIGITS.from;
  for (let digits = from; digits < FLOAT32_DIGITS.to; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(FLOAT32_DIGITS.to)));
}
