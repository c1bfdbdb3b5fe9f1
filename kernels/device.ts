/** Features that some kernels use to be faster. Every kernel also has a path without them. */
export type DeviceFeature = "timestamp-query" | "shader-f16" | "subgroups";

/** Options of {@linkcode requestDevice}. */
export interface DeviceOptions {
  /** Name of the device in error messages and profilers; `"hicra"` when left out. */
  readonly label?: string;
  /** Which adapter to prefer where there are several; `"high-performance"` when left out. */
  readonly powerPreference?: GPUPowerPreference;
  /**
   * Features to ask for where the adapter offers them; none when left out. `device.features` says
   * which were granted.
   */
  readonly features?: readonly DeviceFeature[];
  /**
   * Called once if the device is lost: driver reset, adapter unplugged. Not called when the caller
   * destroys the device. Buffers and kernels of a lost device are of no use any more.
   */
  readonly onLost?: (info: GPUDeviceLostInfo) => void;
  /**
   * Where to ask; `navigator.gpu` when left out. Node.js has none: there the npm package `webgpu`
   * gives one, and the constants (`GPUBufferUsage` ...) to put on `globalThis`.
   */
  readonly gpu?: Pick<GPU, "requestAdapter">;
}

/** Thrown by {@linkcode requestDevice} where no WebGPU device can be had; says what to do. */
export class GpuUnavailableError extends Error {
  /** Always `"GpuUnavailableError"`. */
  override readonly name: "GpuUnavailableError" = "GpuUnavailableError";
}

/**
 * Requests a WebGPU device with the adapter's own limits for `maxBufferSize` and
 * `maxStorageBufferBindingSize`, as the default of 128 MiB a binding holds 220 rows of f32 logits
 * of a 152 k vocabulary.
 *
 * The device is the caller's: `device.destroy()` frees it. There is no fallback. A software adapter
 * counts as a device, and `device.adapterInfo.isFallbackAdapter` tells it from hardware.
 *
 * @example Usage
 * ```ts
 * import { GpuUnavailableError, requestDevice } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * try {
 *   const device = await requestDevice({ onLost: ({ message }) => console.error(message) });
 *   assert.ok(device.limits.maxStorageBufferBindingSize >= 128 * 2 ** 20);
 *   device.destroy();
 * } catch (error) {
 *   if (!(error instanceof GpuUnavailableError)) throw error;
 *   console.error(error.message); // going on without a GPU is the caller's decision
 * }
 * ```
 *
 * @param options What to ask for.
 * @returns A device that the caller must destroy.
 * @throws {GpuUnavailableError} If the runtime has no WebGPU, no adapter is found, or the adapter
 * gives no device.
 */
export async function requestDevice(options: DeviceOptions = {}): Promise<GPUDevice> {
  const {
    label = "hicra",
    powerPreference = "high-performance",
    features = [],
    onLost,
    // Deno's types promise `navigator.gpu`; other runtimes do not keep the promise.
    gpu = globalThis.navigator?.gpu as GPU | undefined,
  } = options;
  if (gpu === undefined) {
    throw new GpuUnavailableError(
      "Cannot request a GPU device as this runtime has no navigator.gpu: use Deno 2.9 or later, " +
        'a browser with WebGPU, or the npm package "webgpu" on Node.js, passed as options.gpu',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) {
    throw new GpuUnavailableError(
      "Cannot request a GPU device as no adapter was found: install the GPU's Vulkan driver, or " +
        "a software adapter (Debian: libvulkan1 and mesa-vulkan-drivers); browsers may need a " +
        "secure context or a flag (Chrome on Linux: --enable-unsafe-webgpu)",
    );
  }
  const device = await acquire(adapter, {
    label,
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize: adapter.limits.maxBufferSize,
      maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
    },
  });
  if (onLost !== undefined) {
    device.lost.then((info) => {
      if (info.reason !== "destroyed") onLost(info);
    });
  }
  return device;
}

async function acquire(adapter: GPUAdapter, descriptor: GPUDeviceDescriptor): Promise<GPUDevice> {
  try {
    const device = await adapter.requestDevice(descriptor);
    // Deno 2.9 keeps what is read once, and ends the process where it is read first after the adapter is collected.
    void device.adapterInfo;
    return device;
  } catch (cause) {
    const { description } = adapter.info;
    throw new GpuUnavailableError(
      `Cannot request a GPU device as adapter "${description}" refused: ${cause}`,
      { cause },
    );
  }
}
