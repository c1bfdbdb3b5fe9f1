import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";

/** Element types this package reads and writes, as safetensors names them. */
export type Dtype = "I64" | "F64" | "F32" | "I32" | "BF16" | "F16" | "U8" | "BOOL";

/** The elements of a tensor. Half-precision floats stay raw 16-bit patterns. */
export type TensorData =
  | BigInt64Array
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint16Array
  | Uint8Array;

/** A tensor in row-major order. */
export interface Tensor {
  /** Element type. */
  readonly dtype: Dtype;
  /** Sizes of the dimensions; `[]` is a single number. */
  readonly shape: readonly number[];
  /** The elements. */
  readonly data: TensorData;
}

/** What {@linkcode decodeSafetensors} returns. */
export interface Safetensors {
  /** Tensors by name, in the order of their data. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** The `__metadata__` of the header; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Options of {@linkcode decodeSafetensors}. */
export interface DecodeSafetensorsOptions {
  /** The most bytes of a header; a parsed one takes many times as much memory. @default {100_000_000} */
  readonly maxHeaderBytes?: number;
}

type TensorArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
};

/** In the order in which the reference implementation lays tensors out: largest elements first. */
const ARRAY_OF: Readonly<Record<Dtype, TensorArrayConstructor>> = {
  I64: BigInt64Array,
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  BF16: Uint16Array,
  F16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};
const DTYPES = Object.keys(ARRAY_OF) as Dtype[];

