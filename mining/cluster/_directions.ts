import { InputRangeError, InputTypeError } from "../../batch/mod.ts";

/** Row vectors by direction: their cosines need no division. */
export interface Directions {
  /** The rows as given, `[rows x dimensions]`. */
  readonly vectors: Float32Array;
  /** Numbers in a row. */
  readonly dimensions: number;
  /** Number of rows. */
  readonly rows: number;
  /** The rows divided by their lengths, rounded to float32, `[rows x dimensions]`. */
  readonly units: Float32Array;
  /** `[rows]`: the length of each row in float64. */
  readonly lengths: Float64Array;
}

/** Options of {@linkcode directions}. */
export interface DirectionsOptions {
  /** What an error message says cannot be done; `"compare vectors"` when left out. */
  readonly action?: string;
}

/**
 * Checks and normalizes row vectors, once for all comparisons.
 *
 * @param vectors `[rows x dimensions]`, of any length but zero.
 * @param dimensions Numbers in a row.
 * @param options What is being done, for error messages.
 * @returns The rows with their directions; `vectors` is kept, not copied.
 * @throws {TypeError} If the vectors are no whole number of rows.
 * @throws {RangeError} If a number is not finite or a row is zero, as it has no direction.
 */
export function directions(
  vectors: Float32Array,
  dimensions: number,
  { action = "compare vectors" }: DirectionsOptions = {},
): Directions {
  if (!Number.isInteger(dimensions) || dimensions < 1) {
    throw new InputRangeError(
      `Cannot ${action} as dimensions must be a whole number from 1: current value is ${dimensions}`,
    );
  }
  const rows = vectors.length / dimensions;
  if (!Number.isInteger(rows)) {
    throw new InputTypeError(
      `Cannot ${action} as vectors must hold whole rows of ${dimensions} numbers: ` +
        `current length is ${vectors.length}`,
    );
  }
  const units = new Float32Array(vectors.length);
  const lengths = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const begin = row * dimensions;
    const length = Math.sqrt(dot(vectors, begin, begin, dimensions));
    if (!(length > 0 && length < Infinity)) {
      throw new InputRangeError(
        `Cannot ${action} as a vector must be finite and not zero: ` +
          `the length of row ${row} is ${length}`,
      );
    }
    lengths[row] = length;
    for (let k = begin; k < begin + dimensions; k++) units[k] = vectors[k]! / length;
  }
  return { vectors, dimensions, rows, units, lengths };
}

/**
 * Bounds the error of `1 - product`, a float32 sum of `dimensions` products of unit rows in any order: a
 * rounding of `2^-24` for each, and some for the units themselves.
 */
export function roundingError(dimensions: number): number {
  return (dimensions + 8) * 2 ** -24;
}

/**
 * Computes the cosine distance of two rows, `1 - cos`, in float64 from the vectors as given.
 *
 * @param rows The rows.
 * @param i Index of one.
 * @param j Index of the other.
 * @returns The distance, from 0 to 2 but for rounding.
 */
export function cosineDistance(
  { vectors, dimensions, lengths }: Directions,
  i: number,
  j: number,
): number {
  const product = dot(vectors, i * dimensions, j * dimensions, dimensions);
  return 1 - product / (lengths[i]! * lengths[j]!);
}

function dot(values: Float32Array, left: number, right: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += values[left + k]! * values[right + k]!;
  return sum;
}
