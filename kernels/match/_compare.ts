import type { Comparison } from "../_self_check.ts";
import { Classes, NUM_BLOCKS, Symbols } from "./_alphabet.ts";
import type { PhraseBatch, PhraseMatches } from "./phrase_matches.ts";
import type { PhraseTables } from "./phrase_tables.ts";
import { matchPhrases } from "./reference.ts";

const TOKENS = ["But", " wait", ",", " b", "ut\n", "\nSo", " n\u00e9", "\u00e9", "'s", " it", ""];
const PHRASES = ["but wait", "wait", "n\u00e9", "it's"];
/** The last two spell one character together. */
const SPLIT = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)];

/** Tables of a tiny tokenizer and four phrases. */
export function checkedTables(): PhraseTables {
  const encoder = new TextEncoder();
  const spellings = [...TOKENS.map((token) => encoder.encode(token)), ...SPLIT];
  const byteOffsets = new Int32Array(spellings.length + 1);
  spellings.forEach(({ length }, id) => byteOffsets[id + 1] = byteOffsets[id]! + length);
  // Page 0 is Latin-1, page 1 all other characters, which stand in no phrase.
  const characterPages = new Uint16Array(NUM_BLOCKS).fill(1);
  characterPages[0] = 0;
  const characterCodes = new Uint32Array(512);
  for (let code = 0; code < 256; code++) characterCodes[code] = characterCode(code);
  return {
    tokenBytes: Uint8Array.from(spellings.flatMap((bytes) => Array.from(bytes))),
    byteOffsets,
    characterPages,
    characterCodes,
    ...trieOf(PHRASES.map(symbolsOf)),
  };
}

/** Matches a few sequences both ways, with segments and without. */
export async function compareMatches(
  compute: (batch: PhraseBatch) => Promise<PhraseMatches>,
  tables: PhraseTables,
): Promise<Comparison[]> {
  const tokenIds = Int32Array.of(
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    10,
    2,
    0,
    1,
    9,
    8,
    1,
    7,
    11,
    12,
    1,
    6,
    9,
    8,
    8,
  );
  const batch = {
    offsets: Int32Array.of(0, 5, 5, 13, 22),
    tokenIds,
    lossMask: Uint8Array.from(tokenIds, (_, t) => t === 2 || t === 9 ? 0 : 1),
  };
  const segmentIds = Int32Array.from(tokenIds, (_, t) => t < 12 ? 0 : 3);
  const comparisons: Comparison[] = [];
  for (const each of [batch, { ...batch, segmentIds }]) {
    const expected = matchPhrases(tables, each);
    const actual = await compute(each);
    comparisons.push(
      { name: "planningMask", actual: actual.planningMask, expected: expected.planningMask },
      { name: "matches", actual: actual.matches, expected: expected.matches },
    );
  }
  return comparisons;
}

const isWord = (character: string) => /[\p{L}\p{N}_]/u.test(character);

function symbolOf(character: string): number {
  if (character === " ") return Symbols.space;
  if (character === "'") return Symbols.apostrophe;
  return 6 + character.toLowerCase().codePointAt(0)!;
}

function characterCode(code: number): number {
  const character = String.fromCodePoint(code);
  const kind = isWord(character)
    ? Classes.word
    : character === "'"
    ? Classes.apostrophe
    : character === "\n"
    ? Classes.lineFeed
    : character === " "
    ? Classes.space
    : Classes.other;
  return symbolOf(character) << 3 | kind;
}

/** A phrase as the trie reads it. Its apostrophes all stand within words. */
function symbolsOf(phrase: string): number[] {
  return phrase.split(" ").flatMap((word, i) => [
    ...(i > 0 ? [Symbols.space] : []),
    Symbols.wordStart,
    ...Array.from(word, symbolOf),
    Symbols.wordEnd,
  ]);
}

/** Nodes in breadth-first order, the children of each in the order of their symbols. */
function trieOf(
  phrases: readonly number[][],
): Pick<PhraseTables, "firstChild" | "symbols" | "grams"> {
  const nodes: (readonly number[])[] = [[]];
  const firstChild: number[] = [];
  for (let node = 0; node < nodes.length; node++) {
    firstChild.push(nodes.length);
    const path = nodes[node]!;
    const next = phrases.filter((phrase) => path.every((symbol, i) => phrase[i] === symbol))
      .flatMap((phrase) => phrase.slice(path.length, path.length + 1));
    const children = Array.from(new Set(next)).sort((a, b) => a - b);
    for (const symbol of children) nodes.push([...path, symbol]);
  }
  return {
    firstChild: Int32Array.of(...firstChild, nodes.length),
    symbols: Int32Array.from(nodes, (path) => path.at(-1) ?? 0),
    grams: Int32Array.from(
      nodes,
      (path) => phrases.findIndex((phrase) => `${phrase}` === `${path}`),
    ),
  };
}
