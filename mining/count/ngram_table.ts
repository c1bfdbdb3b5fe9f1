import type { GramUnit } from "../corpus/gram_unit.ts";

export type { GramUnit };

/**
 * The n-grams of a corpus and what was counted of each, a column a field; G grams, in the order of their
 * texts by UTF-16 units. An occurrence is a place where the words of the gram stand in one sentence;
 * occurrences may overlap.
 */
export interface NgramTable {
  /** What the n-grams are made of. */
  readonly unit: GramUnit;
  /** Prompts of the corpus. */
  readonly numPrompts: number;
  /** Solutions of the corpus. */
  readonly numSolutions: number;
  /** The least number of distinct prompts that every gram occurs in. */
  readonly minPrompts: number;
  /** The grams, as the matcher normalizes them, `[G]`. */
  readonly texts: readonly string[];
  /** Words of each gram, `[G]`. */
  readonly numWords: Uint8Array;
  /** Occurrences, `[G]`. */
  readonly occurrences: Uint32Array;
  /** Distinct solutions that hold the gram, `[G]`. */
  readonly solutions: Uint32Array;
  /** The prompts of gram g are `promptIndices[promptOffsets[g] .. promptOffsets[g + 1])`, `[G + 1]`. */
  readonly promptOffsets: Float64Array;
  /** Prompts, numbered as they first appear in the corpus, ascending within a gram. */
  readonly promptIndices: Uint32Array;
  /** Occurrences that begin their sentence, `[G]`. */
  readonly sentenceStarts: Uint32Array;
  /** Occurrences that begin their paragraph, `[G]`. */
  readonly paragraphStarts: Uint32Array;
  /** Occurrences in sentences that hold mathematics or code, `[G]`. */
  readonly mathSentences: Uint32Array;
  /** Occurrences with mathematics or code right after them, `[G]`. */
  readonly followedByMath: Uint32Array;
  /**
   * Up to four sentences, each of another solution, where the gram stands, cut to 160 characters around
   * it; drawn by a hash of gram, prompt and place, so always the same, `[G]`.
   */
  readonly examples: readonly (readonly string[])[];
}
