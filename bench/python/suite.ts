import type { CheckedBatch } from "../../batch/mod.ts";
import type { Lexicon } from "../../sg/mod.ts";
import type { BenchTokenizer } from "../tokenizers.ts";
import type { Comparison } from "./comparison.ts";
import type { IdleMemory, MemoryUse } from "./memory.ts";
import type { Home, Sides } from "./sides.ts";

/** How a suite runs. */
export interface SuiteOptions {
  readonly sides: Sides;
  /** Rounds that count. */
  readonly rounds: number;
  /** What each kind of process takes before it does anything. */
  readonly idle: Readonly<Record<Home, IdleMemory>>;
  /** Which inputs; those of a quick run say nothing. */
  readonly size: "full" | "quick";
}

/** What suites that need rollouts run on. */
export interface SuiteInput {
  /** What `joinBatches` returns. */
  readonly batch: CheckedBatch;
  readonly tokenizer: BenchTokenizer;
  readonly lexicon: Lexicon;
}

/** What a suite measured. */
export interface SuiteResult {
  readonly comparisons: readonly Comparison[];
  readonly memory: readonly MemoryUse[];
}
