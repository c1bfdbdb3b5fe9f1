import assert from "node:assert/strict";
import { GpuUnavailableError, requestDevice, ShaderError } from "../../kernels/mod.ts";
import { captureErrors } from "../../kernels/_capture_errors.ts";
import { compilePipeline } from "../../kernels/_compile_pipeline.ts";
import { gpuTest } from "./_device.ts";

const LIMITS = {
  maxBufferSize: 1_000,
  maxStorageBufferBindingSize: 500,
};

/** An adapter that records what it is asked for and gives a device lost for `lostReason`. */
function fakeGpu(lostReason: "unknown" | "destroyed"): {
  gpu: Pick<GPU, "requestAdapter">;
  asked: GPUDeviceDescriptor[];
  lost: Promise<GPUDeviceLostInfo>;
} {
  const asked: GPUDeviceDescriptor[] = [];
  const lost = Promise.resolve(
    // Deno's types know only "destroyed".
    { reason: lostReason as "destroyed", message: "driver reset" } as GPUDeviceLostInfo,
  );
  const adapter = {
    features: new Set(["shader-f16", "depth-clip-control"]),
    limits: LIMITS,
    requestDevice: (descriptor: GPUDeviceDescriptor) => {
      asked.push(descriptor);
      return Promise.resolve({ lost } as GPUDevice);
    },
  };
  const gpu = { requestAdapter: () => Promise.resolve(adapter as unknown as GPUAdapter) };
  return { gpu, asked, lost };
}

Deno.test("requestDevice() asks for the adapter's limits and the offered features", async () => {
  const { gpu, asked } = fakeGpu("unknown");
  await requestDevice({ gpu, features: ["subgroups", "shader-f16"] });
  assert.deepEqual(asked, [{
    label: "hicra",
    requiredFeatures: ["shader-f16"],
    requiredLimits: LIMITS,
  }]);
});

Deno.test("requestDevice() reports a lost device but not a destroyed one", async () => {
  for (const [reason, calls] of [["unknown", 1], ["destroyed", 0]] as const) {
    const { gpu, lost } = fakeGpu(reason);
    const messages: string[] = [];
    await requestDevice({ gpu, onLost: ({ message }) => messages.push(message) });
    await lost;
    assert.equal(messages.length, calls, reason);
  }
});

Deno.test("requestDevice() throws when the runtime has no WebGPU", async () => {
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  try {
    await assert.rejects(requestDevice(), (error) => {
      assert.ok(error instanceof GpuUnavailableError);
      assert.match(error.message, /as this runtime has no navigator\.gpu: use Deno 2\.9/);
      return true;
    });
  } finally {
    Reflect.deleteProperty(navigator, "gpu");
  }
});

Deno.test("requestDevice() throws when there is no adapter and says what to install", async () => {
  const gpu = { requestAdapter: () => Promise.resolve(null) };
  await assert.rejects(requestDevice({ gpu }), {
    name: "GpuUnavailableError",
    message: /as no adapter was found: .*mesa-vulkan-drivers/,
  });
});

Deno.test("requestDevice() throws when the adapter refuses, with the cause", async () => {
  const cause = new TypeError("limit too high");
  const adapter = {
    features: new Set(),
    limits: {},
    info: { description: "toy" },
    requestDevice: () => Promise.reject(cause),
  };
  const gpu = { requestAdapter: () => Promise.resolve(adapter as unknown as GPUAdapter) };
  await assert.rejects(requestDevice({ gpu }), {
    name: "GpuUnavailableError",
    message: 'Cannot request a GPU device as adapter "toy" refused: TypeError: limit too high',
    cause,
  });
});

gpuTest("requestDevice() gives a device with the adapter's limits", async () => {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const device = await requestDevice({ features: ["timestamp-query"] });
  assert.equal(device.label, "hicra");
  assert.equal(device.limits.maxBufferSize, adapter!.limits.maxBufferSize);
  assert.equal(
    device.limits.maxStorageBufferBindingSize,
    adapter!.limits.maxStorageBufferBindingSize,
  );
  assert.equal(
    device.features.has("timestamp-query"),
    adapter!.features.has("timestamp-query"),
  );
  device.destroy();
});

gpuTest("compilePipeline() throws what the compiler said and where", async (device) => {
  const code = "@compute @workgroup_size(1)\nfn main() { let x: f32 = 1u; }";
  await assert.rejects(compilePipeline(device, { label: "broken", code }), (error) => {
    assert.ok(error instanceof ShaderError);
    assert.equal(error.label, "broken");
    assert.equal(error.compilerMessages.length, 1);
    assert.match(error.compilerMessages[0]!, /^2:\d+ error: /);
    assert.match(error.message, /^Cannot compile shader "broken" as .* refused it: 2:/);
    return true;
  });
});

gpuTest("compilePipeline() throws when the shader has no entry point main", async (device) => {
  const code = "@compute @workgroup_size(1) fn other() {}";
  await assert.rejects(compilePipeline(device, { label: "headless", code }), {
    name: "ShaderError",
    message: /"headless".*main/s,
  });
});

gpuTest(
  "captureErrors() throws what the device found, and leaves no scope behind",
  async (device) => {
    const tooBig = device.limits.maxBufferSize + 4;
    const create = () => device.createBuffer({ size: tooBig, usage: GPUBufferUsage.STORAGE });
    await assert.rejects(captureErrors(device, "toy", create), {
      message: /^Cannot run "toy" as the device refused it: /,
    });
    const thrown = () => {
      throw new RangeError("mine");
    };
    await assert.rejects(captureErrors(device, "toy", thrown), { message: "mine" });
    assert.equal(await captureErrors(device, "toy", () => 7), 7);
    await assert.rejects(device.popErrorScope());
  },
);

Deno.test("captureErrors() throws a RangeError when GPU memory runs out", async () => {
  const scopes: string[] = [];
  const full = {
    pushErrorScope: (filter: string) => scopes.push(filter),
    popErrorScope: () =>
      Promise.resolve(scopes.pop() === "out-of-memory" ? { message: "no room" } : null),
  } as unknown as GPUDevice;
  await assert.rejects(captureErrors(full, "toy", () => {}), {
    name: "RangeError",
    message: 'Cannot run "toy" as its buffers must fit in GPU memory: no room',
  });
});
