/** What is computed for each token. */
export interface TokenStatistics {
  /** `[tokens]`, log-probability of the token, nats. */
  readonly logprobs: Float32Array;
  /** `[tokens]`, entropy of its distribution, nats. */
  readonly entropies: Float32Array;
}

/**
 * Computes them from logits.
 *
 * @param logits `[tokens, vocabulary]`, row by row; bfloat16 as its bits.
 * @param tokenIds `[tokens]`.
 */
export type LogitsFunction<Logits> = (
  logits: Logits,
  tokenIds: Int32Array,
) => Promise<TokenStatistics>;

/** Our way from logits on the CPU, set up for a number of threads. */
export interface LogitsPath {
  /** What tables call it. */
  readonly name: string;
  readonly float32: LogitsFunction<Float32Array>;
  /** Left out where it takes float32 only. */
  readonly bfloat16?: LogitsFunction<Uint16Array>;
  release(): Promise<void>;
}

/** Options of {@linkcode openLogitsPath}. */
export interface LogitsPathOptions {
  /** Threads that it may use, as many as the Python side. */
  readonly threads: number;
}

/**
 * Opens our path; undefined while there is none: Python is then timed alone.
 */
export const openLogitsPath:
  | ((options: LogitsPathOptions) => Promise<LogitsPath>)
  | undefined = undefined;
