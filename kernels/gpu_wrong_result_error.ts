/** Thrown where a device computes something else than the CPU does; says which driver, and what to do. */
export class GpuWrongResultError extends Error {
  /** Always `"GpuWrongResultError"`. */
  override readonly name: "GpuWrongResultError" = "GpuWrongResultError";
  /** What a program tells it apart by. */
  readonly code: "gpu_wrong_result" = "gpu_wrong_result";
  /** Name of the kernel's class. */
  readonly kernel: string;
  /** The driver, as far as the device tells. */
  readonly adapter: string;

  /**
   * Creates the error.
   *
   * @param message What cannot be done, by which rule, the value that is wrong, and the way out.
   * @param where The kernel and the driver.
   */
  constructor(
    message: string,
    { kernel, adapter }: { readonly kernel: string; readonly adapter: string },
  ) {
    super(message);
    this.kernel = kernel;
    this.adapter = adapter;
  }
}
