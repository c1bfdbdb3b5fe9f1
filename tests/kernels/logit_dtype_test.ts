import assert from "node:assert/strict";
import { type LogitDtype, logitReader, logitWriter } from "../../kernels/logit_dtype.ts";

Deno.test("logitReader() and logitWriter() agree with Float16Array on every bit pattern", () => {
  const bits = Uint16Array.from({ length: 0x10000 }, (_, b) => b);
  const values = new Float16Array(bits.slice().buffer);
  const read = logitReader(bits, "f16");
  const written = new Uint16Array(bits.length);
  const write = logitWriter(written, "f16");
  for (let b = 0; b < bits.length; b++) {
    assert.ok(Object.is(read(b), values[b]), `${b}`);
    write(b, values[b]!);
    if (!Number.isNaN(values[b])) assert.equal(written[b], b);
  }
});

Deno.test("logitWriter() rounds to the nearest, ties to even, and keeps infinities", () => {
  const cases: [LogitDtype, value: number, bits: number][] = [
    ["bf16", 1, 0x3f80],
    ["bf16", 1 + 2 ** -8, 0x3f80], // a tie: down to even
    ["bf16", 1 + 3 * 2 ** -8, 0x3f82], // a tie: up to even
    ["bf16", 1 + 2 ** -8 + 2 ** -20, 0x3f81],
    ["bf16", -0, 0x8000],
    ["bf16", 3.4e38, 0x7f80],
    ["bf16", Infinity, 0x7f80],
    ["bf16", -Infinity, 0xff80],
    ["bf16", NaN, 0x7fc0],
    ["f16", 65_504, 0x7bff],
    ["f16", 65_520, 0x7c00],
    ["f16", Infinity, 0x7c00],
    ["f16", -Infinity, 0xfc00],
    ["f16", 2 ** -25, 0], // a tie between 0 and the least
    ["f16", 2 ** -24, 1],
    ["f16", NaN, 0x7e00],
  ];
  for (const [dtype, value, bits] of cases) {
    const stored = new Uint16Array(1);
    logitWriter(stored, dtype)(0, value);
    assert.equal(stored[0], bits, `${dtype} ${value}`);
  }
});
