import { InputTypeError } from "../batch/mod.ts";

/** The package onnxruntime-node. */
export type OnnxRuntime = typeof import("npm:onnxruntime-node@1.30.0");
export type { InferenceSession, Tensor } from "npm:onnxruntime-node@1.30.0";

/**
 * Loads onnxruntime, which is an optional package: its 290 MB are only for who embeds, clusters or computes
 * logit statistics on a CPU.
 *
 * @throws {TypeError} If it is not installed, or does not load.
 */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  try {
    return await import("npm:onnxruntime-node@1.30.0");
  } catch (error) {
    // Hints of the runtime follow on further lines.
    const [reason] = (error as Error).message.split("\n");
    throw new InputTypeError(
      "Cannot load onnxruntime as the optional package onnxruntime-node must be installed: " +
        `${reason}; run "npm install onnxruntime-node", or ` +
        `"deno add npm:onnxruntime-node"`,
      { code: "missing_package", cause: error },
    );
  }
}
