import { InputRangeError } from "./input_error.ts";

import type { Batch, CheckedBatch } from "./batch.ts";
import { broadcastToTokens, checkBatch } from "./check_batch.ts";
import { isTransformed, markTransformed } from "./transformed.ts";

/** Fields of a padded batch, row-major `[rows, columns]` unless said otherwise. */
export interface PaddedBatch {
  /** Rows B and columns T of every `[rows, columns]` array. */
  readonly shape: readonly [rows: number, columns: number];
  /** `[rows, columns]`, 0 or 1. Padding is 0; so are tool outputs and prompts. */
  readonly lossMask: Uint8Array;
  /** `[rows, columns]`; what stands in padding is never read. */
  readonly tokenIds?: Int32Array;
  /** `[rows, columns]` or `[rows]`. */
  readonly advantages?: Float32Array;
  /** `[rows, columns]`, nats. */
  readonly oldLogprobs?: Float32Array;
  /** `[rows, columns]`, nats. */
  readonly entropies?: Float32Array;
  /** `[rows, columns]`. */
  readonly segmentIds?: Int32Array;
  /** `[rows, columns]`, 0 or 1. */
  readonly planningMask?: Uint8Array;
  /** `[rows]`. */
  readonly rewards?: Float32Array;
  /** `[rows]`. */
  readonly groupIds?: Int32Array;
  /** `[rows]`. */
  readonly flags?: Uint8Array;
}

/** Where the tokens of a packed batch stand in the padded one. */
export interface PaddedLayout {
  /** Rows B and columns T of the padded arrays. */
  readonly shape: readonly [rows: number, columns: number];
  /** `[rows]`: the column of each row's first packed token. */
  readonly starts: Int32Array;
  /** `[rows + 1]`: offsets of the packed batch. */
  readonly offsets: Int32Array;
}

/**
 * Packs a padded `[rows, columns]` batch, padded on either side, into the ragged contract.
 *
 * A row keeps everything from its first to its last `lossMask` 1, zeros in between included: they
 * are tool outputs or observations, and a phrase must not bridge them. The padding token is never
 * consulted, as it may equal an ordinary token such as the end of text.
 *
 * @example Usage
 * ```ts
 * import { packPadded, unpackPadded } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const { batch, layout } = packPadded({
 *   shape: [2, 3],
 *   lossMask: Uint8Array.of(0, 1, 1, 1, 0, 0), // left padding, then right padding
 *   tokenIds: Int32Array.of(9, 5, 6, 7, 9, 9),
 *   advantages: Float32Array.of(1, -1),
 * });
 * assert.deepEqual(batch.tokenIds, Int32Array.of(5, 6, 7));
 * assert.deepEqual(
 *   unpackPadded(Float32Array.of(1, 2, 3), layout),
 *   Float32Array.of(0, 1, 2, 3, 0, 0),
 * );
 * ```
 *
 * @param padded The padded arrays; nothing is modified.
 * @returns The packed and checked batch, and the layout that {@linkcode unpackPadded} needs.
 * @throws {RangeError} If an array's length does not fit the shape, or a value breaks the contract.
 */
export function packPadded(padded: PaddedBatch): { batch: CheckedBatch; layout: PaddedLayout } {
  const [rows, columns] = padded.shape ?? [] as unknown as PaddedLayout["shape"];
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 0 || columns < 0) {
    throw new InputRangeError(
      `Cannot pack as shape must be two non-negative integers: current value is [${padded.shape}]`,
    );
  }
  checkLength("lossMask", padded.lossMask, rows * columns);
  const { starts, offsets } = rowExtents(padded.lossMask, rows, columns);
  const layout: PaddedLayout = { shape: [rows, columns], starts, offsets };

  const perToken = <A extends Int32Array | Uint8Array | Float32Array>(
    field: string,
    values: A,
  ): A => {
    checkLength(field, values, rows * columns);
    return gather(values, layout);
  };
  const { advantages } = padded;
  const batch: Batch = {
    offsets,
    lossMask: perToken("lossMask", padded.lossMask),
    ...(padded.tokenIds && { tokenIds: perToken("tokenIds", padded.tokenIds) }),
    ...(advantages && { advantages: packAdvantages(advantages, layout), advantagesPer: "token" }),
    ...(padded.oldLogprobs && { oldLogprobs: perToken("oldLogprobs", padded.oldLogprobs) }),
    ...(padded.entropies && { entropies: perToken("entropies", padded.entropies) }),
    ...(padded.segmentIds && { segmentIds: perToken("segmentIds", padded.segmentIds) }),
    ...(padded.planningMask && { planningMask: perToken("planningMask", padded.planningMask) }),
    ...(padded.rewards && { rewards: padded.rewards }),
    ...(padded.groupIds && { groupIds: padded.groupIds }),
    ...(padded.flags && { flags: padded.flags }),
  };
  return { batch: checkBatch(batch), layout };
}

