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
const ACCUMULATORS = 512;
const INFINITE_EXPONENT = 255;

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
  const sums = new Float64Array(3 * ACCUMULATORS);
  for (let i = 0; i < values.length; i++) {
    sums[classes[i]! << 9 | bits[i]! >>> 23]! += values[i]!;
  }
  const ofClass = (tokenClass: number): ClassSums => {
    const start = tokenClass * ACCUMULATORS;
    const positive = sums.subarray(start, start + ACCUMULATORS / 2);
    const negative = sums.subarray(start + ACCUMULATORS / 2, start + ACCUMULATORS);
    if (positive[INFINITE_EXPONENT] !== 0 || negative[INFINITE_EXPONENT] !== 0) {
      throw notFinite(field, values, classes);
    }
    const sum = exactSum([...positive, ...negative]);
    return { sum, abs: exactSum([...positive, ...negative.map((value) => -value)]) };
  };
  return [ofClass(TokenClass.execution), ofClass(TokenClass.planning)];
}

function notFinite(field: string, values: Float32Array, classes: Uint8Array): RangeError {
  const index = values.findIndex((value, i) =>
    !Number.isFinite(value) && classes[i] !== TokenClass.leftOut
  );
  return new RangeError(
    `Cannot measure ${field} as it must be finite where lossMask is 1: ` +
      `${field}[${index}] is ${values[index]}`,
  );
}
