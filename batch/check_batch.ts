import { InputRangeError, InputTypeError } from "./input_error.ts";

import { didYouMean } from "./did_you_mean.ts";
import { type Batch, type CheckedBatch, Flag } from "./batch.ts";

const KNOWN_FLAGS = Flag.truncated | Flag.padding | Flag.excludeFromMetrics;

/** Rounding in f32 can leave an entropy just below zero and a log-probability just above. */
const ROUNDING = 1e-3;

const FIELDS: readonly string[] = Object.keys(
  {
    offsets: 0,
    lossMask: 0,
    tokenIds: 0,
    advantages: 0,
    advantagesPer: 0,
    rewards: 0,
    groupIds: 0,
    oldLogprobs: 0,
    entropies: 0,
    flags: 0,
    segmentIds: 0,
    planningMask: 0,
    numSequences: 0,
    numTokens: 0,
  } satisfies Record<keyof CheckedBatch, 0>,
);

/** What {@linkcode checkBatch} returned: frozen, so that what was checked stays. */
const checked = new WeakSet<Batch>();

/**
 * Checks a {@linkcode Batch} once, at the border, and returns it with its sizes.
 *
 * Checked: array types and lengths; `offsets` start at 0, never decrease and end at N; masks hold
 * only 0 and 1; advantages are finite wherever `lossMask` is 1 (outside it a host
 * may leave anything, and it is passed through untouched). Rewards, logprobs and entropies that are not finite
 * stand for what was not measured, and only what reads them refuses them; the other logprobs and
 * entropies have the sign of what they are. A batch may hold more than the contract, but nothing that is
 * named almost like a field of it, such as `reward`. Token ids are checked against the vocabulary by the matcher, which knows it.
 *
 * @example Usage
 * ```ts
 * import { checkBatch } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1),
 *   advantages: Float32Array.of(0.5, -0.5), // one per sequence
 * });
 * assert.equal(batch.numSequences, 2);
 * assert.equal(batch.numTokens, 3);
 * ```
 *
 * @param batch The batch to check; it is not copied and not modified.
 * @returns The same arrays, with `numSequences` and `numTokens`; a batch that was checked before as it is.
 * @throws {TypeError} If an array is missing or of another type than the contract says.
 * @throws {RangeError} If a length or a value breaks the contract; the message names the field, the
 * index, the value and the way out.
 */
export function checkBatch(batch: Batch): CheckedBatch {
  if (checked.has(batch)) return batch as CheckedBatch;
  checkNames(batch);
  checkType("offsets", batch.offsets, Int32Array);
  checkType("lossMask", batch.lossMask, Uint8Array);
  const numTokens = batch.lossMask.length;
  checkOffsets(batch.offsets, numTokens);
  const numSequences = batch.offsets.length - 1;
  checkBinary("lossMask", batch.lossMask);

  checkOptional("tokenIds", batch.tokenIds, Int32Array, numTokens, "tokens");
  checkOptional("segmentIds", batch.segmentIds, Int32Array, numTokens, "tokens");
  checkOptional("groupIds", batch.groupIds, Int32Array, numSequences, "sequences");
  if (checkOptional("planningMask", batch.planningMask, Uint8Array, numTokens, "tokens")) {
    checkBinary("planningMask", batch.planningMask!);
  }
  if (checkOptional("flags", batch.flags, Uint8Array, numSequences, "sequences")) {
    checkFlags(batch.flags!);
  }
  checkOptional("rewards", batch.rewards, Float32Array, numSequences, "sequences");
  if (checkOptional("oldLogprobs", batch.oldLogprobs, Float32Array, numTokens, "tokens")) {
    checkLogprobs(batch.oldLogprobs!, batch.lossMask);
  }
  if (checkOptional("entropies", batch.entropies, Float32Array, numTokens, "tokens")) {
    checkEntropies(batch.entropies!, batch.lossMask);
  }
  if (batch.advantages !== undefined) checkAdvantages(batch, numSequences, numTokens);
  const result = Object.freeze({ ...batch, numSequences, numTokens });
  checked.add(result);
  return result;
}

