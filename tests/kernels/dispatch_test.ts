import assert from "node:assert/strict";
import { bindingRanges, rowRanges, workgroupGrid } from "../../kernels/_dispatch.ts";

Deno.test("workgroupGrid() folds into two dimensions when one holds too few", () => {
  const cases: [workgroups: number, max: number, grid: [number, number]][] = [
    [1, 65_535, [1, 1]],
    [65_535, 65_535, [65_535, 1]],
    [65_536, 65_535, [32_768, 2]],
    [7, 3, [3, 3]],
    [9, 3, [3, 3]],
  ];
  for (const [workgroups, max, grid] of cases) {
    assert.deepEqual(workgroupGrid(workgroups, max), grid);
  }
});

Deno.test("bindingRanges() cuts at aligned multiples below the limit", () => {
  const limits = { maxStorageBufferBindingSize: 300, minStorageBufferOffsetAlignment: 32 };
  assert.deepEqual(bindingRanges(0, 4, limits), []);
  assert.deepEqual(bindingRanges(1, 4, limits), [[0, 1]]);
  assert.deepEqual(bindingRanges(64, 4, limits), [[0, 64]]);
  assert.deepEqual(bindingRanges(150, 4, limits), [[0, 64], [64, 128], [128, 150]]);
});

Deno.test("rowRanges() cuts at rows where every array may be bound", () => {
  const limits = { minStorageBufferOffsetAlignment: 256, maxStorageBufferBindingSize: 4 * 7 * 200 };
  // 64 rows of 28 bytes are a multiple of 256, and so are 64 values of 4 bytes.
  assert.deepEqual(rowRanges(300, 28, limits), [[0, 192], [192, 300]]);
  assert.deepEqual(rowRanges(0, 28, limits), []);
  // All rows fit although no cut would be legal.
  assert.deepEqual(rowRanges(3, 1_000, limits), [[0, 3]]);
});

Deno.test("rowRanges() throws when rows fit no binding", () => {
  const limits = { minStorageBufferOffsetAlignment: 256, maxStorageBufferBindingSize: 1_000 };
  assert.throws(() => rowRanges(2, 600, limits), {
    name: "RangeError",
    message: "Cannot cut 2 rows of 600 bytes as 64 rows must fit a binding: " +
      "maxStorageBufferBindingSize is 1000, use a smaller element type",
  });
});
