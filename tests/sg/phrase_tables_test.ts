import assert from "node:assert/strict";
import { buildAutomaton, characterCode } from "../../sg/_automaton.ts";
import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import { byteTokens } from "./byte_tokens.ts";

// Characters of several blocks: folded ones, an ideograph, one beyond the basic plane.
const GRAMS = ["let's wait", "\u4e2d\u6587", "\u00e9t\u00e9", "\u{1f600}!", "\u{1d400}x", "\ufffd"];

const tokens = byteTokens([Uint8Array.of(65), new Uint8Array(), Uint8Array.of(66, 67)]);
const tables = SgMatcher.compile(lexiconFromGrams(GRAMS, { name: "test" }), tokens).phraseTables();
const automaton = buildAutomaton(GRAMS);

Deno.test("SgMatcher.phraseTables() holds the code of every character", () => {
  const { characterPages, characterCodes } = tables;
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    const code = characterCodes[256 * characterPages[codePoint >> 8]! + codePoint % 256]!;
    const expected = characterCode(codePoint, automaton.alphabet);
    if (code !== expected) assert.fail(`U+${codePoint.toString(16)} is ${code}, not ${expected}`);
  }
  assert.ok(characterCodes.length < 256 * 200, "blocks with equal codes share a page");
});
