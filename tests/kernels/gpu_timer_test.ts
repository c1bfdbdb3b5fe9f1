import assert from "node:assert/strict";
import { GpuTimer, requestDevice } from "../../kernels/mod.ts";
import { gpuTest } from "./_device.ts";

gpuTest("GpuTimer.read() gives milliseconds of the work in between, again and again", async () => {
  const device = await requestDevice({ features: ["timestamp-query"] });
  if (!device.features.has("timestamp-query")) return device.destroy();
  const timer = new GpuTimer(device);
  const { COPY_SRC, COPY_DST } = GPUBufferUsage;
  const create = () => device.createBuffer({ size: 1 << 24, usage: COPY_SRC | COPY_DST });
  const [from, to] = [create(), create()];
  for (let round = 0; round < 2; round++) {
    const encoder = device.createCommandEncoder();
    timer.begin(encoder);
    encoder.copyBufferToBuffer(from, 0, to, 0, 1 << 24);
    timer.end(encoder);
    device.queue.submit([encoder.finish()]);
    const milliseconds = await timer.read();
    // 16 MiB take longer than a microsecond anywhere, and no test machine takes a minute.
    assert.ok(milliseconds > 1e-3 && milliseconds < 60_000, `${milliseconds}`);
  }
  timer.destroy();
  device.destroy();
});

gpuTest("new GpuTimer() throws when the device has no timestamps", (device) => {
  assert.throws(() => new GpuTimer(device), {
    name: "TypeError",
    message: "Cannot create a GPU timer as the device must have timestamps: ask for the feature " +
      '"timestamp-query" in requestDevice, where the adapter offers it',
  });
  return Promise.resolve();
});
