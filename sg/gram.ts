/**
 * What a strategic gram does in a solution. The paper's three kinds (section 2.1), and `other` for
 * phrases that frame or announce a step without being one of them.
 */
export type GramKind = "deduction" | "branching" | "backtracking" | "other";

/**
 * The kinds in the order of their codes: `GRAM_KINDS[code - 1]`. Code 0 means that a token belongs to
 * no gram.
 */
export const GRAM_KINDS: readonly GramKind[] = ["deduction", "branching", "backtracking", "other"];

/** One strategic gram. */
export interface Gram {
  /** The phrase, in any case and spacing; it is normalized before matching. */
  readonly text: string;
  /** What the phrase does; `other` when nobody said. */
  readonly kind: GramKind;
  /** How sure whoever gave the kind is of it, from 0 to 1; absent when nobody said. */
  readonly confidence?: number;
  /** Cluster of grams with one meaning; absent when the lexicon was not clustered. */
  readonly cluster?: number;
  /** Number of documents of the lexicon's corpus in which the gram matches. */
  readonly documentFrequency?: number;
  /** Number of matches in the lexicon's corpus, overlapping ones included. */
  readonly occurrences?: number;
  /** What a miner measured, by name, finite numbers only: the lexicon's provenance says how. */
  readonly statistics?: Readonly<Record<string, number>>;
  /** An excerpt of the lexicon's corpus in which the gram stands. */
  readonly example?: string;
  /** In a placebo lexicon: the gram that this one is the control of, and its counts. */
  readonly controlOf?: CountedGram;
}

/** The fields of a {@linkcode Gram}, in the order of the file format. */
export const GRAM_FIELDS: readonly (keyof Gram)[] = [
  "text",
  "kind",
  "confidence",
  "cluster",
  "documentFrequency",
  "occurrences",
  "statistics",
  "example",
  "controlOf",
];

/** A gram's text and how often it matches in a corpus. */
export interface CountedGram {
  /** The phrase. */
  readonly text: string;
  /** Number of documents in which it matches. */
  readonly documentFrequency: number;
  /** Number of matches, overlapping ones included. */
  readonly occurrences: number;
}
