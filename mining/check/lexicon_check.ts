import type { GramKind } from "../../sg/mod.ts";

/** A gram that occurs in the checked texts. */
export interface CheckedGram {
  /** Its position in the lexicon. */
  readonly gramIndex: number;
  /** The phrase, as the lexicon has it. */
  readonly text: string;
  /** What it does, by the lexicon. */
  readonly kind: GramKind;
  /** Its spans. */
  readonly spans: number;
  /** Its part of all spans. */
  readonly share: number;
  /** The first span in its text, with what stands around it. */
  readonly example: string;
}

/** Words with which sentences begin that hold no match. */
export interface MissedOpening {
  /** Up to three words, as the matcher normalizes them. */
  readonly text: string;
  /** Such sentences. */
  readonly sentences: number;
  /** Solutions that hold one. */
  readonly solutions: number;
  /** The first such sentence, cut short. */
  readonly example: string;
}

/** What a lexicon finds in texts, as plain JSON. Shares are from 0 to 1; null is not known. */
export interface LexiconCheck {
  /** Name of the lexicon. */
  readonly lexicon: string;
  /** Number of texts. */
  readonly solutions: number;
  /** Number of prompts that they belong to. */
  readonly prompts: number;
  /** Number of their characters, code points. */
  readonly characters: number;
  /** Characters in matches over characters. */
  readonly share: number | null;
  /** Solutions without a match over solutions. */
  readonly unmatched: number | null;
  /** Leftmost-longest matches that do not overlap. */
  readonly spans: number;
  /** Spans of each kind. */
  readonly kinds: Readonly<Record<GramKind, number>>;
  /** Spans whose gram stood before in the same solution, over spans. */
  readonly repetition: number | null;
  /** Solutions that succeeded over those of which it is known. */
  readonly accuracy: number | null;
  /** The grams that occur, those with most spans first. */
  readonly grams: readonly CheckedGram[];
  /** The grams that have no span, in the order of the lexicon. */
  readonly absent: readonly string[];
  /** The most frequent openings of sentences without a match: what the lexicon may miss. */
  readonly missed: readonly MissedOpening[];
  /** What deserves attention, in plain words. */
  readonly warnings: readonly string[];
}

/** What a later check is compared with. */
export type EarlierCheck = Pick<LexiconCheck, "share" | "repetition" | "accuracy">;
