import { InputRangeError } from "../batch/mod.ts";
import { type ExactSum, exactSum } from "./exact_sum.ts";

/** Class of a token: the two that are measured, and whatever is left out. */
export const TokenClass: {
  readonly execution: 0;
  readonly planning: 1;
  readonly leftOut: 2;
} = { execution: 0, planning: 1, leftOut: 2 };

/** Exact sums over the tokens of one class. */
export interface ClassSums {
  readonly sum: ExactSum;
  readonly abs: ExactSum;
}

/**
 * One accumulator for each class, sign and exponent. Float32 values of one sign and exponent are
 * multiples of the same power of two with 24 significant bits, so a float64 adds 2^29 of them, half a
 * billion tokens, without rounding: exact at the price of one plain addition.
 */
const EXPONENTS = 256;
const ACCUMULATORS = 2 * EXPONENTS;
/** Even and odd tokens add up apart: one addition need not wait for the one before, which halves the time. */
const LANE = 4 * ACCUMULATORS;

/**
 * Adds float32 values by class, exactly.
 *
 * @param field Name of the values in error messages.
 * @param values `[tokens]`.
 * @param classes `[tokens]`: {@linkcode TokenClass} of each token.
 * @returns The sums of the execution tokens and of the planning tokens.
 */
export function classSums(
  field: string,
  values: Float32Array,
  classes: Uint8Array,
): [execution: ClassSums, planning: ClassSums] {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const sums = new Float64Array(2 * LANE);
  for (let i = 0; i < values.length; i++) {
    sums[(i & 1) << 11 | classes[i]! << 9 | bits[i]! >>> 23]! += values[i]!;
  }
  const ofClass = (tokenClass: number): ClassSums => {
    const ofSign = (sign: number): number[] =>
      [0, LANE].flatMap((lane) => {
        const start = lane + tokenClass * ACCUMULATORS + sign * EXPONENTS;
        return [...sums.subarray(start, start + EXPONENTS)];
      });
    const positive = ofSign(0);
    const negative = ofSign(1);
    const infinite = [EXPONENTS - 1, 2 * EXPONENTS - 1];
    if (infinite.some((i) => positive[i] !== 0 || negative[i] !== 0)) {
      throw notFinite(field, values, classes);
    }
    const sum = exactSum([...positive, ...negative]);
    return { sum, abs: exactSum([...positive, ...negative.map((value) => -value)]) };
  };
  return [ofClass(TokenClass.execution), ofClass(TokenClass.planning)];
}

function notFinite(field: string, values: Float32Array, classes: Uint8Array): InputRangeError {
  const index = values.findIndex((value, i) =>
    !Number.isFinite(value) && classes[i] !== TokenClass.leftOut
  );
  return new InputRangeError(
    `Cannot measure ${field} as it must be finite where lossMask is 1: ` +
      `${field}[${index}] is ${values[index]}`,
  );
}
