/** Keeps the values used last, by key; the one unused for longest goes when there is no room. */
export class Shelf<T> {
  readonly #values = new Map<string, T>();

  /** @param size The most values kept. */
  constructor(readonly size: number) {}

  /** The keys, the one used last at the end. */
  get keys(): string[] {
    return [...this.#values.keys()];
  }

  /** The value of a key, which counts as a use of it. */
  get(key: string): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) this.put(key, value);
    return value;
  }

  /** Stores a value. */
  put(key: string, value: T): T {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.size) this.#values.delete(this.#values.keys().next().value!);
    return value;
  }
}
