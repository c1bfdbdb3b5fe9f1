import {
  type Batch,
  checkBatch,
  type CheckedBatch,
  InputRangeError,
  InputTypeError,
} from "../batch/mod.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  type Tensor,
  type TensorData,
} from "./safetensors.ts";

/** What travels with a batch in a safetensors file. */
export interface BatchExtra {
  /** Tensors that are not of the batch contract, such as `spans`. */
  readonly tensors?: Readonly<Record<string, TensorData | Tensor>>;
  /** Text for the header, such as the digest of the lexicon. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What {@linkcode batchFromSafetensors} returns. */
export interface SafetensorsBatch {
  /** The checked batch. */
  readonly batch: CheckedBatch;
  /** Tensors that are not of the batch contract. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Text of the header, `contract` and `advantages_per` included. */
  readonly metadata: Readonly<Record<string, string>>;
}

type BatchArrays = Omit<Batch, "advantagesPer">;

const TENSOR_NAME: Readonly<Record<keyof BatchArrays, string>> = {
  offsets: "offsets",
  tokenIds: "token_ids",
  lossMask: "loss_mask",
  advantages: "advantages",
  rewards: "rewards",
  groupIds: "group_ids",
  oldLogprobs: "old_logprobs",
  entropies: "entropies",
  flags: "flags",
  segmentIds: "segment_ids",
  planningMask: "planning_mask",
};
const FIELDS = Object.keys(TENSOR_NAME) as (keyof BatchArrays)[];

const CONTRACT = "1";

/** A batch has few tensors; what takes room in its header is the names of its groups. */
const MAX_HEADER_BYTES = 2 ** 24;

/**
 * Encodes a batch as safetensors: each field one tensor, named as in the batch contract in snake case
 * (`token_ids`, `loss_mask`, ...). The header says `contract`, the version of the contract, and
 * `advantages_per` where the batch has advantages.
 *
 * @example Usage
 * ```ts
 * import { batchFromSafetensors, batchToSafetensors } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const bytes = batchToSafetensors({
 *   offsets: Int32Array.of(0, 2),
 *   tokenIds: Int32Array.of(5, 6),
 *   lossMask: Uint8Array.of(1, 1),
 * }, { metadata: { step: "12" } });
 * const { batch, metadata } = batchFromSafetensors(bytes);
 * assert.deepEqual(batch.tokenIds, Int32Array.of(5, 6));
 * assert.equal(metadata.step, "12");
 * ```
 *
 * @param batch The batch; it is checked first.
 * @param extra Further tensors and text.
 * @returns A complete safetensors file.
 * @throws {TypeError} If the batch breaks the contract in kind, or an extra tensor is unclear.
 * @throws {RangeError} If the batch breaks the contract in value, or an extra name is taken.
 */
export function batchToSafetensors(
  batch: Batch,
  { tensors: extraTensors = {}, metadata = {} }: BatchExtra = {},
): Uint8Array<ArrayBuffer> {
  const checked = checkBatch(batch);
  const tensors: Record<string, TensorData | Tensor> = {};
  for (const field of FIELDS) {
    const name = TENSOR_NAME[field];
    if (Object.hasOwn(extraTensors, name)) {
      throw new InputRangeError(
        `Cannot encode extra tensor "${name}" as the name belongs to the batch: pass it as ` +
          `batch.${field}`,
      );
    }
    const values = checked[field];
    if (values !== undefined) tensors[name] = values;
  }
  return encodeSafetensors({ ...tensors, ...extraTensors }, {
    ...metadata,
    contract: CONTRACT,
    ...(checked.advantages && { "advantages_per": advantagesUnit(checked) }),
  });
}

/**
 * Decodes a batch from safetensors, as written by {@linkcode batchToSafetensors} or by any other
 * program: the tensors of the contract have one dimension and the contract's element type. Beside it,
 * `I64` is taken for `I32` where every value fits, and `BOOL` for `U8`.
 *
 * @example Usage
 * ```ts
 * import { batchFromSafetensors, encodeSafetensors } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const { batch } = batchFromSafetensors(encodeSafetensors({
 *   offsets: BigInt64Array.of(0n, 2n), // what PyTorch makes of a list of integers
 *   token_ids: Int32Array.of(5, 6),
 *   loss_mask: Uint8Array.of(1, 1),
 * }));
 * assert.deepEqual(batch.offsets, Int32Array.of(0, 2));
 * ```
 *
 * @param bytes A complete safetensors file.
 * @returns The checked batch, and what else the file holds.
 * @throws {SyntaxError} If the bytes are not safetensors.
 * @throws {TypeError} If a tensor of the contract has another element type or more dimensions, or a
 * required one is missing.
 * @throws {RangeError} If a value breaks the contract, or the file is of another contract.
 */
export function batchFromSafetensors(bytes: Uint8Array): SafetensorsBatch {
  const { tensors, metadata } = decodeSafetensors(bytes, { maxHeaderBytes: MAX_HEADER_BYTES });
  const { contract = CONTRACT, advantages_per: advantagesPer } = metadata;
  if (contract !== CONTRACT) {
    throw new InputRangeError(
      `Cannot decode a batch as its contract must be ${CONTRACT}: current contract is ${contract}`,
    );
  }
  if (advantagesPer !== undefined && advantagesPer !== "token" && advantagesPer !== "sequence") {
    throw new InputRangeError(
      `Cannot decode a batch as advantages_per must be "token" or "sequence": current value is ` +
        `"${advantagesPer}"`,
    );
  }
  const rest = { ...tensors };
  const arrays: Partial<Record<keyof BatchArrays, TensorData>> = {};
  for (const field of FIELDS) {
    const name = TENSOR_NAME[field];
    const tensor = rest[name];
    if (tensor === undefined) continue;
    arrays[field] = toContract(name, tensor);
    delete rest[name];
  }
  // checkBatch checks the type of every array.
  const batch = checkBatch({ ...arrays, ...(advantagesPer && { advantagesPer }) } as Batch);
  return { batch, tensors: rest, metadata };
}

function advantagesUnit({ advantages, advantagesPer, numTokens }: CheckedBatch): string {
  return advantagesPer ?? (advantages!.length === numTokens ? "token" : "sequence");
}

function toContract(name: string, { dtype, shape, data }: Tensor): TensorData {
  if (shape.length !== 1) {
    throw new InputTypeError(
      `Cannot decode tensor "${name}" of a batch as it must have one dimension: ` +
        `current shape is [${shape}]`,
    );
  }
  if (dtype === "BF16" || dtype === "F16" || dtype === "F64") {
    throw new InputTypeError(
      `Cannot decode tensor "${name}" of a batch as floats must be F32: current dtype is ${dtype}`,
    );
  }
  return data instanceof BigInt64Array ? narrow(name, data) : data;
}

function narrow(name: string, values: BigInt64Array): Int32Array {
  const out = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    out[i] = Number(values[i]!);
    if (BigInt(out[i]!) !== values[i]) {
      throw new InputRangeError(
        `Cannot decode tensor "${name}" of a batch as its values must fit 32 bits: ` +
          `${name}[${i}] is ${values[i]}`,
      );
    }
  }
  return out;
}
