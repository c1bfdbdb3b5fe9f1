/** How large the cases are: bytes of the largest array of one. */
export interface Scale {
  readonly bytes: number;
  /** Entries of the vocabulary. */
  readonly vocabSize: number;
}

/** A kernel on data that lies on the device. */
export interface PreparedCase {
  /** The size, in words. */
  readonly size: string;
  /** Bytes that must be read and written at least, once each. */
  readonly bytes: number;
  /** Appends one run. */
  encode(encoder: GPUCommandEncoder): void;
  /**
   * Compares results of the last run with the reference on the CPU.
   *
   * @returns What was compared, and the largest error.
   * @throws {Error} If one is off.
   */
  check(): Promise<string>;
  /** Frees the buffers. */
  destroy(): void;
}

/** A kernel to be checked and timed. */
export interface GpuCase {
  readonly name: string;
  prepare(device: GPUDevice, scale: Scale): Promise<PreparedCase>;
}
