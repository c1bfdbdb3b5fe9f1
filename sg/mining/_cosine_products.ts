import * as ort from "onnxruntime-node";

/** Protobuf wire types, and the field numbers of onnx.proto (ONNX 1.8, IR version 8, opset 13). */
const VARINT = 0;
const BYTES = 2;
const MODEL = { irVersion: 1, graph: 7, opset: 8 };
const OPSET = { version: 2 };
const GRAPH = { node: 1, name: 2, input: 11, output: 12 };
const NODE = { input: 1, output: 2, operator: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, integer: 3, integers: 8, type: 20 };
const ATTRIBUTE_TYPE = { integer: 2, integers: 7 };
const VALUE = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
const TENSOR = { elementType: 1, shape: 2 };
const SHAPE = { dimension: 1 };
const DIMENSION = { parameter: 2 };
const FLOAT = 1;

/**
 * Products of the rows of one block with the rows of another, `left @ right.T`, and the greatest
 * product of each row of `left`, in float32 by onnxruntime. The results are overwritten by the next call.
 */
export class CosineProducts {
  readonly #session: ort.InferenceSession;
  readonly #products: Float32Array;
  readonly #greatest: Float32Array;

  private constructor(session: ort.InferenceSession, blockRows: number) {
    this.#session = session;
    this.#products = new Float32Array(blockRows * blockRows);
    this.#greatest = new Float32Array(blockRows);
  }

  /** For blocks of at most `blockRows` rows; 0 threads leave the number to onnxruntime. */
  static async create(blockRows: number, threads: number): Promise<CosineProducts> {
    const session = await ort.InferenceSession.create(productModel(), {
      intraOpNumThreads: threads,
    });
    return new CosineProducts(session, blockRows);
  }

  /** Of `left` [m x dimensions] and `right` [n x dimensions]: `products` [m x n], `greatest` [m]. */
  async multiply(
    left: Float32Array,
    right: Float32Array,
    dimensions: number,
  ): Promise<{ products: Float32Array; greatest: Float32Array }> {
    const m = left.length / dimensions;
    const n = right.length / dimensions;
    const products = this.#products.subarray(0, m * n);
    const greatest = this.#greatest.subarray(0, m);
    await this.#session.run({
      left: new ort.Tensor("float32", left, [m, dimensions]),
      right: new ort.Tensor("float32", right, [n, dimensions]),
    }, {
      products: new ort.Tensor("float32", products, [m, n]),
      greatest: new ort.Tensor("float32", greatest, [m]),
    });
    return { products, greatest };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** Two nodes: `products = Gemm(left, right, transB=1)`, `greatest = ReduceMax(products, axes=[1])`. */
function productModel(): Uint8Array {
  const gemm = message(
    GRAPH.node,
    text(NODE.input, "left"),
    text(NODE.input, "right"),
    text(NODE.output, "products"),
    text(NODE.operator, "Gemm"),
    attribute("transB", ATTRIBUTE.integer, ATTRIBUTE_TYPE.integer, 1),
  );
  const max = message(
    GRAPH.node,
    text(NODE.input, "products"),
    text(NODE.output, "greatest"),
    text(NODE.operator, "ReduceMax"),
    attribute("axes", ATTRIBUTE.integers, ATTRIBUTE_TYPE.integers, 1),
    attribute("keepdims", ATTRIBUTE.integer, ATTRIBUTE_TYPE.integer, 0),
  );
  return Uint8Array.from([
    ...integer(MODEL.irVersion, 8),
    ...message(
      MODEL.graph,
      gemm,
      max,
      text(GRAPH.name, "cosine products"),
      matrix(GRAPH.input, "left", "m", "dimensions"),
      matrix(GRAPH.input, "right", "n", "dimensions"),
      matrix(GRAPH.output, "products", "m", "n"),
      matrix(GRAPH.output, "greatest", "m"),
    ),
    ...message(MODEL.opset, integer(OPSET.version, 12)),
  ]);
}

function attribute(name: string, field: number, type: number, value: number): number[] {
  return message(
    NODE.attribute,
    text(ATTRIBUTE.name, name),
    integer(field, value),
    integer(ATTRIBUTE.type, type),
  );
}

function matrix(field: number, name: string, ...shape: string[]): number[] {
  const dimensions = shape.map((size) => message(SHAPE.dimension, text(DIMENSION.parameter, size)));
  const tensor = message(
    TYPE.tensor,
    integer(TENSOR.elementType, FLOAT),
    message(TENSOR.shape, ...dimensions),
  );
  return message(field, text(VALUE.name, name), message(VALUE.type, tensor));
}

function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

function integer(field: number, value: number): number[] {
  return [...varint(field << 3 | VARINT), ...varint(value)];
}

function message(field: number, ...parts: number[][]): number[] {
  const bytes = parts.flat();
  return [...varint(field << 3 | BYTES), ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)];
}
