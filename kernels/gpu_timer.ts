import { InputTypeError } from "../batch/mod.ts";

/**
 * Measures how long the GPU works, by timestamp queries: without the time to encode, submit and read back.
 *
 * The device must have the feature `"timestamp-query"`. Between `begin` and `end` any number of passes may
 * be encoded. Browsers round timestamps to 0.1 ms, so many runs belong between the two.
 *
 * @example Usage
 * ```ts
 * import { type CreditBuffers, type CreditKernel, GpuTimer } from "@hicra/hicra/kernels";
 *
 * async function milliseconds(
 *   device: GPUDevice,
 *   kernel: CreditKernel,
 *   buffers: CreditBuffers,
 * ): Promise<number> {
 *   const timer = new GpuTimer(device);
 *   const encoder = device.createCommandEncoder();
 *   timer.begin(encoder);
 *   kernel.encode(encoder, buffers, { numSequences: 8, numTokens: 1000 });
 *   timer.end(encoder);
 *   device.queue.submit([encoder.finish()]);
 *   const elapsed = await timer.read();
 *   timer.destroy();
 *   return elapsed;
 * }
 * ```
 */
export class GpuTimer {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;

  /**
   * Creates a timer.
   *
   * @param device A device with the feature `"timestamp-query"`.
   * @throws {TypeError} If the device has no timestamps.
   */
  constructor(device: GPUDevice) {
    if (!device.features.has("timestamp-query")) {
      throw new InputTypeError(
        "Cannot create a GPU timer as the device must have timestamps: ask for the feature " +
          '"timestamp-query" in requestDevice, where the adapter offers it',
      );
    }
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const label = "hicra timer";
    this.#queries = device.createQuerySet({ label, type: "timestamp", count: 2 });
    this.#resolved = device.createBuffer({ label, size: 16, usage: QUERY_RESOLVE | COPY_SRC });
    this.#readback = device.createBuffer({ label, size: 16, usage: COPY_DST | MAP_READ });
  }

  /**
   * Marks the begin: after all that was encoded or submitted before.
   *
   * @param encoder The encoder of the work.
   */
  begin(encoder: GPUCommandEncoder): void {
    this.#mark(encoder, 0);
  }

  /**
   * Marks the end: after all that was encoded before.
   *
   * @param encoder The encoder of the work.
   */
  end(encoder: GPUCommandEncoder): void {
    this.#mark(encoder, 1);
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, 16);
  }

  /**
   * Waits for the work and returns its time.
   *
   * @returns Milliseconds from begin to end.
   */
  async read(): Promise<number> {
    await this.#readback.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(this.#readback.getMappedRange());
    const nanoseconds = Number(end! - begin!);
    this.#readback.unmap();
    return nanoseconds / 1e6;
  }

  /** Frees the queries and buffers. */
  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }

  /** An empty pass: its timestamp is taken when all before it is done. */
  #mark(encoder: GPUCommandEncoder, index: number): void {
    encoder.beginComputePass({
      label: "hicra timer",
      timestampWrites: { querySet: this.#queries, endOfPassWriteIndex: index },
    }).end();
  }
}
