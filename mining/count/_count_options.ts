import type { GramUnit } from "../corpus/gram_unit.ts";
import type { NgramProgress } from "./ngram_progress.ts";

/** What {@linkcode countCorpus} and its passes are told. */
export interface CountCorpusOptions {
  readonly unit: GramUnit;
  readonly minWords: number;
  readonly maxWords: number;
  readonly minPrompts: number;
  readonly memoryBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: NgramProgress) => void) | undefined;
  /** Bits of the hashes that are used: all, but in a test of what collisions do. */
  readonly hashMask?: number;
}

/** Prefix hashes from the first to below the second: the n-grams that are looked at together. */
export type PrefixRange = readonly [from: number, to: number];
