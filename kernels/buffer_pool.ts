import { InputRangeError } from "../batch/mod.ts";

/** What {@linkcode BufferPool.take} needs to know. */
export interface BufferRequest {
  /** Name of the buffer in error messages and profilers. */
  readonly label: string;
  /** Bytes that it must hold at least. */
  readonly size: number;
  /** `GPUBufferUsage` bits. */
  readonly usage: GPUBufferUsageFlags;
}

/**
 * Keeps buffers for reuse: creating one costs an allocation on the device and its clearing, at every
 * step of a loop, for sizes that hardly change.
 *
 * A buffer is handed out again for the same usage and for at least half its size; its old content is still
 * in it. The pool is the caller's, may serve several kernels, and frees everything with `destroy()`.
 *
 * @example Usage
 * ```ts
 * import { BufferPool } from "@hicra/hicra/kernels";
 *
 * function step(pool: BufferPool, bytes: number): void {
 *   const scratch = pool.take({ label: "scratch", size: bytes, usage: GPUBufferUsage.STORAGE });
 *   // ... encode and submit work that uses it
 *   pool.give(scratch); // the next step takes the same memory
 * }
 * ```
 */
export class BufferPool {
  /** The device that the buffers belong to. */
  readonly device: GPUDevice;
  readonly #free: GPUBuffer[] = [];
  readonly #taken = new Set<GPUBuffer>();

  /**
   * Creates an empty pool.
   *
   * @param device The device that the buffers belong to; stays the caller's.
   */
  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Bytes of all buffers of the pool, in use or free. */
  get bytes(): number {
    let bytes = 0;
    for (const { size } of this.#free) bytes += size;
    for (const { size } of this.#taken) bytes += size;
    return bytes;
  }

  /**
   * Hands out a buffer: the smallest free one that fits, or a new one.
   *
   * @param request Size and usage.
   * @returns A buffer of at least `request.size` bytes, with anything in it.
   * @throws {RangeError} If the device holds no buffer of that size.
   */
  take({ label, size, usage }: BufferRequest): GPUBuffer {
    const { maxBufferSize } = this.device.limits;
    if (size > maxBufferSize) {
      throw new InputRangeError(
        `Cannot create buffer "${label}" of ${size} bytes on this device as maxBufferSize is ` +
          `${maxBufferSize}: pass fewer tokens at a time`,
      );
    }
    let best = -1;
    for (const [index, buffer] of this.#free.entries()) {
      const fits = buffer.usage === usage && buffer.size >= size && buffer.size <= 2 * size;
      if (fits && (best === -1 || buffer.size < this.#free[best]!.size)) best = index;
    }
    const buffer = best === -1
      ? this.device.createBuffer({ label, size, usage })
      : this.#free.splice(best, 1)[0]!;
    this.#taken.add(buffer);
    return buffer;
  }

  /**
   * Takes a buffer back. Work that was submitted with it may still run: the queue keeps the order.
   *
   * @param buffer A buffer that this pool has handed out; not mapped.
   * @throws {RangeError} If it is not one, or was given back before.
   */
  give(buffer: GPUBuffer): void {
    if (!this.#taken.delete(buffer)) {
      throw new InputRangeError(
        `Cannot give buffer "${buffer.label}" back as it must be one that this pool has handed out`,
      );
    }
    this.#free.push(buffer);
  }

  /** Frees every buffer, those in use too. The pool can be used again. */
  destroy(): void {
    for (const buffer of this.#free) buffer.destroy();
    for (const buffer of this.#taken) buffer.destroy();
    this.#free.length = 0;
    this.#taken.clear();
  }
}
