import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import type { Comparison } from "../_self_check.ts";
import { checkTokens, type TokenBatch } from "./_check_batch.ts";
import type { FoundMatches } from "./_found_matches.ts";

const TOKENS = ["But", " wait", ",", " b", "ut\n", "\nSo", " n\u00e9", "\u00e9", "'s", " it", ""];
const PHRASES = ["but wait", "wait", "n\u00e9", "it's"];
/** The last two spell one character together. */
const SPLIT = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)];

/** A matcher of a tiny tokenizer and four phrases. */
export function checkedMatcher(): SgMatcher {
  const encoder = new TextEncoder();
  const spellings = [...TOKENS.map((token) => encoder.encode(token)), ...SPLIT];
  const offsets = new Int32Array(spellings.length + 1);
  spellings.forEach(({ length }, id) => offsets[id + 1] = offsets[id]! + length);
  return SgMatcher.compile(lexiconFromGrams(PHRASES, { name: "self-check" }), {
    model: "byte-level",
    vocabSize: spellings.length,
    bytes: Uint8Array.from(spellings.flatMap((bytes) => Array.from(bytes))),
    offsets,
    special: new Uint8Array(spellings.length),
  });
}

/** Matches a few sequences both ways, with segments and without. */
export async function compareMatches(
  find: (batch: TokenBatch) => Promise<FoundMatches>,
  matcher: SgMatcher,
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
    const expected = matcher.match(each);
    const { planningMask, matches } = await find(checkTokens(each));
    const actual = matcher.planningTokens(tokenIds, matches);
    comparisons.push(
      { name: "planningMask", actual: planningMask, expected: expected.planningMask },
      { name: "kinds", actual: actual.kinds, expected: expected.kinds },
      { name: "spans", actual: actual.spans, expected: expected.spans },
    );
  }
  return comparisons;
}
