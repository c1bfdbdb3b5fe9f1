import type { PlanningTokens } from "../batch/mod.ts";

/** What a token of a stream is, where it is not simply trained text of one message. */
export interface StreamTokenOptions {
  /** 1 if the token is sampled by the policy and trained on, 0 if it breaks a phrase; 1 by default. */
  readonly lossMask?: number;
  /** Message or turn; a change breaks a phrase. 0 by default. */
  readonly segmentId?: number;
}

/**
 * Matches strategic grams on one sequence while its tokens arrive.
 *
 * Whether a token is planning may depend on the tokens after it, so each token is decided a little
 * later than it is pushed, at the latest by `end`. The result agrees token for token
 * with `SgMatcher.match` on the whole sequence. Made by `SgMatcher.stream`.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, "Ġno": 2 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const stream = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens).stream();
 * stream.push(0);
 * assert.equal(stream.decided, 0); // "but wait" may still come
 * stream.push(1);
 * stream.push(2);
 * assert.equal(stream.decided, 3);
 * assert.deepEqual(stream.end().planningMask, Uint8Array.of(1, 1, 0));
 * ```
 */
export interface SgStream {
  /**
   * Reads the next token.
   *
   * @param tokenId Id of the token.
   * @param options Its loss mask and segment.
   * @throws {RangeError} If a trained token's id is outside the vocabulary.
   * @throws {TypeError} If the stream has ended.
   */
  push(tokenId: number, options?: StreamTokenOptions): void;

  /** Number of tokens pushed. */
  readonly length: number;

  /** Number of leading tokens whose planning bit can no longer change. */
  readonly decided: number;

  /**
   * Whether a token is planning, as far as is known; final for tokens below `decided`.
   *
   * @param index Position of the token in the stream.
   * @returns Whether it spells part of a strategic gram.
   */
  isPlanning(index: number): boolean;

  /**
   * Ends the sequence, which decides every token.
   *
   * @returns Mask, kinds and spans of the whole sequence, freshly allocated.
   */
  end(): Required<PlanningTokens>;
}
