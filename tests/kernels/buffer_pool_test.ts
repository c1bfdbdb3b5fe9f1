import assert from "node:assert/strict";
import { BufferPool } from "../../kernels/mod.ts";
import { gpuTest, withLimits } from "./_device.ts";

gpuTest("BufferPool.take() hands the smallest free buffer that fits out again", (device) => {
  const pool = new BufferPool(device);
  const { STORAGE, COPY_DST } = GPUBufferUsage;
  const take = (size: number, usage: number = STORAGE) => pool.take({ label: "test", size, usage });
  const [large, small] = [take(64), take(48)];
  assert.equal(pool.bytes, 112);
  pool.give(large);
  pool.give(small);
  assert.equal(take(40), small);
  assert.notEqual(take(40, STORAGE | COPY_DST), large, "another usage");
  assert.notEqual(take(16), large, "less than half its size");
  assert.equal(take(33), large);
  pool.destroy();
  assert.equal(pool.bytes, 0);
  return Promise.resolve();
});

gpuTest("BufferPool.give() throws when a buffer is not in use", (device) => {
  const pool = new BufferPool(device);
  const buffer = pool.take({ label: "test", size: 4, usage: GPUBufferUsage.STORAGE });
  pool.give(buffer);
  assert.throws(() => pool.give(buffer), {
    name: "RangeError",
    message: 'Cannot give buffer "test" back as it must be one that this pool has handed out',
  });
  return Promise.resolve();
});

gpuTest("BufferPool.take() throws when no buffer can be that large", (device) => {
  const pool = new BufferPool(withLimits(device, { maxBufferSize: 16 }));
  assert.throws(() => pool.take({ label: "test", size: 20, usage: GPUBufferUsage.STORAGE }), {
    name: "RangeError",
    message: 'Cannot create buffer "test" of 20 bytes on this device as maxBufferSize is 16: ' +
      "pass fewer tokens at a time",
  });
  return Promise.resolve();
});
