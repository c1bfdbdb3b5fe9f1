import assert from "node:assert/strict";
import { bindingRanges, workgroupGrid } from "../../kernels/_dispatch.ts";

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
