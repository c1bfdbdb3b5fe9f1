import type { BufferPool } from "./buffer_pool.ts";
import { captureErrors } from "./_capture_errors.ts";

/** Anything that a kernel takes or returns as plain memory. */
export type Values = Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** A buffer whose first `bytes` bytes are to be read. */
export interface Output {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

/**
 * Runs one call on typed arrays: buffers from a pool, one readback for all outputs, everything given back
 * at the end whatever happens.
 *
 * @param pool Where buffers come from.
 * @param label Name of the work in error messages.
 * @param encode Uploads, encodes and returns what to read; synchronous, as an error scope is open.
 * @returns The bytes of each output, freshly allocated.
 */
export async function transfer<Name extends string>(
  pool: BufferPool,
  label: string,
  encode: (transfers: Transfers, encoder: GPUCommandEncoder) => Record<Name, Output>,
): Promise<Record<Name, ArrayBuffer>> {
  const { device } = pool;
  const transfers = new Transfers(pool, label);
  try {
    const { outputs, readback, total } = await captureErrors(device, label, () => {
      const encoder = device.createCommandEncoder({ label });
      const outputs = encode(transfers, encoder);
      const entries = Object.values<Output>(outputs);
      const total = entries.reduce((sum, { bytes }) => sum + wholeWords(bytes), 0);
      const readback = transfers.take("readback", total, READ_BACK());
      let at = 0;
      for (const { buffer, bytes } of entries) {
        encoder.copyBufferToBuffer(buffer, 0, readback, at, wholeWords(bytes));
        at += wholeWords(bytes);
      }
      device.queue.submit([encoder.finish()]);
      return { outputs, readback, total };
    });
    await readback.mapAsync(GPUMapMode.READ, 0, total);
    const mapped = readback.getMappedRange(0, total);
    let at = 0;
    const results = Object.entries<Output>(outputs).map(([name, { bytes }]) => {
      const copy = mapped.slice(at, at + bytes);
      at += wholeWords(bytes);
      return [name, copy] as const;
    });
    readback.unmap();
    return Object.fromEntries(results) as Record<Name, ArrayBuffer>;
  } finally {
    transfers.release();
  }
}

/** The buffers of one call. */
export class Transfers {
  readonly #pool: BufferPool;
  readonly #label: string;
  readonly #taken: GPUBuffer[] = [];

  constructor(pool: BufferPool, label: string) {
    this.#pool = pool;
    this.#label = label;
  }

  /** A buffer with the values in it. What lies behind them, up to its size, is anything. */
  upload(name: string, values: Values): GPUBuffer {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    return this.#write(this.take(name, values.byteLength, STORAGE | COPY_DST), values);
  }

  /** The same, for a kernel that writes over its input. */
  uploadInPlace(name: string, values: Values): GPUBuffer {
    return this.#write(this.output(name, values.byteLength), values);
  }

  #write(buffer: GPUBuffer, values: Values): GPUBuffer {
    const { queue } = this.#pool.device;
    const tail = values.byteLength % 4;
    const { buffer: memory, byteOffset } = values;
    const whole = values.byteLength - tail;
    if (whole > 0) queue.writeBuffer(buffer, 0, memory as ArrayBuffer, byteOffset, whole);
    if (tail > 0) {
      const last = new Uint8Array(4);
      last.set(new Uint8Array(memory, byteOffset + whole, tail));
      queue.writeBuffer(buffer, whole, last);
    }
    return buffer;
  }

  /** A buffer to write to; anything may be in it. */
  output(name: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return this.take(name, bytes, STORAGE | COPY_SRC | COPY_DST);
  }

  take(name: string, bytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#pool.take({
      label: `${this.#label} ${name}`,
      size: Math.max(16, wholeVectors(bytes)),
      usage,
    });
    this.#taken.push(buffer);
    return buffer;
  }

  release(): void {
    for (const buffer of this.#taken) {
      if (buffer.mapState !== "unmapped") buffer.unmap();
      this.#pool.give(buffer);
    }
    this.#taken.length = 0;
  }
}

/** Bytes of whole 32-bit words that hold `bytes` bytes: bindings and copies come in words. */
export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** Bytes of whole `vec4u` that hold `bytes` bytes: logits are read 16 bytes at a time. */
export function wholeVectors(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}

/** A function, as the constant does not exist where there is no WebGPU. */
function READ_BACK(): GPUBufferUsageFlags {
  return GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
}
