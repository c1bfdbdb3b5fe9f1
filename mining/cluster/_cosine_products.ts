import {
  type InferenceSession,
  loadOnnxRuntime,
  model,
  type OnnxRuntime,
} from "../../kernels/internal.ts";

/** What {@linkcode CosineProducts.multiply} returns; overwritten by the next call. */
export interface Products {
  /** `[m x n]`. */
  readonly products: Float32Array;
  /** `[m]`: the greatest product of each row. */
  readonly greatest: Float32Array;
}

/**
 * Products of the rows of one block with the rows of another, `left @ right.T`, and the greatest product of
 * each row of `left`, in float32 by onnxruntime on the CPU: one session for any number of blocks.
 */
export class CosineProducts {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #products: Float32Array;
  readonly #greatest: Float32Array;

  private constructor(ort: OnnxRuntime, session: InferenceSession, blockRows: number) {
    this.#ort = ort;
    this.#session = session;
    this.#products = new Float32Array(blockRows * blockRows);
    this.#greatest = new Float32Array(blockRows);
  }

  /**
   * Creates the session.
   *
   * @param options `blockRows`: most rows of a block; `threads`: 0, the default, leaves the number to
   * onnxruntime.
   * @returns The products; `release()` frees them.
   * @throws {TypeError} If onnxruntime is not installed.
   */
  static async create(
    { blockRows, threads = 0 }: { readonly blockRows: number; readonly threads?: number },
  ): Promise<CosineProducts> {
    const ort = await loadOnnxRuntime();
    const session = await ort.InferenceSession.create(productModel(), {
      intraOpNumThreads: threads,
    });
    return new CosineProducts(ort, session, blockRows);
  }

  /**
   * Multiplies two blocks.
   *
   * @param left `[m x dimensions]`.
   * @param right `[n x dimensions]`.
   * @param dimensions Numbers in a row.
   * @returns The products, overwritten by the next call.
   */
  async multiply(
    left: Float32Array,
    right: Float32Array,
    dimensions: number,
  ): Promise<Products> {
    const { Tensor } = this.#ort;
    const m = left.length / dimensions;
    const n = right.length / dimensions;
    const products = this.#products.subarray(0, m * n);
    const greatest = this.#greatest.subarray(0, m);
    await this.#session.run({
      left: new Tensor("float32", left, [m, dimensions]),
      right: new Tensor("float32", right, [n, dimensions]),
    }, {
      products: new Tensor("float32", products, [m, n]),
      greatest: new Tensor("float32", greatest, [m]),
    });
    return { products, greatest };
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

function productModel(): Uint8Array {
  return model({
    name: "cosine products",
    opset: 12,
    inputs: [
      { name: "left", type: "float32", shape: ["m", "dimensions"] },
      { name: "right", type: "float32", shape: ["n", "dimensions"] },
    ],
    outputs: [
      { name: "products", type: "float32", shape: ["m", "n"] },
      { name: "greatest", type: "float32", shape: ["m"] },
    ],
    nodes: [
      {
        operator: "Gemm",
        inputs: ["left", "right"],
        outputs: ["products"],
        attributes: { transB: { int: 1 } },
      },
      {
        operator: "ReduceMax",
        inputs: ["products"],
        outputs: ["greatest"],
        attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
      },
    ],
  });
}
