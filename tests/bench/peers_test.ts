import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBatch } from "../../bench/decode.ts";
import { distinctGrams } from "../../bench/grams.ts";
import { normalise } from "../../bench/normalise.ts";
import { peerAgreements } from "../../bench/peer_agreement.ts";
import { exactExpression, leftmostLongest, PEERS } from "../../bench/peers.ts";
import { checkBatch, type CheckedBatch } from "../../batch/mod.ts";
import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import { byteTokens } from "../sg/byte_tokens.ts";

/** A token for every byte. */
const BYTES = byteTokens(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)));

function batchOf(...texts: string[]): CheckedBatch {
  const rows = texts.map((text) => new TextEncoder().encode(text));
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, s) => offsets[s + 1] = offsets[s]! + row.length);
  const tokenIds = Int32Array.from(rows.flatMap((row) => [...row]));
  return checkBatch({ offsets, tokenIds, lossMask: new Uint8Array(tokenIds.length).fill(1) });
}

function spansOf(grams: readonly string[], text: string): number {
  const matcher = SgMatcher.compile(lexiconFromGrams(grams, { name: "test" }), BYTES);
  return matcher.match(batchOf(text)).spans.length / 3;
}

/** Spans that each adapted peer and the exact expression find. */
function spansOfOthers(grams: readonly string[], text: string): number[] {
  const distinct = distinctGrams(lexiconFromGrams(grams, { name: "test" }));
  const normalised = normalise(text);
  return [
    exactExpression(distinct).count(normalised),
    ...PEERS.filter(({ allOccurrences }) => allOccurrences).map((peer) =>
      leftmostLongest(normalised, peer.compile(distinct).find(normalised)).length
    ),
  ];
}

const CASES: readonly (readonly [what: string, grams: string[], text: string, spans: number])[] = [
  ["nothing", ["wait"], "", 0],
  ["a gram alone", ["wait"], "wait", 1],
  ["upper case", ["But Wait"], "bUT wAIT", 1],
  ["a gram inside a word", ["wait"], "await waiting", 0],
  ["a word with an apostrophe", ["that"], "that's 'that'", 1],
  ["a gram with an apostrophe", ["that's"], "that\u2019s", 1],
  ["a gram that starts with no word character", ["## step"], "a## step 1", 1],
  ["longest of several", ["let", "let me", "let me see"], "let me see; let me; let", 3],
  ["overlaps", ["a b", "b c"], "a b c", 1],
  ["white space", ["but wait"], "but \t\n wait, but\n\nwait", 1],
  ["other scripts", ["so"], "\u00e9so so\u00e9 \u{1d400}so so", 1],
  ["grams that are one after normalisation", ["So", "so "], "so", 1],
];

for (const [what, grams, text, spans] of CASES) {
  Deno.test(`peers with our rules on top find what SgMatcher finds: ${what}`, () => {
    assert.equal(spansOf(grams, text), spans);
    assert.deepEqual(new Set(spansOfOthers(grams, text)), new Set([spans]));
  });
}

Deno.test("peers with our rules on top find what SgMatcher finds in random text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab_'\u2019 \n\u00c9#"), maxLength: 60 });
  const gram = fc.string({ unit: fc.constantFrom(..."ab' \u00e9#"), minLength: 1, maxLength: 5 })
    .filter((gram) => normalise(gram).trim() !== "");
  fc.assert(
    fc.property(fc.array(gram, { minLength: 1, maxLength: 6 }), text, (grams, text) => {
      const spans = spansOf(grams, text);
      assert.deepEqual(new Set(spansOfOthers(grams, text)), new Set([spans]));
    }),
    { numRuns: 500 },
  );
});

Deno.test("peerAgreements() shows where the raw counts of peers differ", () => {
  const lexicon = lexiconFromGrams(["let", "let me"], { name: "test" });
  const rows = peerAgreements(batchOf("let me", "outlet"), BYTES, lexicon);
  assert.deepEqual(rows.map(({ occurrences, spans, ours }) => [occurrences, spans, ours]), [
    [3, 1, 1], // "let" twice, once inside a word, and "let me"
    [3, 1, 1],
    [1, null, 1],
    [1, 1, 1],
  ]);
});

Deno.test("decodeBatch() joins characters that are spread over tokens", () => {
  const texts = ["", "na\u00efve \u{1f914}", "x".repeat(100_000), "\ufeffbyte order mark"];
  assert.deepEqual(decodeBatch(batchOf(...texts), BYTES), texts);
});
