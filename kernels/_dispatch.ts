import { InputRangeError } from "../batch/mod.ts";

/**
 * Cuts `length` elements into pieces `[start, end)` that a storage binding can hold. Starts are multiples of
 * `alignment`, so that they are legal binding offsets for elements of one byte or more.
 */
export function bindingRanges(
  length: number,
  elementBytes: number,
  limits: Pick<
    GPUSupportedLimits,
    "maxStorageBufferBindingSize" | "minStorageBufferOffsetAlignment"
  >,
): [start: number, end: number][] {
  const alignment = limits.minStorageBufferOffsetAlignment;
  const fit = Math.floor(limits.maxStorageBufferBindingSize / elementBytes);
  const step = fit - fit % alignment;
  return cut(length, step);
}

/**
 * Folds a number of workgroups into two dimensions where one holds too few (65,535 by default). The
 * grid may hold more workgroups than asked for: shaders must check their index.
 */
export function workgroupGrid(
  workgroups: number,
  maxPerDimension: number,
): [x: number, y: number] {
  const y = Math.ceil(workgroups / maxPerDimension);
  return [Math.ceil(workgroups / y), y];
}

/**
 * Cuts rows of `rowBytes` bytes into pieces `[start, end)` that a storage binding can hold, where each row
 * also has a 4-byte value in other arrays. Starts are legal binding offsets for both.
 */
export function rowRanges(
  rows: number,
  rowBytes: number,
  limits: Pick<
    GPUSupportedLimits,
    "maxStorageBufferBindingSize" | "minStorageBufferOffsetAlignment"
  >,
): [start: number, end: number][] {
  const alignment = limits.minStorageBufferOffsetAlignment;
  let granule = alignment / 4;
  while (granule * rowBytes % alignment !== 0) granule *= 2;
  const largest = limits.maxStorageBufferBindingSize;
  // A binding is rounded up to the 16 bytes that a shader reads at a time.
  const step = Math.floor((largest - 12) / rowBytes / granule) * granule;
  if (step === 0 && Math.ceil(rows * rowBytes / 16) * 16 > largest) {
    throw new InputRangeError(
      `Cannot cut ${rows} rows of ${rowBytes} bytes as ${granule} rows must fit a binding: ` +
        `maxStorageBufferBindingSize is ${largest}, use a smaller element type`,
    );
  }
  return cut(rows, step === 0 ? rows : step);
}

/** Bytes of logits that a typed array is uploaded in at a time. */
const UPLOAD_BYTES = 128 * 2 ** 20;

/** Like {@linkcode rowRanges}, in pieces small enough to be uploaded one after the other. */
export function uploadRanges(
  rows: number,
  rowBytes: number,
  limits: Pick<
    GPUSupportedLimits,
    "maxBufferSize" | "maxStorageBufferBindingSize" | "minStorageBufferOffsetAlignment"
  >,
): [start: number, end: number][] {
  return rowRanges(rows, rowBytes, {
    maxStorageBufferBindingSize: Math.min(
      limits.maxStorageBufferBindingSize,
      limits.maxBufferSize,
      Math.max(UPLOAD_BYTES, 256 * rowBytes),
    ),
    minStorageBufferOffsetAlignment: limits.minStorageBufferOffsetAlignment,
  });
}

function cut(length: number, step: number): [start: number, end: number][] {
  const ranges: [start: number, end: number][] = [];
  for (let start = 0; start < length; start += step) {
    ranges.push([start, Math.min(start + step, length)]);
  }
  return ranges;
}
