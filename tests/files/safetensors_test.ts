import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { type Batch, checkBatch } from "../../batch/mod.ts";
import { batchFromSafetensors, batchToSafetensors } from "../../files/batch_safetensors.ts";
import {
  decodeSafetensors,
  type Dtype,
  encodeSafetensors,
  type Tensor,
  type TensorData,
} from "../../files/safetensors.ts";

/** Written by Python's safetensors, see testdata/safetensors/build.py. */
function golden(name: string): Uint8Array {
  const url = new URL(`../testdata/safetensors/${name}.safetensors`, import.meta.url);
  return Uint8Array.from(readFileSync(url));
}

/** A file with this header text, whether it makes sense or not. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function headerOf(bytes: Uint8Array): { text: string; dataStart: number } {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return {
    text: new TextDecoder().decode(bytes.subarray(8, 8 + length)),
    dataStart: 8 + length,
  };
}

const BATCH: Batch = {
  offsets: Int32Array.of(0, 2, 5),
  tokenIds: Int32Array.of(11, 12, 13, 14, 15),
  lossMask: Uint8Array.of(1, 1, 1, 0, 1),
  rewards: Float32Array.of(1, 0),
  planningMask: Uint8Array.of(0, 1, 1, 0, 0),
};

Deno.test("decodeSafetensors() reads every dtype as the reference implementation wrote it", () => {
  const { tensors, metadata } = decodeSafetensors(golden("dtypes"));
  assert.deepEqual({ ...metadata }, { made: "by the reference" });
  const expected: Record<string, Tensor> = {
    i64: { dtype: "I64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
    f64: { dtype: "F64", shape: [1], data: Float64Array.of(0.1) },
    "a_f32": { dtype: "F32", shape: [], data: Float32Array.of(3.5) },
    "b_f32": { dtype: "F32", shape: [2], data: Float32Array.of(0.2, -0) },
    empty: { dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
    i32: { dtype: "I32", shape: [2, 2], data: Int32Array.of(1, -2, 3, 2 ** 31 - 1) },
    brain: { dtype: "BF16", shape: [1, 2], data: Uint16Array.of(0x3f80, 0xc000) },
    half: { dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
    "größe": { dtype: "U8", shape: [1], data: Uint8Array.of(7) },
    "z_u8": { dtype: "U8", shape: [3], data: Uint8Array.of(0, 1, 255) },
    bool: { dtype: "BOOL", shape: [2], data: Uint8Array.of(0, 1) },
  };
  assert.deepEqual(tensors, expected);
  assert.deepEqual(Object.keys(tensors), Object.keys(expected), "in the order of the data");
});

Deno.test("encodeSafetensors() writes the bytes of the reference implementation", () => {
  for (const name of ["dtypes", "contract"]) {
    const bytes = golden(name);
    const { tensors, metadata } = decodeSafetensors(bytes);
    const shuffled = Object.fromEntries(Object.entries(tensors).reverse());
    assert.deepEqual(encodeSafetensors(shuffled, metadata), bytes, name);
  }
});

Deno.test("encodeSafetensors() starts the data and every tensor at a multiple of its size", () => {
  for (let letters = 0; letters < 8; letters++) {
    const bytes = encodeSafetensors({
      ["n".repeat(letters + 1)]: Uint8Array.of(1, 2, 3),
      f: Float32Array.of(1),
      i: BigInt64Array.of(5n),
    });
    assert.equal(headerOf(bytes).dataStart % 8, 0);
    for (const { data } of Object.values(decodeSafetensors(bytes).tensors)) {
      assert.equal(data.buffer, bytes.buffer, "a view, not a copy");
    }
  }
});

Deno.test("encodeSafetensors() writes an empty file for no tensors", () => {
  const bytes = encodeSafetensors({});
  assert.equal(headerOf(bytes).text, "{}      ");
  assert.deepEqual(decodeSafetensors(bytes), { tensors: {}, metadata: {} });
});

Deno.test("decodeSafetensors() copies what is not aligned", () => {
  const bytes = golden("dtypes");
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.deepEqual(decodeSafetensors(shifted.subarray(3)), decodeSafetensors(bytes));
});

Deno.test("decodeSafetensors() returns what encodeSafetensors() was given", () => {
  const floats = fc.array(fc.float({ noNaN: true })).map((xs) => Float32Array.from(xs));
  const tensor: fc.Arbitrary<TensorData> = fc.oneof(
    floats,
    fc.array(fc.integer()).map((xs) => Int32Array.from(xs)),
    fc.uint8Array(),
    fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((xs) =>
      BigInt64Array.from(xs)
    ),
  );
  const name = fc.string({ unit: "binary" }).filter((text) => text !== "__metadata__");
  const metadata = fc.dictionary(name.filter((key) => key !== "__proto__"), fc.string());
  fc.assert(fc.property(fc.dictionary(name, tensor), metadata, (tensors, metadata) => {
    const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
    assert.deepEqual({ ...decoded.metadata }, { ...metadata });
    assert.equal(Object.keys(decoded.tensors).length, Object.keys(tensors).length);
    for (const [key, data] of Object.entries(tensors)) {
      assert.deepEqual(decoded.tensors[key]!.data, data);
      assert.deepEqual(decoded.tensors[key]!.shape, [data.length]);
    }
  }));
});

Deno.test("decodeSafetensors() throws, and nothing else, on damaged files", () => {
  const bytes = golden("batch");
  const damage = fc.record({
    position: fc.nat(bytes.length - 1),
    value: fc.nat(255),
    length: fc.integer({ min: 0, max: bytes.length }),
  });
  fc.assert(fc.property(damage, ({ position, value, length }) => {
    const damaged = bytes.slice(0, length);
    if (position < length) damaged[position] = value;
    try {
      decodeSafetensors(damaged);
    } catch (error) {
      assert.match((error as Error).message, /^Cannot decode /);
    }
  }));
});

Deno.test("encodeSafetensors() throws when a tensor contradicts itself", () => {
  const encode = (tensor: unknown) => () => encodeSafetensors({ x: tensor as Tensor });
  assert.throws(encode({ dtype: "F32", shape: [3], data: new Float32Array(2) }), {
    name: "RangeError",
    message: 'Cannot encode tensor "x" as its shape must fit its 2 elements: current shape is [3]',
  });
  assert.throws(encode({ dtype: "F32", shape: [2], data: new Int32Array(2) }), {
    name: "TypeError",
    message: 'Cannot encode tensor "x" as dtype F32 needs Float32Array: current data is Int32Array',
  });
  assert.throws(encode({ dtype: "F8" as Dtype, shape: [2], data: new Uint8Array(2) }), {
    name: "TypeError",
    message:
      'Cannot encode tensor "x" as its dtype must be one of I64, F64, F32, I32, BF16, F16, ' +
      "U8, BOOL: current dtype is F8",
  });
  assert.throws(encode(Uint16Array.of(1)), {
    name: "TypeError",
    message:
      'Cannot encode tensor "x" as Uint16Array does not say its dtype: pass { dtype, shape, data }',
  });
  assert.throws(() => encodeSafetensors({ "__metadata__": Uint8Array.of(1) }), {
    name: "RangeError",
    message: "Cannot encode a tensor as __metadata__ is reserved: rename the tensor",
  });
});

Deno.test("decodeSafetensors() throws when the header is wrong", () => {
  const cases: [Uint8Array, string, RegExp][] = [
    [new Uint8Array(7), "SyntaxError", /starts with 8 bytes of header length: current size is 7$/],
    [
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255),
      "SyntaxError",
      /a header holds at most 100000000 bytes: current length is 18446744073709551615$/,
    ],
    [
      Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0),
      "SyntaxError",
      /the file must hold its header of 9 bytes: current size is 8$/,
    ],
    [fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), "SyntaxError", /header must be UTF-8 JSON: /],
    [fileOf(""), "SyntaxError", /header must be UTF-8 JSON: /],
    [fileOf("{"), "SyntaxError", /header must be UTF-8 JSON: /],
    [fileOf(" {}"), "SyntaxError", /header must start with "\{": starts with " "$/],
    [fileOf("[]"), "SyntaxError", /header must start with "\{": starts with "\["$/],
    [fileOf('{"__metadata__":{"a":1}}'), "SyntaxError", /__metadata__ must map text to text$/],
    [fileOf('{"__metadata__":[]}'), "SyntaxError", /__metadata__ must map text to text$/],
    [fileOf('{"x":3}'), "SyntaxError", /must have dtype, shape and two data_offsets: .* is 3$/],
    [
      fileOf('{"x":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}'),
      "SyntaxError",
      /must have dtype, shape and two data_offsets/,
    ],
    [
      fileOf('{"x":{"dtype":"U8","shape":[1],"data_offsets":[0]}}'),
      "SyntaxError",
      /must have dtype, shape and two data_offsets/,
    ],
    [
      fileOf('{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1),
      "TypeError",
      /tensor "x" as its dtype must be one of I64, .*: current dtype is F8_E4M3$/,
    ],
    [
      fileOf('{"x":{"dtype":"toString","shape":[1],"data_offsets":[0,1]}}', 1),
      "TypeError",
      /current dtype is toString$/,
    ],
  ];
  for (const [bytes, name, message] of cases) {
    assert.throws(() => decodeSafetensors(bytes), { name, message });
  }
});

Deno.test("decodeSafetensors() throws when a key stands twice", () => {
  const tensor = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  const twice = (key: string) => ({
    name: "SyntaxError",
    message: `Cannot decode safetensors as no key may stand twice in its header: "${key}" does`,
  });
  assert.throws(() => decodeSafetensors(fileOf(`{"x":${tensor},"x":${tensor}}`, 1)), twice("x"));
  assert.throws(
    () => decodeSafetensors(fileOf(`{"x":${tensor},"\\u0078" :${tensor}}`, 1)),
    twice("x"),
  );
  assert.throws(
    () => decodeSafetensors(fileOf('{"__metadata__":{"a":"1","a":"2"}}')),
    twice("a"),
  );
  // Python's safetensors 0.8.0 reads null as none, too, and refuses it within.
  assert.deepEqual({ ...decodeSafetensors(fileOf('{"__metadata__":null}')).metadata }, {});
  assert.throws(() => decodeSafetensors(fileOf('{"__metadata__":{"a":null}}')), {
    name: "SyntaxError",
  });
  const quoted = decodeSafetensors(fileOf('{"__metadata__":{"a":"{\\"b\\":1","c":"a"}}'));
  assert.deepEqual({ ...quoted.metadata }, { a: '{"b":1', c: "a" });
});

Deno.test("decodeSafetensors() throws when offsets leave a gap, overlap or miss the data", () => {
  const file = (a: [number, number], b: [number, number], dataBytes: number) => {
    const info = ([start, end]: [number, number]) => ({
      dtype: "U8",
      shape: [2],
      "data_offsets": [start, end],
    });
    return fileOf(JSON.stringify({ a: info(a), b: info(b) }), dataBytes);
  };
  assert.deepEqual(Object.keys(decodeSafetensors(file([2, 4], [0, 2], 4)).tensors), ["b", "a"]);
  assert.throws(() => decodeSafetensors(file([0, 3], [3, 5], 5)), {
    name: "RangeError",
    message:
      'Cannot decode tensor "a" as U8 of shape [2] takes 2 bytes: current data_offsets are [0, 3]',
  });
  assert.throws(() => decodeSafetensors(file([0, 2], [3, 5], 5)), {
    name: "RangeError",
    message:
      'Cannot decode tensor "b" as its data must begin where the tensor before ends, at 2: ' +
      "current data_offsets are [3, 5]",
  });
  assert.throws(
    () => decodeSafetensors(file([0, 2], [1, 3], 3)),
    /begin where .* at 2: .*\[1, 3\]/,
  );
  assert.throws(() => decodeSafetensors(file([0, 2], [2, 4], 5)), {
    name: "RangeError",
    message:
      "Cannot decode safetensors as the tensors must cover all data: they end at 4 of 5 bytes",
  });
  assert.throws(() => decodeSafetensors(file([0, 2], [2, 4], 3)), /end at 4 of 3 bytes/);
});

Deno.test("batchToSafetensors() writes the bytes that Python writes for the contract", () => {
  const spans: Tensor = { dtype: "I32", shape: [1, 3], data: Int32Array.of(1, 3, 0) };
  assert.deepEqual(batchToSafetensors(BATCH, { tensors: { spans } }), golden("contract"));
});

Deno.test("batchFromSafetensors() takes Python's int64 and bool", () => {
  const { batch, tensors, metadata } = batchFromSafetensors(golden("batch"));
  const { planningMask: _, ...expected } = BATCH;
  assert.deepEqual(
    batch,
    checkBatch({
      ...expected,
      groupIds: Int32Array.of(0, 0),
      oldLogprobs: Float32Array.of(-0.1, -0.2, -0.3, 0, -0.5),
      advantages: Float32Array.of(0.5, -0.5),
    }),
  );
  assert.deepEqual(tensors.prompt_lengths?.data, BigInt64Array.of(7n, 7n));
  assert.equal(metadata.step, "12");
});

Deno.test("batchFromSafetensors() returns what batchToSafetensors() was given, every field", () => {
  const batch = checkBatch({
    ...BATCH,
    advantages: Float32Array.of(0.5, -0.5, 1, 2, 3),
    advantagesPer: "token",
    groupIds: Int32Array.of(0, -1),
    oldLogprobs: Float32Array.of(-1, -2, -3, -4, -5),
    entropies: Float32Array.of(1, 2, 3, 4, 5),
    flags: Uint8Array.of(0, 1),
    segmentIds: Int32Array.of(0, 1, 1, 2, 2),
  });
  const decoded = batchFromSafetensors(batchToSafetensors(batch, { metadata: { a: "b" } }));
  assert.deepEqual(decoded.batch, batch);
  assert.deepEqual({ ...decoded.metadata }, { a: "b", contract: "1", "advantages_per": "token" });
});

Deno.test("batchFromSafetensors() keeps what an advantage stands for when both lengths agree", () => {
  const square: Batch = {
    offsets: Int32Array.of(0, 2, 2),
    lossMask: Uint8Array.of(1, 1),
    advantages: Float32Array.of(0.5, -0.5),
  };
  for (const advantagesPer of ["token", "sequence"] as const) {
    const { batch } = batchFromSafetensors(batchToSafetensors({ ...square, advantagesPer }));
    assert.equal(batch.advantagesPer, advantagesPer);
  }
});

Deno.test("batchToSafetensors() throws when an extra tensor takes a name of the batch", () => {
  assert.throws(() => batchToSafetensors(BATCH, { tensors: { flags: Uint8Array.of(0, 0) } }), {
    name: "RangeError",
    message:
      'Cannot encode extra tensor "flags" as the name belongs to the batch: pass it as batch.flags',
  });
});

Deno.test("batchFromSafetensors() throws when a tensor is not of the contract", () => {
  const withTensor = (name: string, tensor: TensorData | Tensor, metadata = {}) => () =>
    batchFromSafetensors(encodeSafetensors({
      offsets: BATCH.offsets,
      "loss_mask": BATCH.lossMask,
      [name]: tensor,
    }, metadata));
  assert.throws(withTensor("token_ids", BigInt64Array.of(1n, 2n, 3n, 2n ** 31n, 5n)), {
    name: "RangeError",
    message: 'Cannot decode tensor "token_ids" of a batch as its values must fit 32 bits: ' +
      "token_ids[3] is 2147483648",
  });
  assert.throws(withTensor("rewards", Float64Array.of(1, 0)), {
    name: "TypeError",
    message:
      'Cannot decode tensor "rewards" of a batch as floats must be F32: current dtype is F64',
  });
  assert.throws(withTensor("flags", { dtype: "U8", shape: [1, 2], data: new Uint8Array(2) }), {
    name: "TypeError",
    message: 'Cannot decode tensor "flags" of a batch as it must have one dimension: ' +
      "current shape is [1,2]",
  });
  assert.throws(withTensor("rewards", Int32Array.of(1, 0)), /batch.rewards .* a Float32Array/);
  assert.throws(() => batchFromSafetensors(encodeSafetensors({})), /batch.offsets .* undefined/);
  assert.throws(withTensor("flags", Uint8Array.of(0, 0), { contract: "2" }), {
    name: "RangeError",
    message: "Cannot decode a batch as its contract must be 1: current contract is 2",
  });
  assert.throws(withTensor("flags", Uint8Array.of(0, 0), { "advantages_per": "row" }), {
    name: "RangeError",
    message: 'Cannot decode a batch as advantages_per must be "token" or "sequence": ' +
      'current value is "row"',
  });
});

Deno.test("decodeSafetensors() reads headers of many escapes, and refuses deep ones by name", () => {
  const escapes = "\n".repeat(2_000_000);
  const { metadata } = decodeSafetensors(encodeSafetensors({}, { a: escapes }));
  assert.equal(metadata.a, escapes);
  const deep = `{"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
  assert.throws(
    () => decodeSafetensors(fileOf(deep)),
    /tensor "x" as it must have dtype, shape and two data_offsets: current value is a list of 1$/,
  );
  const keys = '{"__metadata__":{"a\\"":"{","b":"a\\\\"}}';
  assert.deepEqual(decodeSafetensors(fileOf(keys)).metadata, { 'a"': "{", b: "a\\" });
  assert.throws(
    () => decodeSafetensors(fileOf('{"__metadata__":{"a":"","\\u0061" :""}}')),
    /"a" does/,
  );
});

Deno.test("decodeSafetensors() refuses a header larger than it may be", () => {
  const bytes = encodeSafetensors({}, { a: "x".repeat(100) });
  assert.throws(
    () => decodeSafetensors(bytes, { maxHeaderBytes: 100 }),
    /a header holds at most 100 bytes: current length is 128/,
  );
});