/** Refuses what is most likely a misspelled field, which would otherwise be missing without a word. */
function checkNames(batch: Batch): void {
  for (const name of Object.keys(batch)) {
    if (FIELDS.includes(name)) continue;
    const meant = didYouMean(name, FIELDS);
    if (meant !== "") {
      throw new InputTypeError(`Cannot use a batch as "${name}" is none of its fields${meant}`);
    }
  }
}

/**
 * Returns one advantage per token, freshly allocated: a copy of token-level `batch.advantages`, or
 * each sequence's value repeated over its tokens.
 *
 * @example Usage
 * ```ts
 * import { checkBatch, tokenAdvantages } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const batch = checkBatch({
 *   offsets: Int32Array.of(0, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1),
 *   advantages: Float32Array.of(0.5, -0.5),
 * });
 * assert.deepEqual(tokenAdvantages(batch), Float32Array.of(0.5, 0.5, -0.5));
 * ```
 *
 * @param batch A checked batch with `advantages`.
 * @returns Advantages, `[tokens]`.
 * @throws {TypeError} If the batch has no `advantages`.
 */
export function tokenAdvantages(batch: CheckedBatch): Float32Array {
  const { advantages, offsets, numTokens } = batch;
  checkType("advantages", advantages, Float32Array);
  if (isPerToken(batch, numTokens)) return advantages!.slice();
  return broadcastToTokens(advantages!, offsets);
}

/**
 * Repeats one value per sequence over the tokens of each sequence.
 *
 * @example Usage
 * ```ts
 * import { broadcastToTokens } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const values = broadcastToTokens(Float32Array.of(3, 4), Int32Array.of(0, 1, 3));
 * assert.deepEqual(values, Float32Array.of(3, 4, 4));
 * ```
 *
 * @param values `[sequences]`.
 * @param offsets `[sequences + 1]`.
 * @returns A fresh array, `[tokens]`.
 */
export function broadcastToTokens(
  values: Float32Array,
  offsets: Int32Array,
): Float32Array {
  const numSequences = offsets.length - 1;
  const out = new Float32Array(offsets[numSequences]!);
  for (let s = 0; s < numSequences; s++) {
    out.fill(values[s]!, offsets[s]!, offsets[s + 1]!);
  }
  return out;
}

type TypedArrayConstructor = typeof Int32Array | typeof Uint8Array | typeof Float32Array;

function checkType(field: string, value: unknown, type: TypedArrayConstructor): void {
  if (value instanceof type) return;
  throw new InputTypeError(
    `Cannot use batch.${field} as it must be ${article(type.name)} ${type.name}: ` +
      `current value is ${describe(value)}`,
  );
}

function checkOptional(
  field: string,
  value: Int32Array | Uint8Array | Float32Array | undefined,
  type: TypedArrayConstructor,
  length: number,
  unit: string,
): boolean {
  if (value === undefined) return false;
  checkType(field, value, type);
  if (value.length !== length) {
    throw new InputRangeError(
      `Cannot use batch.${field} as its length must be the number of ${unit}, ${length}: ` +
        `current length is ${value.length}`,
    );
  }
  return true;
}

function checkOffsets(offsets: Int32Array, numTokens: number): void {
  if (offsets.length === 0) {
    throw new InputRangeError(
      "Cannot use batch.offsets as it must hold one value more than there are sequences: " +
        "current length is 0, pass Int32Array.of(0) for an empty batch",
    );
  }
  if (offsets[0] !== 0) {
    throw new InputRangeError(
      `Cannot use batch.offsets as offsets[0] must be 0: current value is ${offsets[0]}`,
    );
  }
  for (let s = 1; s < offsets.length; s++) {
    if (offsets[s]! < offsets[s - 1]!) {
      throw new InputRangeError(
        `Cannot use batch.offsets as offsets must never decrease: ` +
          `offsets[${s}] is ${offsets[s]} after ${offsets[s - 1]}`,
      );
    }
  }
  const last = offsets[offsets.length - 1]!;
  if (last !== numTokens) {
    throw new InputRangeError(
      `Cannot use batch.offsets as the last offset must be the number of tokens: ` +
        `offsets[${offsets.length - 1}] is ${last}, lossMask holds ${numTokens}`,
    );
  }
}

