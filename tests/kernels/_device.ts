import { GpuUnavailableError, requestDevice } from "../../kernels/mod.ts";

const unavailable = await whyUnavailable();
const expected = Deno.env.get("HICRA_EXPECT_GPU") === "1";
if (unavailable !== null && !expected) console.warn(`GPU tests are skipped: ${unavailable}`);

/**
 * Registers a test that gets a device, destroyed afterwards. Where none can be had the test is
 * ignored, visibly; with HICRA_EXPECT_GPU=1 it fails.
 */
export function gpuTest(name: string, run: (device: GPUDevice) => Promise<void>): void {
  if (unavailable === null) {
    Deno.test(name, async () => {
      const device = await requestDevice({ label: name });
      try {
        await run(device);
      } finally {
        device.destroy();
      }
    });
  } else if (expected) {
    Deno.test(name, () => {
      throw new Error(`HICRA_EXPECT_GPU is 1: ${unavailable}`);
    });
  } else {
    Deno.test.ignore(`${name} (no GPU device)`, () => {});
  }
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
