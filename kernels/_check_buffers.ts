import { InputRangeError, InputTypeError } from "../batch/mod.ts";

/** A buffer of the caller's, and what a run does with it. */
export interface NeededBuffer {
  readonly buffer: GPUBuffer | undefined;
  /** Bytes that it must hold. */
  readonly bytes: number;
  /** Whether it is written; then it must be a buffer of its own. */
  readonly written?: boolean;
}

/** Buffers by their names in the kernel's interface. */
export type NeededBuffers = Readonly<Record<string, NeededBuffer>>;

/** Checks a number of tokens, sequences or rows. */
export function checkSize(name: string, size: number): void {
  if (Number.isInteger(size) && size >= 0) return;
  throw new InputRangeError(
    `Cannot encode as ${name} must be a non-negative integer: current value is ${size}`,
  );
}

/**
 * Checks the buffers of one run: that they are there and large enough, that none that is written is also
 * another, and that each fits a binding where it is bound as a whole.
 *
 * @param bindingBytes `maxStorageBufferBindingSize`, where buffers are bound whole.
 */
export function checkBuffers(needed: NeededBuffers, bindingBytes: number = Infinity): void {
  for (const [name, { buffer, bytes, written }] of Object.entries(needed)) {
    if (buffer === undefined) {
      throw new InputTypeError(
        `Cannot encode as buffers.${name} must be a GPUBuffer: current value is undefined`,
      );
    }
    if (buffer.size < bytes) {
      throw new InputRangeError(
        `Cannot encode as buffers.${name} must hold ${bytes} bytes: current size is ${buffer.size}`,
      );
    }
    if (bytes > bindingBytes) {
      throw new InputRangeError(
        `Cannot encode as buffers.${name} must be bound whole, ${bytes} bytes: ` +
          `maxStorageBufferBindingSize is ${bindingBytes}, pass less at a time`,
      );
    }
    if (!written) continue;
    for (const [other, { buffer: otherBuffer }] of Object.entries(needed)) {
      if (other === name || otherBuffer !== buffer) continue;
      throw new InputRangeError(
        `Cannot encode as buffers.${name} must be a buffer of its own: it is also buffers.${other}, ` +
          `WebGPU does not read and write one buffer in a pass`,
      );
    }
  }
}
