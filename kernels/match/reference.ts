import { forEachRun } from "../../batch/mod.ts";
import { Classes, Symbols } from "./_alphabet.ts";
import { checkPhraseBatch, checkTables, unknownToken } from "./_check_match.ts";
import { type PhraseBatch, type PhraseMatches, sortMatches } from "./phrase_matches.ts";
import type { PhraseTables } from "./phrase_tables.ts";

/**
 * Finds phrases in token ids the slow and obvious way: every run is decoded to symbols, and the trie of
 * the phrases is walked from each of them.
 *
 * The rules are those of `SgMatcher.match()`, which is the fast way on a CPU; this is the reference of
 * {@linkcode matchPhrasesGpu}. It takes time proportional to the tokens times the length of the longest
 * phrase. No tokens give no matches.
 *
 * @example Usage
 * ```ts
 * import { matchPhrases } from "@hicra/hicra/kernels";
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
 * const { planningMask, matches } = matchPhrases(matcher.phraseTables(), {
 *   offsets: Int32Array.of(0, 3),
 *   tokenIds: Int32Array.of(0, 1, 2),
 *   lossMask: Uint8Array.of(1, 1, 1),
 * });
 * assert.deepEqual(planningMask, Uint8Array.of(1, 1, 0));
 * // From byte 0 of token 0 to the end of token 1, which spells 5 bytes: gram 0.
 * assert.deepEqual(matches, Int32Array.of(0, 0, 2, 5, 0));
 * ```
 *
 * @param tables The tokenizer and the phrases.
 * @param batch `offsets`, `tokenIds`, `lossMask` and, optionally, `segmentIds`.
 * @returns The mask and the list of matches, freshly allocated.
 * @throws {RangeError} If a length breaks the contract, or a token id where `lossMask` is 1 is outside
 * the vocabulary.
 * @throws {TypeError} If an array is missing or of another type.
 */
export function matchPhrases(tables: PhraseTables, batch: PhraseBatch): PhraseMatches {
  checkTables(tables);
  checkPhraseBatch(batch);
  const { tokenIds } = batch;
  const planningMask = new Uint8Array(tokenIds.length);
  const matches: number[] = [];
  forEachRun(batch, (from, to) => {
    const bytes = bytesOfRun(tables, tokenIds, from, to);
    const text = symbolsOf(charactersOf(bytes, tables));
    for (let start = 0; start < text.length; start++) {
      let node: number | undefined = 0;
      for (let end = start; end < text.length; end++) {
        node = childOf(tables, node, text[end]!.symbol);
        if (node === undefined) break;
        const gram = tables.grams[node]!;
        if (gram === -1) continue;
        const { first, last } = extent(text.slice(start, end + 1));
        const [begin, stop] = [bytes[first]!, bytes[last]!];
        matches.push(begin.token, begin.index, stop.token + 1, stop.index + 1, gram);
        for (let at = first; at <= last; at++) planningMask[bytes[at]!.token] = 1;
      }
    }
  });
  return { planningMask, matches: sortMatches(Int32Array.from(matches)) };
}

/** A byte of a run, and where it stands in its token. */
interface RunByte {
  readonly value: number;
  readonly token: number;
  readonly index: number;
}

/** A character of a run: its symbol, its class, and the bytes of the run that spell it. */
interface Character {
  readonly symbol: number;
  readonly kind: number;
  readonly first: number;
  readonly last: number;
}

/** What the trie reads: a character, or a mark, which no byte spells. */
interface TextSymbol {
  readonly symbol: number;
  readonly character?: Character;
}

function bytesOfRun(
  { tokenBytes, byteOffsets }: PhraseTables,
  tokenIds: Int32Array,
  from: number,
  to: number,
): RunByte[] {
  const vocabSize = byteOffsets.length - 1;
  const bytes: RunByte[] = [];
  for (let token = from; token < to; token++) {
    const id = tokenIds[token]!;
    if (id < 0 || id >= vocabSize) throw unknownToken(id, token, vocabSize);
    tokenBytes.subarray(byteOffsets[id], byteOffsets[id + 1])
      .forEach((value, index) => bytes.push({ value, token, index }));
  }
  return bytes;
}

/** Decodes UTF-8, folds, and makes one character of each run of white space. */
function charactersOf(bytes: readonly RunByte[], tables: PhraseTables): Character[] {
  const values = Uint8Array.from(bytes, ({ value }) => value);
  const characters: Character[] = [];
  let lineEnds = 0;
  let previous: number = Classes.other;
  for (let at = 0; at < values.length;) {
    const { codePoint, length } = decodeAt(values, at);
    const page = tables.characterPages[codePoint >> 8]!;
    const code = tables.characterCodes[256 * page + codePoint % 256]!;
    const kind = code & 7;
    const last = at + length - 1;
    if (kind < Classes.space) {
      characters.push({ symbol: code >>> 3, kind, first: at, last });
    } else {
      const before = previous >= Classes.space ? characters.pop() : undefined;
      if (before === undefined) lineEnds = 0;
      if (kind === Classes.carriageReturn) lineEnds++;
      if (kind === Classes.lineFeed && previous !== Classes.carriageReturn) lineEnds++;
      const symbol = lineEnds >= 2 ? Symbols.newline : Symbols.space;
      characters.push({ symbol, kind: Classes.space, first: before?.first ?? at, last });
    }
    previous = kind;
    at += length;
  }
  return characters;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The character at a byte; an invalid byte is U+FFFD by itself. */
function decodeAt(bytes: Uint8Array, at: number): { codePoint: number; length: number } {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      const text = decoder.decode(bytes.subarray(at, at + length));
      return { codePoint: text.codePointAt(0)!, length };
    } catch {
      if (bytes[at]! < 0xc2) break; // starts no character, however many bytes follow
    }
  }
  return { codePoint: 0xfffd, length: 1 };
}

/** Adds the marks: an apostrophe belongs to a word only between two word characters. */
function symbolsOf(characters: readonly Character[]): TextSymbol[] {
  const isWord = (at: number) => characters[at]?.kind === Classes.word;
  const text: TextSymbol[] = [];
  let before = false;
  characters.forEach((character, at) => {
    const inWord = isWord(at) ||
      (character.kind === Classes.apostrophe && isWord(at - 1) && isWord(at + 1));
    if (inWord && !before) text.push({ symbol: Symbols.wordStart });
    if (!inWord && before) text.push({ symbol: Symbols.wordEnd });
    text.push({ symbol: character.symbol, character });
    before = inWord;
  });
  if (before) text.push({ symbol: Symbols.wordEnd });
  return text;
}

function childOf(
  { firstChild, symbols }: PhraseTables,
  node: number,
  symbol: number,
): number | undefined {
  for (let child = firstChild[node]!; child < firstChild[node + 1]!; child++) {
    if (symbols[child] === symbol) return child;
  }
  return undefined;
}

/** The bytes that spell a match. */
function extent(text: readonly TextSymbol[]): { first: number; last: number } {
  const characters = text.flatMap(({ character }) => character ?? []);
  return { first: characters[0]!.first, last: characters.at(-1)!.last };
}
