/** Only a line with so many digits in a row, not behind a point, can hold an integer that is not safe. */
const LONG_INTEGER = /(?<![\d.])\d{16}/;

/**
 * `JSON.parse`, but an integer that no float64 holds for sure is a bigint, as it is in Parquet. A number
 * with a point or an exponent is a float64 to whoever wrote it, and stays one.
 *
 * @param text JSON.
 * @returns The value.
 */
export function parseExactJson(text: string): unknown {
  return LONG_INTEGER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text);
}

function exactInteger(
  _name: string,
  value: unknown,
  { source = "" }: { readonly source?: string } = {},
): unknown {
  const isExact = typeof value !== "number" || Number.isSafeInteger(value);
  return isExact || !/^-?\d+$/.test(source) ? value : BigInt(source);
}
