import { createHash } from "node:crypto";
import { type Lexicon, serializeLexicon, type TokenBytes } from "../sg/mod.ts";

/** What a planning mask was made with. Equal digests give equal masks for equal token ids. */
export interface MatcherProvenance {
  /** Name of the lexicon. */
  readonly lexicon: string;
  /** `sha256:` and the digest of the lexicon in its file format. */
  readonly "lexicon_digest": string;
  /** Number of ids of the tokenizer. */
  readonly "vocab_size": number;
  /** `sha256:` and the digest of the tokenizer's byte table. */
  readonly "tokenizer_digest": string;
}

/**
 * Says what a matcher is made of, for the files that are written with it.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import { matcherProvenance } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["wait"], { name: "mine" }), tokens);
 * assert.equal(matcherProvenance(matcher).vocab_size, 2);
 * ```
 *
 * @param matcher The matcher, or its lexicon and token bytes.
 * @returns Plain JSON.
 */
export function matcherProvenance(
  { lexicon, tokens }: { readonly lexicon: Lexicon; readonly tokens: TokenBytes },
): MatcherProvenance {
  const { offsets, bytes } = tokens;
  // Numbers as text: typed arrays have the byte order of the machine.
  const table = createHash("sha256").update(offsets.join(",")).update(bytes).digest("hex");
  return {
    lexicon: lexicon.name,
    "lexicon_digest": `sha256:${
      createHash("sha256").update(serializeLexicon(lexicon)).digest("hex")
    }`,
    "vocab_size": tokens.vocabSize,
    "tokenizer_digest": `sha256:${table}`,
  };
}
