/** Options of {@linkcode Embedder.embed}. */
export interface EmbedOptions {
  /** Stops the work between batches; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the texts done and the texts in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Turns texts into vectors whose cosines say how alike the texts are. */
export interface Embedder {
  /** Short name, for reports. */
  readonly name: string;
  /**
   * `sha256:` and 64 hexadecimal digits over all that the vectors depend on: model, tokenizer or
   * vocabulary, and options.
   */
  readonly digest: string;
  /** Numbers in a vector. */
  readonly dimensions: number;
  /**
   * Embeds texts. The vector of a text does not depend on the other texts, unless the maker of the
   * embedder says otherwise.
   *
   * @returns The vectors, [texts x dimensions], in the order of the texts; every row has norm 1.
   */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array>;
  /** Frees the model; the embedder cannot be used afterwards. */
  release(): Promise<void>;
}
