import { createHash } from "node:crypto";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../../batch/mod.ts";
import { decodeSafetensors, loadLexicon, matcherProvenance } from "../../files/mod.ts";
import {
  BUILT_IN_LEXICONS,
  DEFAULT_LEXICON,
  type Lexicon,
  parseLexicon,
  SgMatcher,
  type TokenBytes,
  tokenBytes,
} from "../../sg/mod.ts";
import { Problem } from "./_problem.ts";
import { Shelf } from "./_shelf.ts";

/** Larger than any tokenizer or lexicon, and small enough for one string. */
const MAX_TEXT_BYTES = 2 ** 28;

/** A token table has two tensors. */
const MAX_TABLE_HEADER_BYTES = 2 ** 16;

/** How a request names the matcher it wants. */
export interface MatcherName {
  /** Digest of a tokenizer. */
  readonly tokenizer?: string | undefined;
  /** Name of a built-in lexicon, or digest of one. */
  readonly lexicon?: string | undefined;
}

/** A matcher, and what an answer says of it. */
export interface NamedMatcher {
  readonly matcher: SgMatcher;
  readonly provenance: Readonly<Record<string, string>>;
}

/** Tokenizers and lexicons that clients handed over, and the matchers compiled of them. */
export class Matchers {
  readonly #tokenizers: Shelf<TokenBytes>;
  readonly #lexicons: Shelf<Lexicon>;
  /** A refusal is kept too: to find it may take seconds. */
  readonly #matchers: Shelf<NamedMatcher | InputRangeError>;

  /** @param maxKept The most tokenizers, lexicons and matchers kept, of each. */
  constructor(maxKept: number) {
    this.#tokenizers = new Shelf(maxKept);
    this.#lexicons = new Shelf(maxKept);
    this.#matchers = new Shelf(maxKept);
  }

  /** Digests of the tokenizers at hand. */
  get tokenizers(): string[] {
    return this.#tokenizers.keys;
  }

  /** Names and digests of the lexicons at hand. */
  get lexicons(): string[] {
    return [...BUILT_IN_LEXICONS, ...this.#lexicons.keys];
  }

  /** Takes a `tokenizer.json`, and the number of ids of a model that has more than its tokenizer. */
  addTokenizerJson(
    body: Uint8Array,
    vocabSize?: number,
  ): { tokenizer: string; "vocab_size": number } {
    const tokens = tokenBytes(
      parseJson(body),
      vocabSize === undefined ? {} : { vocabSize },
    );
    return this.#addTokenizer(
      digestOf(body) + (vocabSize === undefined ? "" : `:${vocabSize}`),
      tokens,
    );
  }

  /** Takes a byte table: `bytes` and `offsets` in safetensors. */
  addTokenTable(body: Uint8Array): { tokenizer: string; "vocab_size": number } {
    return this.#addTokenizer(digestOf(body), readTokenTable(body));
  }

  /** Takes a lexicon in any form that `parseLexicon` reads. */
  addLexicon(body: Uint8Array, name?: string): { lexicon: string; name: string; grams: number } {
    const digest = digestOf(body);
    if (name !== undefined && BUILT_IN_LEXICONS.includes(name)) {
      throw new InputRangeError(
        `Cannot read lexicon as its name must not be that of a built-in one: current name is ${name}`,
      );
    }
    const lexicon = parseLexicon(utf8("lexicon", body), { name: name ?? digest });
    this.#lexicons.put(digest, lexicon);
    return { lexicon: digest, name: lexicon.name, grams: lexicon.grams.length };
  }

