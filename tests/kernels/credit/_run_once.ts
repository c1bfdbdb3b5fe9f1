import { type CreditBatch, CreditKernel, type CreditOptions } from "../../../kernels/mod.ts";

/** Compiles a kernel and runs it on a batch. */
export async function runOnce(
  device: GPUDevice,
  batch: CreditBatch,
  options: CreditOptions = {},
): Promise<Float32Array> {
  const kernel = await CreditKernel.compile(device, options);
  try {
    return await kernel.run(batch);
  } finally {
    kernel.destroy();
  }
}