const PREFIX_BYTES = 8;
const ALIGNMENT = 8;
/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/**
 * Encodes tensors in the [safetensors](https://github.com/huggingface/safetensors) format: the length
 * of the header in 8 bytes, a JSON header padded with spaces to a multiple of 8, the raw elements.
 *
 * Tensors are laid out by element type, largest first, then by name, so that each one is aligned and
 * equal input gives equal bytes: those of the reference implementation.
 *
 * @example Usage
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeSafetensors({
 *   planning_mask: Uint8Array.of(0, 1),
 *   spans: { dtype: "I32", shape: [1, 3], data: Int32Array.of(1, 2, 0) },
 * }, { contract: "1" });
 * const { tensors, metadata } = decodeSafetensors(bytes);
 * assert.deepEqual(tensors.planning_mask?.data, Uint8Array.of(0, 1));
 * assert.deepEqual(tensors.spans?.shape, [1, 3]);
 * assert.equal(metadata.contract, "1");
 * ```
 *
 * @param tensors By name; a typed array alone is a tensor of one dimension.
 * @param metadata Text that travels in the header.
 * @returns A complete file.
 * @throws {TypeError} If the array does not fit the dtype, or a `Uint16Array` comes without one.
 * @throws {RangeError} If a shape does not fit the number of elements, or the name is `__metadata__`.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, TensorData | Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = Object.entries(tensors)
    .map(([name, tensor]) => [name, checkTensor(name, tensor)] as const)
    .sort(([nameA, a], [nameB, b]) =>
      DTYPES.indexOf(a.dtype) - DTYPES.indexOf(b.dtype) || (nameA < nameB ? -1 : 1)
    );
  let size = 0;
  const entries = ordered.map(([name, { dtype, shape, data }]) => {
    const start = size;
    size += data.byteLength;
    return [name, { dtype, shape, "data_offsets": [start, size] }];
  });
  const withMetadata = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  const json = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries([...withMetadata, ...entries])),
  );
  const dataStart = PREFIX_BYTES + Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(dataStart + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - PREFIX_BYTES), true);
  bytes.set(json, PREFIX_BYTES);
  bytes.fill(0x20, PREFIX_BYTES + json.length, dataStart);
  let position = dataStart;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a safetensors file and checks it as strictly as the reference implementation does: header
 * at most 100 MB of UTF-8 JSON without a repeated key, known dtypes, each tensor's bytes fit its
 * shape, and together they cover the data without a gap or an overlap.
 *
 * An aligned tensor is a view of `bytes`, which then must not change; others are copied.
 *
 * @example Usage
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const { tensors } = decodeSafetensors(encodeSafetensors({ rewards: Float32Array.of(1, 0) }));
 * assert.deepEqual(tensors.rewards, { dtype: "F32", shape: [2], data: Float32Array.of(1, 0) });
 * ```
 *
 * @param bytes A complete file.
 * @param options The most bytes of a header.
 * @returns Tensors and metadata.
 * @throws {SyntaxError} If the bytes are not in the format.
 * @throws {RangeError} If offsets and shapes contradict each other or the size of the file.
 * @throws {TypeError} If a dtype is not one of {@linkcode Dtype}.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  { maxHeaderBytes = MAX_HEADER_BYTES }: DecodeSafetensorsOptions = {},
): Safetensors {
  const { header, dataStart } = parseHeader(bytes, maxHeaderBytes);
  const { [METADATA]: given, ...rest } = header;
  const metadata = given ?? {}; // null is none, as the reference reads it
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string")) {
    throw new InputSyntaxError(`Cannot decode safetensors as ${METADATA} must map text to text`);
  }
  const entries = Object.entries(rest)
    .map(([name, info]) => [name, checkInfo(name, info)] as const)
    .sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  checkCover(entries, bytes.length - dataStart);
  const tensors = entries.map(([name, { dtype, shape, start, end }]) => {
    const size = ARRAY_OF[dtype].BYTES_PER_ELEMENT;
    const aligned = (bytes.byteOffset + dataStart + start) % size === 0;
    const raw = bytes.subarray(dataStart + start, dataStart + end);
    const { buffer, byteOffset } = aligned ? raw : raw.slice();
    const data = new ARRAY_OF[dtype](buffer, byteOffset, (end - start) / size);
    return [name, { dtype, shape, data }] as const;
  });
  return {
    tensors: Object.fromEntries(tensors),
    metadata: metadata as Record<string, string>,
  };
}

interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

function checkTensor(name: string, value: TensorData | Tensor): Tensor {
  if (name === METADATA) {
    throw new InputRangeError(
      `Cannot encode a tensor as ${METADATA} is reserved: rename the tensor`,
    );
  }
  const tensor = ArrayBuffer.isView(value) ? toTensor(name, value) : value;
  const { dtype, shape, data } = tensor;
  if (ARRAY_OF[dtype] === undefined) throw unknownDtype("encode", name, dtype);
  if (!(data instanceof ARRAY_OF[dtype])) {
    throw new InputTypeError(
      `Cannot encode tensor "${name}" as dtype ${dtype} needs ${
        constructorName(ARRAY_OF[dtype])
      }: ` +
        `current data is ${constructorName(data?.constructor)}`,
    );
  }
  if (elementsOf(shape) !== data.length) {
    throw new InputRangeError(
      `Cannot encode tensor "${name}" as its shape must fit its ${data.length} elements: ` +
        `current shape is [${shape}]`,
    );
  }
  return tensor;
}

function toTensor(name: string, data: TensorData): Tensor {
  const dtype = data instanceof Uint16Array
    ? undefined
    : DTYPES.find((candidate) => data instanceof ARRAY_OF[candidate]);
  if (dtype === undefined) {
    throw new InputTypeError(
      `Cannot encode tensor "${name}" as ${constructorName(data.constructor)} does not say its ` +
        `dtype: pass { dtype, shape, data }`,
    );
  }
  return { dtype, shape: [data.length], data };
}

function parseHeader(
  bytes: Uint8Array,
  maxHeaderBytes: number,
): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < PREFIX_BYTES) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as it starts with ${PREFIX_BYTES} bytes of header length: ` +
        `current size is ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as a header holds at most ${maxHeaderBytes} bytes: ` +
        `current length is ${length}`,
    );
  }
  const dataStart = PREFIX_BYTES + Number(length);
  if (dataStart > bytes.length) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as the file must hold its header of ${length} bytes: ` +
        `current size is ${bytes.length}`,
    );
  }
  const header = parseHeaderJson(bytes.subarray(PREFIX_BYTES, dataStart));
  return { header, dataStart };
}

function parseHeaderJson(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as its header must be UTF-8 JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (!isObject(header) || !text.startsWith("{")) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as its header must start with "{": starts with "${text[0] ?? ""}"`,
    );
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) {
    throw new InputSyntaxError(
      `Cannot decode safetensors as no key may stand twice in its header: "${repeated}" does`,
    );
  }
  return header;
}

/** `JSON.parse` keeps the last of equal keys, other readers the first: two readers, two files. */
function findRepeatedKey(json: string): string | undefined {
  const keys: Set<string>[] = [];
  // No key follows a bracket. The text has been parsed, so every string ends.
  for (let i = 0; i < json.length; i++) {
    if (json[i] === "{") keys.push(new Set());
    else if (json[i] === "}") keys.pop();
    else if (json[i] === '"') {
      const end = endOfString(json, i);
      if (isBeforeColon(json, end + 1)) {
        const name = JSON.parse(json.slice(i, end + 1));
        const seen = keys.at(-1)!;
        if (seen.has(name)) return name;
        seen.add(name);
      }
      i = end;
    }
  }
}

