import assert from "node:assert/strict";
import { lexiconDiffReport, lexiconReport, selectGrams } from "../../cli/lexicon_report.ts";
import { diffLexicons, type Lexicon, lexiconFromGrams } from "../../sg/mod.ts";

const MINED: Lexicon = lexiconFromGrams([
  {
    text: "but wait",
    kind: "backtracking",
    confidence: 0.754,
    cluster: 3,
    documentFrequency: 12,
    occurrences: 15,
    example: "So 4.\nBut  Wait, \x1b[2Jno",
  },
  { text: "想想", kind: "other", cluster: 3 },
  { text: "let's try", kind: "branching", cluster: 0, example: "let's trying: Let’s try it" },
  { text: "(so)", kind: "other", example: "so" },
], { name: "mini", provenance: { source: "a\ntest", parameters: { n: 3 }, notes: ["by hand"] } });

const all = (lexicon: Lexicon): number[] => [...lexicon.grams.keys()];

Deno.test("lexiconReport() shows header, clusters in order, and examples with the gram marked", () => {
  assert.equal(
    lexiconReport(MINED, all(MINED), { color: false }),
    `mini · 4 grams · 1 branching, 1 backtracking, 2 other
source: a test
n: 3
note: by hand

gram       kind          confidence  documents  matches  example

cluster 3 · 1 backtracking, 1 other
but wait   backtracking        0.75         12       15  So 4. ⟦But Wait⟧, [2Jno
想想       other

cluster 0 · 1 branching
let's try  branching                                     let's trying: ⟦Let’s try⟧ it

no cluster · 1 other
(so)       other                                         so
`,
  );
});

Deno.test("lexiconReport() colors headings and the gram in its example, where asked", () => {
  const report = lexiconReport(MINED, [0], { color: true });
  assert.ok(report.startsWith("\x1b[1mmini · 4 grams"), report);
  assert.ok(report.includes("  So 4. \x1b[1mBut Wait\x1b[0m, [2Jno\n"), report);
  assert.ok(report.includes("\n\x1b[1mcluster 3 · 1 backtracking\x1b[0m\n"), report);
});

Deno.test("lexiconReport() leaves out what is not known, and counts what it leaves out", () => {
  const lexicon = lexiconFromGrams(["so", "hmm"], { name: "bare" });
  assert.equal(
    lexiconReport(lexicon, [1], { color: false }),
    "bare · 2 grams · 2 other\nsource: bare\n\ngram  kind\nhmm   other\n\n1 of 2 grams\n",
  );
});

Deno.test("lexiconReport() cuts a long example on both sides of the gram, between characters", () => {
  const example = `${"𝑥".repeat(50)} so ${"𝑦".repeat(50)}`;
  const lexicon = lexiconFromGrams(
    [{ text: "so", kind: "deduction", example }, { text: "hmm", kind: "other", example }],
    { name: "t" },
  );
  const [first, second] = lexiconReport(lexicon, [0, 1], { color: false }).split("\n").slice(4);
  assert.equal(first, `so    deduction  …${"𝑥".repeat(39)} ⟦so⟧ ${"𝑦".repeat(39)}…`);
  assert.equal(second, `hmm   other      ${"𝑥".repeat(50)} so ${"𝑦".repeat(26)}…`);
});

Deno.test("selectGrams() gives the indices that are asked for, in order", () => {
  assert.deepEqual(selectGrams(MINED, {}), [0, 1, 2, 3]);
  assert.deepEqual(selectGrams(MINED, { kind: "other" }), [1, 3]);
  assert.deepEqual(selectGrams(MINED, { cluster: 3 }), [0, 1]);
  assert.deepEqual(selectGrams(MINED, { cluster: 3, kind: "other" }), [1]);
  assert.deepEqual(selectGrams(MINED, { limit: 2 }), [0, 1]);
  assert.deepEqual(selectGrams(MINED, { limit: 0 }), []);
});

Deno.test("selectGrams() refuses a choice that no gram meets", () => {
  assert.throws(() => selectGrams(MINED, { kind: "deduction", cluster: 3 }), {
    name: "RangeError",
    message:
      'Cannot show lexicon "mini" as none of its 4 grams has kind deduction and cluster 3: ' +
      "it has 1 branching, 1 backtracking, 2 other, in 2 clusters",
  });
});

Deno.test("lexiconDiffReport() writes a gram a line, with the values that changed", () => {
  const changed = lexiconFromGrams([
    {
      text: "But wait",
      kind: "other",
      cluster: 3,
      documentFrequency: 13,
      statistics: { dispersion: 0.5 },
      example: "but wait",
    },
    { text: "想想", kind: "other", cluster: 3 },
    { text: "hmm", kind: "branching" },
  ], { name: "new" });
  assert.equal(
    lexiconDiffReport(MINED, changed, diffLexicons(MINED, changed)),
    `mini → new: 1 added, 2 removed, 1 changed
- let's try (branching)
- (so) (other)
+ hmm (branching)
~ But wait (kind backtracking → other; confidence 0.754 → none; documentFrequency 12 → 13; ` +
      `occurrences 15 → none; other statistics; other example)
`,
  );
  assert.equal(
    lexiconDiffReport(MINED, MINED, diffLexicons(MINED, MINED)),
    "mini → mini: 0 added, 0 removed, 0 changed\n",
  );
});
