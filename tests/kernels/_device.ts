import { GpuUnavailableError, requestDevice } from "../../kernels/mod.ts";
import { isQuick } from "../_scope.ts";

const unavailable = isQuick ? "deno task test:gpu" : await whyUnavailable();
const expected = Deno.env.get("HICRA_EXPECT_GPU") === "1";
if (!isQuick && unavailable !== null && !expected) {
  console.warn(`GPU tests are skipped: ${unavailable}`);
}

let shared: Promise<GPUDevice> | undefined;

/**
 * Registers a test that gets a device. All tests of a file share one, which compiles each shader once, as
 * software adapters take seconds for it. Where none can be had the test is ignored, visibly; with HICRA_EXPECT_GPU=1
 * it fails. `deno task test` leaves it to `deno task test:gpu`.
 */
export function gpuTest(name: string, run: (device: GPUDevice) => Promise<void>): void {
  if (unavailable === null) {
    Deno.test(name, async () => {
      shared ??= requestDevice({ label: "hicra tests" }).then(compilingOnce);
      await run(await shared);
    });
  } else if (expected) {
    Deno.test(name, () => {
      throw new Error(`HICRA_EXPECT_GPU is 1: ${unavailable}`);
    });
  } else {
    Deno.test.ignore(`${name} (${isQuick ? unavailable : "no GPU device"})`, () => {});
  }
}

globalThis.addEventListener("unload", async () => (await shared)?.destroy());

/** The device with a memory for its shaders: the same text and constants are the same pipeline. */
function compilingOnce(device: GPUDevice): GPUDevice {
  const modules = new Map<string, GPUShaderModule>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const codes = new Map<GPUShaderModule, string>();
  const createModule = device.createShaderModule.bind(device);
  const createPipeline = device.createComputePipelineAsync.bind(device);
  device.createShaderModule = (descriptor) => {
    const { code } = descriptor;
    let module = modules.get(code);
    if (module === undefined) {
      module = createModule(descriptor);
      modules.set(code, module);
      codes.set(module, code);
    }
    return module;
  };
  device.createComputePipelineAsync = (descriptor) => {
    const { module, constants } = descriptor.compute;
    const key = JSON.stringify([codes.get(module), constants]);
    let pipeline = pipelines.get(key);
    if (pipeline === undefined) {
      pipeline = createPipeline(descriptor);
      pipelines.set(key, pipeline);
    }
    return pipeline;
  };
  return device;
}

/** The same device with other limits, so that small arrays meet them. */
export function withLimits(
  device: GPUDevice,
  limits: Partial<Record<keyof GPUSupportedLimits, number>>,
): GPUDevice {
  const {
    minStorageBufferOffsetAlignment,
    maxStorageBufferBindingSize,
    maxBufferSize,
    maxComputeWorkgroupsPerDimension,
  } = device.limits;
  const shown = {
    minStorageBufferOffsetAlignment,
    maxStorageBufferBindingSize,
    maxBufferSize,
    maxComputeWorkgroupsPerDimension,
    ...limits,
  };
  return new Proxy(device, {
    get(target, key): unknown {
      if (key === "limits") return shown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function whyUnavailable(): Promise<string | null> {
  try {
    (await requestDevice()).destroy();
    return null;
  } catch (error) {
    if (error instanceof GpuUnavailableError) return error.message;
    throw error;
  }
}
