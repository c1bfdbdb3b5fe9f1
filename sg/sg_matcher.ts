import { type Batch, forEachRun, InputTypeError, type PlanningTokens } from "../batch/mod.ts";
import { type Automaton, buildAutomaton } from "./_automaton.ts";
import { MatchCollector } from "./_match_collector.ts";
import { type PhraseTables, phraseTables } from "./phrase_tables.ts";
import { positionStride, TokenAutomaton } from "./_scanner.ts";
import { GRAM_KINDS } from "./gram.ts";
import { checkLexiconSize, type Lexicon } from "./lexicon.ts";
import type { SgStream } from "./sg_stream.ts";
import { TokenStream } from "./_token_stream.ts";
import type { TokenBytes } from "./token_bytes.ts";

/**
 * Finds the strategic grams of a lexicon in token ids, exactly and without decoding them.
 *
 * A gram matches where its normalized text occurs in the text that the token bytes spell, at word
 * boundaries; a token is planning if it spells any byte of any match (paper, section 2.1). Case,
 * typographic quotes and runs of white space are folded; a phrase never crosses a zero of
 * `lossMask`, a change of `segmentIds` or the end of a sequence; a token may hold parts of several
 * words and a character may be spread over tokens.
 *
 * The automaton of the lexicon is lifted from characters to tokens when it is compiled: the common
 * token costs one table look-up, whatever the number of grams. Compiling takes time proportional to
 * the vocabulary and the lexicon, and 12 bytes a token of the vocabulary; matching is linear in the
 * tokens. A matcher may be used for any number of batches, from one thread.
 *
 * @example Usage
 * ```ts
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2, "Ġno": 3 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
 * const { planningMask, spans } = matcher.match({
 *   offsets: Int32Array.of(0, 4),
 *   tokenIds: Int32Array.of(0, 1, 2, 3),
 *   lossMask: Uint8Array.of(1, 1, 1, 1),
 * });
 * assert.deepEqual(planningMask, Uint8Array.of(1, 1, 0, 0));
 * assert.deepEqual(spans, Int32Array.of(0, 2, 0)); // tokens [0, 2) spell gram 0
 * ```
 */
export class SgMatcher {
  /** The lexicon; `gramIndex` counts in its `grams`. */
  readonly lexicon: Lexicon;
  /** The bytes that each token id spells. */
  readonly tokens: TokenBytes;
  readonly #characters: Automaton;
  readonly #automaton: TokenAutomaton;
  readonly #kindOfGram: Uint8Array;

  private constructor(lexicon: Lexicon, tokens: TokenBytes) {
    this.lexicon = lexicon;
    this.tokens = tokens;
    this.#characters = buildAutomaton(lexicon.grams.map(({ text }) => text));
    this.#automaton = new TokenAutomaton(this.#characters, tokens);
    this.#kindOfGram = Uint8Array.from(lexicon.grams, ({ kind }) => GRAM_KINDS.indexOf(kind) + 1);
  }

  /**
   * Compiles a matcher for a lexicon and a tokenizer.
   *
   * @param lexicon The strategic grams. Of grams that are equal once normalized the first counts.
   * @param tokens The bytes of each token id, from `tokenBytes` or `loadTokenizer`.
   * @returns The matcher.
   * @throws {TypeError} If the tokens are something else, such as a parsed tokenizer.json, or the lexicon
   * is, such as a name.
   * @throws {RangeError} If the grams spell more than 2 million different prefixes, or hold more than
   * 2 ** 22 characters.
   */
  static compile(lexicon: Lexicon, tokens: TokenBytes): SgMatcher {
    if (!(tokens?.offsets instanceof Int32Array && tokens.bytes instanceof Uint8Array)) {
      throw new InputTypeError(
        "Cannot compile a matcher as tokens must be what tokenBytes or loadTokenizer returns: current value " +
          `is ${
            tokens === null ? "null" : typeof tokens
          }, pass a parsed tokenizer.json through tokenBytes`,
      );
    }
    checkLexicon(lexicon);
    checkLexiconSize(lexicon.name, lexicon.grams);
    return new SgMatcher(lexicon, tokens);
  }

