import { ShaderError } from "./shader_error.ts";

/** A compute shader whose entry point is `main`. */
export interface ComputeShader {
  readonly label: string;
  readonly code: string;
  /** Values of the `override` declarations, by name. */
  readonly constants?: Record<string, number>;
}

/** Compiles a compute pipeline; a refusal of the compiler becomes a `ShaderError`. */
export async function compilePipeline(
  device: GPUDevice,
  { label, code, constants = {} }: ComputeShader,
): Promise<GPUComputePipeline> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code });
  const invalid = await device.popErrorScope();
  if (invalid !== null) {
    const { messages } = await module.getCompilationInfo();
    const texts = messages.map(({ lineNum, linePos, type, message }) =>
      `${lineNum}:${linePos} ${type}: ${message.trim()}`
    );
    throw new ShaderError(label, texts.length > 0 ? texts : [invalid.message], { cause: invalid });
  }
  try {
    return await device.createComputePipelineAsync({
      label,
      layout: "auto",
      compute: { module, entryPoint: "main", constants },
    });
  } catch (cause) {
    throw new ShaderError(label, [(cause as Error).message], { cause });
  }
}