  /** The matcher of that name. */
  async get({ tokenizer, lexicon = DEFAULT_LEXICON }: MatcherName): Promise<NamedMatcher> {
    if (tokenizer === undefined) {
      throw new Problem(
        400,
        "bad_request",
        'Cannot mark planning tokens as metadata "tokenizer" is missing: hand the tokenizer to ' +
          "/v1/tokenizer and send the digest it returns, or send planning_mask",
      );
    }
    const key = `${tokenizer} ${lexicon}`;
    const known = this.#matchers.get(key);
    if (known instanceof InputRangeError) throw known;
    if (known !== undefined) return known;
    const tokens = this.#tokenizers.get(tokenizer);
    if (tokens === undefined) throw unknown("tokenizer", tokenizer);
    const grams = this.#lexicons.get(lexicon) ??
      (BUILT_IN_LEXICONS.includes(lexicon) ? await loadLexicon(lexicon) : undefined);
    if (grams === undefined) throw unknown("lexicon", lexicon);
    const matcher = this.#compile(key, grams, tokens);
    const { lexicon: name, lexicon_digest } = matcherProvenance(matcher);
    const named = {
      matcher,
      provenance: { lexicon: name, "lexicon_digest": lexicon_digest, tokenizer },
    };
    this.#matchers.put(key, named);
    return named;
  }

  #compile(key: string, grams: Lexicon, tokens: TokenBytes): SgMatcher {
    try {
      return SgMatcher.compile(grams, tokens);
    } catch (error) {
      if (error instanceof InputRangeError) this.#matchers.put(key, error);
      throw error;
    }
  }

  #addTokenizer(
    tokenizer: string,
    tokens: TokenBytes,
  ): { tokenizer: string; "vocab_size": number } {
    this.#tokenizers.put(tokenizer, tokens);
    return { tokenizer, "vocab_size": tokens.vocabSize };
  }
}

function readTokenTable(body: Uint8Array): TokenBytes {
  const { tensors } = decodeSafetensors(body, { maxHeaderBytes: MAX_TABLE_HEADER_BYTES });
  const { bytes, offsets } = tensors;
  if (
    !(bytes?.data instanceof Uint8Array) || !(offsets?.data instanceof Int32Array) ||
    Object.keys(tensors).length > 2
  ) {
    const current = Object.entries(tensors).map(([name, { dtype }]) => `${name} (${dtype})`);
    throw new InputTypeError(
      "Cannot read tokenizer as it must hold bytes (U8) and offsets (I32) and nothing else: " +
        `current tensors are ${current.join(", ") || "none"}`,
    );
  }
  checkOffsets(offsets.data, bytes.data.length);
  const vocabSize = offsets.data.length - 1;
  return {
    model: "byte-level",
    vocabSize,
    // Copied: the request's body is not kept.
    bytes: bytes.data.slice(),
    offsets: offsets.data.slice(),
    special: new Uint8Array(vocabSize),
  };
}

function checkOffsets(offsets: Int32Array, numBytes: number): void {
  const isWrong = (offset: number, i: number): boolean =>
    i === 0 ? offset !== 0 : offset < offsets[i - 1]!;
  let wrong = offsets.findIndex(isWrong);
  if (wrong < 0 && offsets.at(-1) !== numBytes) wrong = offsets.length - 1;
  if (offsets.length < 2 || wrong >= 0) {
    throw new InputRangeError(
      `Cannot read tokenizer as offsets must ascend from 0 to ${numBytes}, the number of bytes: ` +
        (offsets.length < 2
          ? `it has ${offsets.length}`
          : `offsets[${wrong}] is ${offsets[wrong]}`),
    );
  }
}

function unknown(what: "tokenizer" | "lexicon", digest: string): Problem {
  return new Problem(
    404,
    `unknown_${what}`,
    `Cannot mark planning tokens as this sidecar does not have ${what} "${digest}": hand it to ` +
      `/v1/${what} and try again` +
      (what === "lexicon" ? `, or name one of ${BUILT_IN_LEXICONS.join(", ")}` : ""),
  );
}

function parseJson(body: Uint8Array): unknown {
  const text = utf8("tokenizer", body);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read tokenizer as it must be a tokenizer.json: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function utf8(what: "tokenizer" | "lexicon", body: Uint8Array): string {
  if (body.length > MAX_TEXT_BYTES) {
    throw new InputRangeError(
      `Cannot read ${what} as it may hold ${MAX_TEXT_BYTES} bytes: current size is ${body.length}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (error) {
    throw new InputSyntaxError(`Cannot read ${what} as it must be UTF-8: it is not`, {
      cause: error,
    });
  }
}

function digestOf(body: Uint8Array): string {
  return `sha256:${createHash("sha256").update(body).digest("hex")}`;
}