  /**
   * Marks the planning tokens of a batch. The batch is taken as checked (`checkBatch`).
   *
   * @param batch `offsets`, `tokenIds`, `lossMask` and, optionally, `segmentIds`.
   * @returns Mask, kinds and spans, freshly allocated.
   * @throws {RangeError} If a token id where `lossMask` is 1 is outside the vocabulary.
   * @throws {TypeError} If the batch has no `tokenIds`.
   */
  match(
    batch: Pick<Batch, "offsets" | "tokenIds" | "lossMask" | "segmentIds">,
  ): Required<PlanningTokens> {
    const { tokenIds } = batch;
    if (tokenIds === undefined) {
      throw new InputTypeError(
        "Cannot match strategic grams as batch.tokenIds is missing: pass the ids of the sampled " +
          "tokens, or a planningMask computed elsewhere",
      );
    }
    const collector = new MatchCollector(tokenIds, this.tokens, this.#kindOfGram);
    const scan = this.#automaton.scan(collector);
    forEachRun(batch, (from, to) => {
      scan.begin(from);
      scan.read(tokenIds, from, to);
      scan.end(tokenIds, to);
      collector.endRun();
    });
    return {
      planningMask: collector.planningMask,
      kinds: collector.kinds,
      spans: collector.spans,
    };
  }

  /**
   * Starts matching on a stream of tokens, one sequence as it is sampled.
   *
   * @returns The stream; it agrees token for token with {@linkcode SgMatcher.match}.
   */
  stream(): SgStream {
    return new TokenStream(this.#automaton, this.#kindOfGram, this.tokens);
  }

  /**
   * The tokenizer and the grams as plain arrays, which `MatchKernel` of
   * `@hicra/hicra/kernels` uploads.
   *
   * @returns The tables, freshly built.
   */
  phraseTables(): PhraseTables {
    return phraseTables(this.#characters, this.tokens);
  }

  /**
   * Turns matches that were found elsewhere, on a GPU, into what {@linkcode SgMatcher.match} returns for the
   * same batch.
   *
   * @example Usage
   * ```ts
   * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
   * import assert from "node:assert/strict";
   *
   * const tokens = tokenBytes({
   *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2 }, merges: [] },
   *   decoder: { type: "ByteLevel" },
   *   added_tokens: [],
   * });
   * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
   * const batch = {
   *   offsets: Int32Array.of(0, 3),
   *   tokenIds: Int32Array.of(0, 1, 2),
   *   lossMask: Uint8Array.of(1, 1, 1),
   * };
   * // From byte 0 of token 0 to the end of token 1, which spells 5 bytes: gram 0.
   * const matches = Int32Array.of(0, 0, 2, 5, 0);
   * assert.deepEqual(matcher.planningTokens(batch.tokenIds, matches), matcher.match(batch));
   * ```
   *
   * @param tokenIds `[tokens]`: those in which the matches were found.
   * @param matches `[5 * matches]`: `startToken, startByte, endToken, endByte, gram`, in the order of their
   * ends, of those with one end the longest first.
   * @returns Mask, kinds and spans, freshly allocated.
   */
  planningTokens(tokenIds: Int32Array, matches: Int32Array): Required<PlanningTokens> {
    const collector = new MatchCollector(tokenIds, this.tokens, this.#kindOfGram);
    const stride = positionStride(this.tokens);
    for (let at = 0; at < matches.length; at += 5) {
      const startToken = matches[at]!;
      const endToken = matches[at + 2]!;
      const start = startToken * stride + matches[at + 1]!;
      const end = (endToken - 1) * stride + matches[at + 3]!;
      collector.match(startToken, endToken, start, end, matches[at + 4]!);
    }
    // Matches of different runs do not overlap, so their spans can be selected as if of one.
    collector.endRun();
    return {
      planningMask: collector.planningMask,
      kinds: collector.kinds,
      spans: collector.spans,
    };
  }
}

/** Names the slips that a program without type checks lets through. */
function checkLexicon(lexicon: Lexicon): void {
  const grams: unknown = (lexicon as Partial<Lexicon> | null)?.grams;
  const wrong = Array.isArray(grams)
    ? grams.findIndex((gram) => typeof gram?.text !== "string")
    : 0;
  if (wrong === -1) return;
  throw new InputTypeError(
    "Cannot compile a matcher as lexicon must be what loadLexicon, builtInLexicon or lexiconFromGrams " +
      "returns: " +
      (Array.isArray(grams)
        ? `grams[${wrong}] has no text`
        : `current value is of type ${typeof lexicon}` +
          ((lexicon as unknown) instanceof Promise ? ", await the promise" : "")),
  );
}
