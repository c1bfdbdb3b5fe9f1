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
  const ranges: [start: number, end: number][] = [];
  for (let start = 0; start < length; start += step) {
    ranges.push([start, Math.min(start + step, length)]);
  }
  return ranges;
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