function checkBinary(field: string, values: Uint8Array): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > 1) {
      throw new InputRangeError(
        `Cannot use batch.${field} as a mask holds only 0 and 1: ${field}[${i}] is ${values[i]}`,
      );
    }
  }
}

function checkFlags(flags: Uint8Array): void {
  for (let s = 0; s < flags.length; s++) {
    if ((flags[s]! & ~KNOWN_FLAGS) !== 0) {
      throw new InputRangeError(
        `Cannot use batch.flags as only bits 1 (truncated), 2 (padding) and 4 (exclude from ` +
          `metrics) are defined: flags[${s}] is ${flags[s]}`,
      );
    }
  }
}

function checkFinite(field: string, values: Float32Array, lossMask: Uint8Array | null): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]) && (lossMask === null || lossMask[i] === 1)) {
      throw new InputRangeError(
        `Cannot use batch.${field} as it must be finite` +
          `${lossMask === null ? "" : " where lossMask is 1"}: ${field}[${i}] is ${values[i]}, ` +
          (lossMask === null ? "drop the sequence" : "or set lossMask to 0 there"),
      );
    }
  }
}

function checkLogprobs(logprobs: Float32Array, lossMask: Uint8Array): void {
  for (let i = 0; i < logprobs.length; i++) {
    if (logprobs[i]! > ROUNDING && lossMask[i] === 1 && Number.isFinite(logprobs[i])) {
      throw new InputRangeError(
        `Cannot use batch.oldLogprobs as a log-probability in nats is not positive: ` +
          `oldLogprobs[${i}] is ${logprobs[i]}; pass log p, not p and not -log p`,
      );
    }
  }
}

function checkEntropies(entropies: Float32Array, lossMask: Uint8Array): void {
  for (let i = 0; i < entropies.length; i++) {
    if (entropies[i]! < -ROUNDING && lossMask[i] === 1 && Number.isFinite(entropies[i])) {
      throw new InputRangeError(
        `Cannot use batch.entropies as an entropy in nats is not negative: ` +
          `entropies[${i}] is ${entropies[i]}; -logprob is surprisal, pass logprobs as oldLogprobs`,
      );
    }
  }
}

function checkAdvantages(batch: Batch, numSequences: number, numTokens: number): void {
  const { advantages, advantagesPer, offsets } = batch;
  checkType("advantages", advantages, Float32Array);
  const length = advantages!.length;
  if (advantagesPer === undefined && length === numTokens && length === numSequences) {
    const s = offsets.findIndex((offset, index) => offset !== index);
    if (s !== -1) {
      throw new InputRangeError(
        `Cannot use batch.advantages as ${length} values may be one per token or one per sequence: ` +
          `sequence ${s - 1} does not hold exactly 1 token, set batch.advantagesPer`,
      );
    }
  }
  const expected = advantagesPer === "token"
    ? [numTokens]
    : advantagesPer === "sequence"
    ? [numSequences]
    : [numTokens, numSequences];
  if (!expected.includes(length)) {
    throw new InputRangeError(
      `Cannot use batch.advantages as its length must be one per token, ${numTokens}, or one per ` +
        `sequence, ${numSequences}${
          advantagesPer ? ` (advantagesPer is "${advantagesPer}")` : ""
        }: ` +
        `current length is ${length}`,
    );
  }
  checkFinite("advantages", advantages!, isPerToken(batch, numTokens) ? batch.lossMask : null);
}

function isPerToken(batch: Batch, numTokens: number): boolean {
  return batch.advantagesPer !== "sequence" && batch.advantages!.length === numTokens;
}

function article(name: string): string {
  return /^[AEIOU]/.test(name) ? "an" : "a";
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object") return value.constructor?.name ?? "an object";
  return `${typeof value} ${String(value)}`;
}
