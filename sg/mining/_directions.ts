/** Row vectors by direction: their cosines need no division. */
export interface Directions {
  /** The rows as given, [rows x dimensions]. */
  readonly vectors: Float32Array;
  readonly dimensions: number;
  readonly rows: number;
  /** The rows divided by their lengths, rounded to float32. */
  readonly units: Float32Array;
  /** The length of each row in float64. */
  readonly lengths: Float64Array;
}

/**
 * Checks and normalises row vectors.
 *
 * @throws {TypeError} If the vectors are no whole number of rows.
 * @throws {RangeError} If a number is not finite or a row is zero, as it has no direction.
 */
export function directions(vectors: Float32Array, dimensions: number): Directions {
  if (!Number.isInteger(dimensions) || dimensions < 1) {
    throw new RangeError(
      `Cannot cluster as dimensions must be a whole number from 1: current value is ${dimensions}`,
    );
  }
  const rows = vectors.length / dimensions;
  if (!Number.isInteger(rows)) {
    throw new TypeError(
      `Cannot cluster as vectors must hold whole rows of ${dimensions} numbers: ` +
        `current length is ${vectors.length}`,
    );
  }
  const units = new Float32Array(vectors.length);
  const lengths = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const begin = row * dimensions;
    const length = Math.sqrt(dot(vectors, begin, begin, dimensions));
    if (!(length > 0 && length < Infinity)) {
      throw new RangeError(
        `Cannot cluster as a vector must be finite and not zero: ` +
          `the length of row ${row} is ${length}`,
      );
    }
    lengths[row] = length;
    for (let k = begin; k < begin + dimensions; k++) units[k] = vectors[k]! / length;
  }
  return { vectors, dimensions, rows, units, lengths };
}

/** Bounds the error of `1 - product`, a float32 sum of `dimensions` products of unit rows. */
export function roundingError(dimensions: number): number {
  return (dimensions + 8) * 2 ** -24;
}

/** `1 - cos` of two rows in float64, from the vectors as given. */
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
