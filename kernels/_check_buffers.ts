/** A buffer of the caller's and the bytes that it must hold. */
export interface NeededBuffer {
  readonly buffer: GPUBuffer | undefined;
  readonly bytes: number;
}

/**
 * Checks the buffers of one run, by name: that they are there and large enough, and that none that is
 * written is also another.
 */
export function checkBuffers(
  numTokens: number,
  inputs: Readonly<Record<string, NeededBuffer>>,
  outputs: Readonly<Record<string, NeededBuffer>>,
): void {
  if (!Number.isInteger(numTokens) || numTokens < 0) {
    throw new RangeError(
      `Cannot encode as numTokens must be a non-negative integer: current value is ${numTokens}`,
    );
  }
  const all = Object.entries({ ...inputs, ...outputs });
  for (const [name, { buffer, bytes }] of all) {
    if (buffer === undefined) {
      throw new TypeError(
        `Cannot encode as buffers.${name} must be a GPUBuffer: current value is undefined`,
      );
    }
    if (buffer.size < bytes) {
      throw new RangeError(
        `Cannot encode ${numTokens} tokens as buffers.${name} must hold ${bytes} bytes: ` +
          `current size is ${buffer.size}`,
      );
    }
  }
  for (const [output, { buffer: written }] of Object.entries(outputs)) {
    for (const [name, { buffer }] of all) {
      if (name !== output && buffer === written) {
        throw new RangeError(
          `Cannot encode as buffers.${output} must not be another buffer: it is also ` +
            `buffers.${name}, WebGPU does not write a buffer that a pass also reads`,
        );
      }
    }
  }
}
