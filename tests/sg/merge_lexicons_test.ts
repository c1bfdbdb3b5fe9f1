import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { normalizeText } from "../../sg/_normalize.ts";
import type { Gram } from "../../sg/gram.ts";
import {
  duplicateGrams,
  type Lexicon,
  lexiconFromGrams,
  type LexiconProvenance,
  serializeLexicon,
} from "../../sg/lexicon.ts";
import { mergeLexicons } from "../../sg/merge_lexicons.ts";
import { anyLexicon } from "./_lexicons.ts";

const merge = (...lexicons: Lexicon[]): Promise<Lexicon> => mergeLexicons(lexicons, { name: "m" });
const textsOf = (lexicon: Lexicon): string[] =>
  lexicon.grams.map(({ text }) => normalizeText(text));
const distinct = ({ grams }: Lexicon): Gram[] =>
  grams.filter((gram) =>
    grams.find(({ text }) => normalizeText(text) === normalizeText(gram.text)) === gram
  );

Deno.test("mergeLexicons() keeps the first of equal grams with all its fields", async () => {
  const a = lexiconFromGrams([
    { text: "But wait", kind: "backtracking", occurrences: 4 },
    { text: "hmm", kind: "other" },
  ], { name: "a" });
  const b = lexiconFromGrams([
    { text: "so", kind: "deduction" },
    { text: "but  wait", kind: "branching", confidence: 1 },
  ], { name: "b" });
  assert.deepEqual((await merge(a, b)).grams, [...a.grams, b.grams[0]]);
  assert.deepEqual((await merge(b, a)).grams, [...b.grams, a.grams[1]]);
});

Deno.test("mergeLexicons() moves the clusters of the later lexicons beyond those before", async () => {
  const clustered = (clusters: Record<string, number>): Lexicon =>
    lexiconFromGrams(
      Object.entries(clusters).map(([text, cluster]) => ({ text, kind: "other", cluster })),
      { name: "t" },
    );
  const merged = await merge(
    clustered({ a: 2, b: 0 }),
    lexiconFromGrams(["c"], { name: "t" }),
    clustered({ d: 0, a: 9, e: 1 }),
    clustered({ f: 0 }),
  );
  assert.deepEqual(
    merged.grams.map(({ text, cluster }) => [text, cluster]),
    // The third lexicon starts at 3 and its dropped "a" took it to 12.
    [["a", 2], ["b", 0], ["c", undefined], ["d", 3], ["e", 4], ["f", 13]],
  );
});

Deno.test("mergeLexicons() of a lexicon with itself has its grams, each once", async () => {
  await fc.assert(fc.asyncProperty(anyLexicon("a"), async (a) => {
    assert.deepEqual((await merge(a)).grams, distinct(a));
    assert.deepEqual((await merge(a, a)).grams, distinct(a));
  }));
});

Deno.test("mergeLexicons() is the union in order, and no cluster holds grams of two", async () => {
  await fc.assert(fc.asyncProperty(anyLexicon("a"), anyLexicon("b"), async (a, b) => {
    const merged = await merge(a, b);
    assert.deepEqual(duplicateGrams(merged), []);
    const inA = new Set(textsOf(a));
    assert.deepEqual(merged.grams.slice(0, inA.size), distinct(a));
    const rest = merged.grams.slice(inA.size);
    const fromB = distinct(b).filter(({ text }) => !inA.has(normalizeText(text)));
    const unclustered = ({ cluster: _, ...gram }: Gram): Gram => gram;
    assert.deepEqual(rest.map(unclustered), fromB.map(unclustered));
    const clustersOfA = new Set(distinct(a).map(({ cluster }) => cluster));
    for (const [i, { cluster }] of rest.entries()) {
      assert.equal(cluster === undefined, fromB[i]!.cluster === undefined);
      if (cluster !== undefined) assert.ok(!clustersOfA.has(cluster));
      for (const [j, other] of rest.entries()) {
        assert.equal(cluster === other.cluster, fromB[i]!.cluster === fromB[j]!.cluster);
      }
    }
    // Three at once are the same as two and then the third.
    const c = lexiconFromGrams(["xa", { text: "y", kind: "other", cluster: 0 }], { name: "c" });
    assert.deepEqual(textsOf(await merge(a, b, c)), textsOf(await merge(merged, c)));
  }));
});

Deno.test("mergeLexicons() lists its sources with their digests and notes", async () => {
  const lexiconOf = (name: string, provenance: LexiconProvenance): Lexicon =>
    lexiconFromGrams(["so"], { name, provenance });
  const digest = (lexicon: Lexicon): string =>
    `sha256:${createHash("sha256").update(serializeLexicon(lexicon)).digest("hex")}`;
  const a = lexiconOf("a", { source: "one", corpusDigest: "sha256:00", notes: ["by hand"] });
  const b = lexiconOf("b", { source: "two", corpusDigest: "sha256:00" });
  const c = lexiconOf("c", { source: "three" });
  assert.deepEqual((await merge(a, b)).provenance, {
    source: "union of 2 lexicons, the first with a gram decides",
    corpusDigest: "sha256:00",
    notes: [
      `lexicon 1: "a", ${digest(a)}, corpus sha256:00, source: one`,
      "lexicon 1: by hand",
      `lexicon 2: "b", ${digest(b)}, corpus sha256:00, source: two`,
    ],
  });
  assert.equal((await merge(a, c)).provenance.corpusDigest, undefined);
  assert.equal((await merge(c, a)).provenance.corpusDigest, undefined);
  assert.equal(
    (await merge(c)).provenance.notes?.[0],
    `lexicon 1: "c", ${digest(c)}, source: three`,
  );
});

Deno.test("mergeLexicons() refuses no lexicon", async () => {
  await assert.rejects(merge(), {
    name: "RangeError",
    message: 'Cannot make lexicon "m" as it must hold at least one gram',
  });
});