/**
 * Scatters packed token values back into a padded `[rows, columns]` array.
 *
 * @example Usage
 * ```ts
 * import { unpackPadded } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const layout = {
 *   shape: [1, 3] as [number, number],
 *   starts: Int32Array.of(1),
 *   offsets: Int32Array.of(0, 2),
 * };
 * const host = Float32Array.of(7, 7, 7);
 * assert.deepEqual(unpackPadded(Float32Array.of(1, 2), layout, host), Float32Array.of(7, 1, 2));
 * ```
 *
 * @param values `[tokens]`, as packed by {@linkcode packPadded}.
 * @param layout The layout that {@linkcode packPadded} returned.
 * @param base `[rows, columns]`: what stands where nothing was packed; zeros when left out.
 * @returns A fresh `[rows, columns]` array.
 * @throws {RangeError} If a length does not fit the layout.
 */
export function unpackPadded<A extends Int32Array | Uint8Array | Float32Array>(
  values: A,
  layout: PaddedLayout,
  base?: A,
): A {
  const [rows, columns] = layout.shape;
  checkLength("values", values, layout.offsets[rows]!);
  if (base !== undefined) checkLength("base", base, rows * columns);
  const out = base === undefined ? emptyLike(values, rows * columns) : base.slice() as A;
  for (let row = 0; row < rows; row++) {
    const from = layout.offsets[row]!;
    out.set(values.subarray(from, layout.offsets[row + 1]!), row * columns + layout.starts[row]!);
  }
  if (values instanceof Float32Array && isTransformed(values)) markTransformed(out as Float32Array);
  return out;
}

function rowExtents(
  lossMask: Uint8Array,
  rows: number,
  columns: number,
): { starts: Int32Array; offsets: Int32Array } {
  const starts = new Int32Array(rows);
  const offsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const mask = lossMask.subarray(row * columns, (row + 1) * columns);
    const first = mask.findIndex((value) => value !== 0);
    starts[row] = Math.max(first, 0);
    const length = first === -1 ? 0 : mask.findLastIndex((value) => value !== 0) + 1 - first;
    offsets[row + 1] = offsets[row]! + length;
  }
  return { starts, offsets };
}

/**
 * One advantage per row counts for all its tokens. It is broadcast here, where the shape says which
 * of the two was meant: the number of packed tokens may happen to equal the number of rows.
 */
function packAdvantages(advantages: Float32Array, layout: PaddedLayout): Float32Array {
  const packed = gatherAdvantages(advantages, layout);
  if (isTransformed(advantages)) markTransformed(packed);
  return packed;
}

function gatherAdvantages(advantages: Float32Array, layout: PaddedLayout): Float32Array {
  const [rows, columns] = layout.shape;
  if (advantages.length === rows && columns !== 1) {
    return broadcastToTokens(advantages, layout.offsets);
  }
  checkLength("advantages", advantages, rows * columns);
  return gather(advantages, layout);
}

function gather<A extends Int32Array | Uint8Array | Float32Array>(
  values: A,
  { shape: [rows, columns], starts, offsets }: PaddedLayout,
): A {
  const out = emptyLike(values, offsets[rows]!);
  for (let row = 0; row < rows; row++) {
    const from = row * columns + starts[row]!;
    out.set(values.subarray(from, from + offsets[row + 1]! - offsets[row]!), offsets[row]!);
  }
  return out;
}

function emptyLike<A extends Int32Array | Uint8Array | Float32Array>(values: A, length: number): A {
  return new (values.constructor as new (length: number) => A)(length);
}

function checkLength(
  field: string,
  values: { length: number } | undefined,
  length: number,
): void {
  if (values?.length !== length) {
    throw new InputRangeError(
      `Cannot convert a padded batch as ${field} must hold ${length} values: ` +
        `current length is ${values?.length}`,
    );
  }
}
