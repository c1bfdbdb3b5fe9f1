import { BufferPool } from "../../kernels/mod.ts";

/** Buffers of a case: made, filled on the device, and read back in parts. */
export class DeviceArrays {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pool = new BufferPool(device);
  }

  /** A buffer with nothing in it. */
  empty(label: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const size = Math.ceil(bytes / 16) * 16;
    return this.#pool.take({ label, size, usage: STORAGE | COPY_SRC | COPY_DST });
  }

  /** A buffer with values of ours. */
  of(label: string, values: Float32Array | Int32Array | Uint32Array | Uint8Array): GPUBuffer {
    const buffer = this.empty(label, values.byteLength);
    const bytes = new Uint8Array(Math.ceil(values.byteLength / 4) * 4);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.#device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  }

  /** A buffer that repeats values of ours to a size. */
  repeated(label: string, bytes: number, values: Uint32Array): GPUBuffer {
    const buffer = this.empty(label, bytes);
    for (let offset = 0; offset < buffer.size; offset += values.byteLength) {
      const words = Math.min(values.length, (buffer.size - offset) / 4);
      this.#device.queue.writeBuffer(buffer, offset, values as Uint32Array<ArrayBuffer>, 0, words);
    }
    return buffer;
  }

  /** The bytes `[from, from + length)`, widened to whole words. */
  async read(buffer: GPUBuffer, from: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const start = Math.floor(from / 4) * 4;
    const size = Math.ceil((from + length - start) / 4) * 4;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const readback = this.#device.createBuffer({ label: "read", size, usage });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, start, readback, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await readback.mapAsync(GPUMapMode.READ);
    const bytes = new Uint8Array(readback.getMappedRange().slice(0));
    readback.destroy();
    return bytes.slice(from - start, from - start + length);
  }

  destroy(): void {
    this.#pool.destroy();
  }
}
