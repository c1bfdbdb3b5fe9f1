/** Bounds the bytes that are held at once: whoever does not fit waits, first come first served. */
export class ByteBudget {
  #free: number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];

  /** @param limit The most bytes held at once. */
  constructor(readonly limit: number) {
    this.#free = limit;
  }

  /**
   * Waits for `bytes`, which must not exceed the limit.
   *
   * @returns A function that gives them back.
   */
  async take(bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || bytes > this.#free) {
      await new Promise<void>((admit) => this.#waiting.push({ bytes, admit }));
    } else {
      this.#free -= bytes;
    }
    return () => {
      this.#free += bytes;
      while (this.#waiting.length > 0 && this.#waiting[0]!.bytes <= this.#free) {
        const next = this.#waiting.shift()!;
        this.#free -= next.bytes;
        next.admit();
      }
    };
  }
}
