import { InputRangeError } from "../batch/mod.ts";

/**
 * Runs `action` and throws the error that the device found in it. WebGPU reports errors on the side;
 * without a scope they only reach the console.
 *
 * `action` is synchronous on purpose: scopes are one stack per device, and an `await` inside would
 * let another caller's work fall into them.
 */
export async function captureErrors<T>(
  device: GPUDevice,
  label: string,
  action: () => T,
): Promise<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let result: T;
  let popped: Promise<GPUError | null>[];
  try {
    result = action();
  } finally {
    popped = [device.popErrorScope(), device.popErrorScope()];
  }
  const [invalid, outOfMemory] = await Promise.all(popped);
  if (outOfMemory) {
    throw new InputRangeError(
      `Cannot run "${label}" as its buffers must fit in GPU memory: ${outOfMemory.message}`,
      { cause: outOfMemory },
    );
  }
  if (invalid) {
    throw new Error(`Cannot run "${label}" as the device refused it: ${invalid.message}`, {
      cause: invalid,
    });
  }
  return result;
}
