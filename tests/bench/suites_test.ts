import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBatch } from "../../bench/decode.ts";
import { distinctGrams } from "../../bench/grams.ts";
import { normalize } from "../../bench/normalize.ts";
import { runSuite, type Suite, suiteTable } from "../../bench/suite.ts";
import { matcherSuite } from "../../bench/suites/matcher.ts";
import { exactExpression } from "../../bench/suites/matcher_peers.ts";
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

/** Spans that the matcher and the exact expression find. */
function spansOf(grams: readonly string[], text: string): [ours: number, exact: number] {
  const lexicon = lexiconFromGrams(grams, { name: "test" });
  const { spans } = SgMatcher.compile(lexicon, BYTES).match(batchOf(text));
  return [spans.length / 3, exactExpression(distinctGrams(lexicon))(normalize(text))];
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
  ["grams that are one after normalization", ["So", "so "], "so", 1],
];

for (const [what, grams, text, spans] of CASES) {
  Deno.test(`exactExpression() finds what SgMatcher finds: ${what}`, () => {
    assert.deepEqual(spansOf(grams, text), [spans, spans]);
  });
}

Deno.test("exactExpression() finds what SgMatcher finds in random text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab_'\u2019 \n\u00c9#"), maxLength: 60 });
  const gram = fc.string({ unit: fc.constantFrom(..."ab' \u00e9#"), minLength: 1, maxLength: 5 })
    .filter((gram) => normalize(gram).trim() !== "");
  fc.assert(
    fc.property(fc.array(gram, { minLength: 1, maxLength: 6 }), text, (grams, text) => {
      const [ours, exact] = spansOf(grams, text);
      assert.equal(ours, exact);
    }),
    { numRuns: 500 },
  );
});

Deno.test("matcherSuite() agrees, and names what each contestant does", async () => {
  const lexicon = lexiconFromGrams(["let", "let me"], { name: "test" });
  const suite = await matcherSuite(batchOf("let me", "outlet"), BYTES, lexicon);
  const figures = await runSuite(suite, 1);
  assert.match(figures.agrees, /finds our 1 spans$/);
  const table = suiteTable(figures);
  assert.equal(table.rows.length, suite.contestants.length);
  assert.doesNotMatch(JSON.stringify(table), /NaN|undefined/);
});

Deno.test("matcherSuite() refuses a number of spans that is not ours", async () => {
  const lexicon = lexiconFromGrams(["let", "let me"], { name: "test" });
  const suite = await matcherSuite(batchOf("let me", "outlet"), BYTES, lexicon);
  const contestants = suite.contestants.map((one) =>
    one.name === "hicra" ? { ...one, run: () => 2 } : one
  );
  await assert.rejects(runSuite({ ...suite, contestants }, 1), {
    message: "Cannot compare with the exact expression as it must find 2: current value is 1",
  });
});

Deno.test("runSuite() refuses a contestant that does something else in another round", async () => {
  let round = 0;
  const suite: Suite = {
    name: "test",
    note: "",
    tokens: 1,
    contestants: [{ name: "drifting", what: "", run: () => round++ }],
    check: () => "",
  };
  await assert.rejects(runSuite(suite, 1), {
    message: "Cannot time drifting as it must do the same in every round",
  });
});

Deno.test("decodeBatch() joins characters that are spread over tokens", () => {
  const texts = ["", "na\u00efve \u{1f914}", "x".repeat(100_000), "\ufeffbyte order mark"];
  assert.deepEqual(decodeBatch(batchOf(...texts), BYTES), texts);
});
