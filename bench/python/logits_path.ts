import type { LogitDtype, Logits } from "../../kernels/mod.ts";
import { LogitStatsSession } from "../../kernels/onnx.ts";

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

/** Opens our path: onnxruntime, with a session for each vocabulary. */
export function openLogitsPath({ threads }: LogitsPathOptions): Promise<LogitsPath> {
  const sessions = new Map<string, Promise<LogitStatsSession>>();
  const run = async (dtype: LogitDtype, logits: Logits, ids: Int32Array) => {
    const vocabSize = logits.length / ids.length;
    const key = `${dtype} ${vocabSize}`;
    if (!sessions.has(key)) {
      sessions.set(key, LogitStatsSession.create({ vocabSize, dtype, threads }));
    }
    return await (await sessions.get(key)!).run(logits, ids);
  };
  return Promise.resolve({
    name: "hicra",
    float32: (logits, ids) => run("f32", logits, ids),
    bfloat16: (logits, ids) => run("bf16", logits, ids),
    async release() {
      for (const session of sessions.values()) await (await session).release();
    },
  });
}
