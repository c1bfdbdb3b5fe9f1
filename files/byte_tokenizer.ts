import type { Tokenizer } from "./load_tokenizer.ts";

/**
 * Returns a tokenizer whose tokens are the 256 bytes, to look at text when its own tokenizer is not at
 * hand. Phrases are found as by any tokenizer; shares and counts are those of bytes, not of tokens.
 *
 * @example Usage
 * ```ts
 * import { byteTokenizer } from "@hicra/hicra/files";
 * import { builtInLexicon, SgMatcher } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const { tokens, encode } = byteTokenizer();
 * const tokenIds = encode("Wait, 1 < 2.");
 * const { spans } = SgMatcher.compile(builtInLexicon("paper")!, tokens).match({
 *   offsets: Int32Array.of(0, tokenIds.length),
 *   lossMask: new Uint8Array(tokenIds.length).fill(1),
 *   tokenIds,
 * });
 * assert.deepEqual(spans.subarray(0, 2), Int32Array.of(0, "Wait".length));
 * ```
 *
 * @returns Byte table and encoder.
 */
export function byteTokenizer(): Tokenizer {
  return {
    tokens: {
      model: "byte-level",
      vocabSize: 256,
      bytes: Uint8Array.from({ length: 256 }, (_, byte) => byte),
      offsets: Int32Array.from({ length: 257 }, (_, id) => id),
      special: new Uint8Array(256),
    },
    encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
  };
}
