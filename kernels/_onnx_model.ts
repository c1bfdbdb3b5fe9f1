import { InputRangeError } from "../batch/mod.ts";

/**
 * Writes ONNX models: a protobuf message by hand, as a graph of a few nodes needs no Python and no
 * package. Field numbers and codes are those of
 * [onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 *
 * Constants of a graph (axes as an input, a scalar) are initializers.
 */

/** Code of each element type in a tensor; also what the attribute `to` of a `Cast` holds. */
export const ELEMENT_CODES = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
} as const;

/** Type of the elements of a tensor. */
export type ElementType = keyof typeof ELEMENT_CODES;

const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  bfloat16: 2,
};

/** An input or output of the graph. */
export interface TensorType {
  readonly name: string;
  readonly type: ElementType;
  /** A number fixes a dimension, a name leaves it open; the same name is the same size. `[]` is a scalar. */
  readonly shape: readonly (number | string)[];
}

/** A constant of the graph. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  /** `[]` is a scalar. */
  readonly shape: readonly number[];
  /** The elements in row-major order, as their bytes stand in memory (little endian). */
  readonly data: ArrayBufferView;
}

/** An attribute of a node: JavaScript has one type of number, ONNX tells these apart. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number };

/** One operation; nodes must stand in an order in which inputs exist. */
export interface Node {
  /** For example `"MatMul"`; https://onnx.ai/onnx/operators says which inputs and attributes it has. */
  readonly operator: string;
  /** Names of inputs of the graph, initializers or outputs of earlier nodes; `""` leaves an optional one out. */
  readonly inputs: readonly string[];
  /** Names that the results get, unique in the graph. */
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A whole model. */
export interface Model {
  /** Name of the graph. */
  readonly name: string;
  /** Version of the default operator set, which fixes what operators mean: 13 for example. */
  readonly opset: number;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly initializers?: readonly Initializer[];
  readonly nodes: readonly Node[];
}

/**
 * Writes a model as the bytes of an `.onnx` file.
 *
 * @throws {RangeError} If the data of an initializer does not fit its shape.
 */
export function model(
  { name, opset, inputs, outputs, initializers = [], nodes }: Model,
): Uint8Array<ArrayBuffer> {
  const graph = message(
    MODEL.graph,
    ...nodes.map(node),
    text(GRAPH.name, name),
    ...initializers.map(initializer),
    ...inputs.map((input) => tensorType(GRAPH.input, input)),
    ...outputs.map((output) => tensorType(GRAPH.output, output)),
  );
  const operators = message(MODEL.opset, integer(OPSET.version, opset));
  return join([integer(MODEL.irVersion, IR_VERSION), graph, operators]);
}

/** ONNX 1.10; every later reader takes it. */
const IR_VERSION = 8;

/** Protobuf wire types. */
const VARINT = 0;
const BYTES = 2;
const FIXED_32 = 5;

/** Field numbers of each message. */
const MODEL = { irVersion: 1, graph: 7, opset: 8 };
const OPSET = { version: 2 };
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const NODE = { input: 1, output: 2, operator: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, float: 2, int: 3, ints: 8, type: 20 };
const VALUE = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
const TENSOR_TYPE = { element: 1, shape: 2 };
const SHAPE = { dimension: 1 };
const DIMENSION = { size: 1, parameter: 2 };
const TENSOR = { shape: 1, element: 2, name: 8, data: 9 };

/** Codes of the types of attributes. */
const ATTRIBUTE_CODES = { float: 1, int: 2, ints: 7 };

type Bytes = Uint8Array<ArrayBuffer>;

function node({ operator, inputs, outputs, attributes = {} }: Node): Bytes {
  return message(
    GRAPH.node,
    ...inputs.map((name) => text(NODE.input, name)),
    ...outputs.map((name) => text(NODE.output, name)),
    text(NODE.operator, operator),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  );
}

function attribute(name: string, value: Attribute): Bytes {
  const label = text(ATTRIBUTE.name, name);
  const parts = (type: keyof typeof ATTRIBUTE_CODES, ...fields: Bytes[]): Bytes =>
    message(NODE.attribute, label, ...fields, integer(ATTRIBUTE.type, ATTRIBUTE_CODES[type]));
  if ("int" in value) return parts("int", integer(ATTRIBUTE.int, value.int));
  if ("float" in value) return parts("float", float(ATTRIBUTE.float, value.float));
  return parts("ints", ...value.ints.map((element) => integer(ATTRIBUTE.ints, element)));
}

function initializer({ name, type, shape, data }: Initializer): Bytes {
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[type]);
  if (data.byteLength !== bytes) {
    throw new InputRangeError(
      `Cannot write an ONNX model as initializer "${name}", ${type} [${shape.join(" x ")}], must ` +
        `hold ${bytes} bytes: current length is ${data.byteLength}`,
    );
  }
  return message(
    GRAPH.initializer,
    ...shape.map((size) => integer(TENSOR.shape, size)),
    integer(TENSOR.element, ELEMENT_CODES[type]),
    text(TENSOR.name, name),
    message(
      TENSOR.data,
      new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    ),
  );
}

function tensorType(field: number, { name, type, shape }: TensorType): Bytes {
  const dimensions = shape.map((size) =>
    message(
      SHAPE.dimension,
      typeof size === "number" ? integer(DIMENSION.size, size) : text(DIMENSION.parameter, size),
    )
  );
  const tensor = message(
    TYPE.tensor,
    integer(TENSOR_TYPE.element, ELEMENT_CODES[type]),
    message(TENSOR_TYPE.shape, ...dimensions),
  );
  return message(field, text(VALUE.name, name), message(VALUE.type, tensor));
}

function text(field: number, value: string): Bytes {
  return message(field, new TextEncoder().encode(value));
}

function integer(field: number, value: number): Bytes {
  return join([tag(field, VARINT), varint(BigInt(value))]);
}

function float(field: number, value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([tag(field, FIXED_32), bytes]);
}

function message(field: number, ...parts: Bytes[]): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return join([tag(field, BYTES), varint(BigInt(length)), ...parts]);
}

function tag(field: number, wireType: number): Bytes {
  return varint(BigInt(field << 3 | wireType));
}

/** Seven bits a byte, the lowest first; negative numbers as 64 bits of two's complement. */
function varint(value: bigint): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.of(...bytes, Number(rest));
}

function join(parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