/** Where the string that begins at `start` has its closing quote. */
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}

function isBeforeColon(json: string, start: number): boolean {
  let i = start;
  while (" \t\r\n".includes(json[i]!)) i++;
  return json[i] === ":";
}

function checkInfo(name: string, info: unknown): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = (isObject(info) ? info : {}) as {
    dtype?: unknown;
    shape?: unknown;
    data_offsets?: unknown;
  };
  if (typeof dtype !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new InputSyntaxError(
      `Cannot decode tensor "${name}" as it must have dtype, shape and two data_offsets: ` +
        `current value is ${summary(info)}`,
    );
  }
  if (!Object.hasOwn(ARRAY_OF, dtype)) throw unknownDtype("decode", name, dtype);
  const [start, end] = offsets as [number, number];
  const bytes = elementsOf(shape) * ARRAY_OF[dtype as Dtype].BYTES_PER_ELEMENT;
  if (end - start !== bytes) {
    throw new InputRangeError(
      `Cannot decode tensor "${name}" as ${dtype} of shape [${shape}] takes ${bytes} bytes: ` +
        `current data_offsets are [${start}, ${end}]`,
    );
  }
  return { dtype: dtype as Dtype, shape, start, end };
}

/** In few words: what stands in a file may be long, or nested too deeply to be written out. */
function summary(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return `an object of ${Object.keys(value).length} fields`;
  return String(value).slice(0, 100);
}

/** Sorted by start, tensors that each begin where the last one ended leave no gap and no overlap. */
function checkCover(entries: (readonly [string, TensorInfo])[], size: number): void {
  let position = 0;
  for (const [name, { start, end }] of entries) {
    if (start !== position) {
      throw new InputRangeError(
        `Cannot decode tensor "${name}" as its data must begin where the tensor before ends, at ` +
          `${position}: current data_offsets are [${start}, ${end}]`,
      );
    }
    position = end;
  }
  if (position !== size) {
    throw new InputRangeError(
      `Cannot decode safetensors as the tensors must cover all data: they end at ${position} of ` +
        `${size} bytes`,
    );
  }
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownDtype(action: string, name: string, dtype: string): InputTypeError {
  return new InputTypeError(
    `Cannot ${action} tensor "${name}" as its dtype must be one of ${DTYPES.join(", ")}: ` +
      `current dtype is ${dtype}`,
  );
}

function constructorName(constructor: unknown): string {
  return typeof constructor === "function" ? constructor.name : String(constructor);
}
