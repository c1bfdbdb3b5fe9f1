import assert from "node:assert/strict";
import { loadOnnxRuntime, type Tensor } from "../../kernels/_onnx_runtime.ts";
import { ELEMENT_CODES, type ElementType, type Model, model } from "../../kernels/_onnx_model.ts";

const ort = await loadOnnxRuntime();

/** Runs a model with one input `x` and one output `y`. */
async function run(
  definition: Omit<Model, "name" | "opset">,
  x: Tensor,
): Promise<Tensor> {
  const session = await ort.InferenceSession.create(
    model({ name: "test", opset: 13, ...definition }),
    { intraOpNumThreads: 1, logSeverityLevel: 3 },
  );
  try {
    return (await session.run({ x }))["y"]!;
  } finally {
    await session.release();
  }
}

const ROWS = { name: "x", type: "float32", shape: ["rows", 3] } as const;
const MATRIX = new ort.Tensor("float32", Float32Array.of(1, 2, 3, 6, 5, 4), [2, 3]);

Deno.test("model() writes nodes with int and ints attributes, one of them negative", async () => {
  const y = await run({
    inputs: [ROWS],
    outputs: [{ name: "y", type: "float32", shape: ["rows"] }],
    nodes: [{
      operator: "ReduceMax",
      inputs: ["x"],
      outputs: ["y"],
      attributes: { axes: { ints: [-1] }, keepdims: { int: 0 } },
    }],
  }, MATRIX);
  assert.deepEqual(y.dims, [2]);
  assert.deepEqual(y.data, Float32Array.of(3, 6));
});

Deno.test("model() writes a float attribute", async () => {
  const y = await run({
    inputs: [ROWS],
    outputs: [{ name: "y", type: "float32", shape: ["rows", 3] }],
    nodes: [{
      operator: "LeakyRelu",
      inputs: ["x"],
      outputs: ["y"],
      attributes: { alpha: { float: 0.25 } },
    }],
  }, new ort.Tensor("float32", Float32Array.of(-4, 0, 4), [1, 3]));
  assert.deepEqual(y.data, Float32Array.of(-1, 0, 4));
});

Deno.test("model() writes a log-softmax by hand: several nodes, an initializer, a scalar", async () => {
  const y = await run({
    inputs: [ROWS],
    outputs: [{ name: "y", type: "float32", shape: ["rows", 3] }],
    initializers: [
      { name: "last", type: "int64", shape: [1], data: BigInt64Array.of(-1n) },
      { name: "temperature", type: "float32", shape: [], data: Float32Array.of(2) },
    ],
    nodes: [
      { operator: "Div", inputs: ["x", "temperature"], outputs: ["scaled"] },
      {
        operator: "ReduceMax",
        inputs: ["scaled"],
        outputs: ["greatest"],
        attributes: { axes: { ints: [1] }, keepdims: { int: 1 } },
      },
      { operator: "Sub", inputs: ["scaled", "greatest"], outputs: ["shifted"] },
      { operator: "Exp", inputs: ["shifted"], outputs: ["powers"] },
      {
        operator: "ReduceSum",
        inputs: ["powers", "last"],
        outputs: ["sum"],
        attributes: { keepdims: { int: 1 } },
      },
      { operator: "Log", inputs: ["sum"], outputs: ["log"] },
      { operator: "Sub", inputs: ["shifted", "log"], outputs: ["y"] },
    ],
  }, MATRIX);
  const expected = [[1, 2, 3], [6, 5, 4]].flatMap((row) => {
    const log = Math.log(row.reduce((sum, value) => sum + Math.exp(value / 2), 0));
    return row.map((value) => value / 2 - log);
  });
  for (const [index, value] of expected.entries()) {
    // Values below 8 and a few roundings of 2^-24 of them.
    assert.ok(Math.abs(Number(y.data[index]) - value) < 8 * 4 * 2 ** -24, `${index}`);
  }
});

Deno.test("model() casts to every element type and back, and reads initializers of each", async () => {
  const ones: Record<ElementType, ArrayBufferView> = {
    float32: Float32Array.of(1),
    uint8: Uint8Array.of(1),
    int32: Int32Array.of(1),
    int64: BigInt64Array.of(1n),
    bool: Uint8Array.of(1),
    float16: Uint16Array.of(0x3c00),
    float64: Float64Array.of(1),
    uint32: Uint32Array.of(1),
    bfloat16: Uint16Array.of(0x3f80),
  };
  for (const [type, data] of Object.entries(ones)) {
    const y = await run({
      inputs: [ROWS],
      outputs: [{ name: "y", type: "float32", shape: ["rows", 3] }],
      initializers: [{ name: "one", type: type as ElementType, shape: [1, 1], data }],
      nodes: [
        {
          operator: "Cast",
          inputs: ["one"],
          outputs: ["cast"],
          attributes: { to: { int: ELEMENT_CODES.float32 } },
        },
        { operator: "Mul", inputs: ["x", "cast"], outputs: ["product"] },
        {
          operator: "Cast",
          inputs: ["product"],
          outputs: ["typed"],
          attributes: { to: { int: ELEMENT_CODES[type as ElementType] } },
        },
        {
          operator: "Cast",
          inputs: ["typed"],
          outputs: ["y"],
          attributes: { to: { int: ELEMENT_CODES.float32 } },
        },
      ],
    }, MATRIX);
    assert.deepEqual(y.data, type === "bool" ? new Float32Array(6).fill(1) : MATRIX.data, type);
  }
});

Deno.test("model() reads an initializer from a view of larger memory", async () => {
  const y = await run({
    inputs: [ROWS],
    outputs: [{ name: "y", type: "float32", shape: ["rows", 3] }],
    initializers: [{
      name: "bias",
      type: "float32",
      shape: [3],
      data: Float32Array.of(9, 1, 2, 3, 9).subarray(1, 4),
    }],
    nodes: [{ operator: "Add", inputs: ["x", "bias"], outputs: ["y"] }],
  }, MATRIX);
  assert.deepEqual(y.data, Float32Array.of(2, 4, 6, 7, 7, 7));
});

Deno.test("model() writes initializers beyond 16 KiB: lengths of several bytes", async () => {
  const data = Float32Array.from({ length: 3 * 5_000 }, (_, i) => i % 7);
  const y = await run({
    inputs: [ROWS],
    outputs: [{ name: "y", type: "float32", shape: ["rows", 5_000] }],
    initializers: [{ name: "weights", type: "float32", shape: [3, 5_000], data }],
    nodes: [{ operator: "MatMul", inputs: ["x", "weights"], outputs: ["y"] }],
  }, new ort.Tensor("float32", Float32Array.of(1, 0, 0), [1, 3]));
  assert.deepEqual(y.data, data.subarray(0, 5_000));
});

Deno.test("model() throws when an initializer does not fit its shape", () => {
  assert.throws(
    () =>
      model({
        name: "test",
        opset: 13,
        inputs: [],
        outputs: [],
        initializers: [{ name: "w", type: "float16", shape: [2, 3], data: new Uint16Array(5) }],
        nodes: [],
      }),
    {
      name: "RangeError",
      message: 'Cannot write an ONNX model as initializer "w", float16 [2 x 3], must hold ' +
        "12 bytes: current length is 10",
    },
  );
});
