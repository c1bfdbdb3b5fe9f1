import assert from "node:assert/strict";
import fc from "fast-check";
import { normalizeText } from "../../sg/_normalize.ts";
import { diffLexicons } from "../../sg/diff_lexicons.ts";
import type { Gram } from "../../sg/gram.ts";
import { type Lexicon, lexiconFromGrams } from "../../sg/lexicon.ts";
import { anyLexicon } from "./_lexicons.ts";

const lexiconOf = (...grams: (string | Gram)[]): Lexicon => lexiconFromGrams(grams, { name: "t" });
const gramOf = (text: string, fields: Partial<Gram> = {}): Gram => ({
  text,
  kind: "other",
  ...fields,
});

const CASES: {
  name: string;
  a: Lexicon;
  b: Lexicon;
  added?: string[];
  removed?: string[];
  changed?: [text: string, ...fields: string[]][];
}[] = [
  { name: "nothing between equal lexicons", a: lexiconOf("so"), b: lexiconOf("so") },
  {
    name: "nothing where texts match the same",
    a: lexiconOf("let's go"),
    b: lexiconOf(" LET\u2019S  go"),
  },
  { name: "nothing for another order", a: lexiconOf("a", "b"), b: lexiconOf("b", "a") },
  {
    name: "everything between lexicons without a shared gram, each in its order",
    a: lexiconOf("b", "a"),
    b: lexiconOf("d", "c"),
    added: ["d", "c"],
    removed: ["b", "a"],
  },
  {
    name: "only the first of duplicates",
    a: lexiconOf("a", gramOf("A", { kind: "branching" }), "b", "B"),
    b: lexiconOf("a", "c", "C"),
    added: ["c"],
    removed: ["b"],
  },
  {
    name: "every field that differs, in the order of the file",
    a: lexiconOf(
      gramOf("a", { kind: "branching", confidence: 0.5, statistics: { x: 1, y: 2 } }),
      gramOf("b", { statistics: { x: 1, y: 2 } }),
      gramOf("c", { documentFrequency: 1, occurrences: 2, example: "a c" }),
    ),
    b: lexiconOf(
      gramOf("c", {
        documentFrequency: 2,
        occurrences: 3,
        example: "b c",
        controlOf: { text: "d", documentFrequency: 1, occurrences: 1 },
      }),
      gramOf("b", { statistics: { y: 2, x: 1 } }),
      gramOf("a", { confidence: 0.25, statistics: { x: 1 } }),
    ),
    changed: [
      ["c", "documentFrequency", "occurrences", "example", "controlOf"],
      ["a", "kind", "confidence", "statistics"],
    ],
  },
  {
    name: "no cluster that only has another number",
    a: lexiconOf(...["a", "b"].map((text) => gramOf(text, { cluster: 3 })), "c"),
    b: lexiconOf(...["a", "b"].map((text) => gramOf(text, { cluster: 0 })), "c"),
  },
  {
    name: "no cluster that only differs by grams of one lexicon",
    a: lexiconOf(...["a", "b"].map((text) => gramOf(text, { cluster: 3 }))),
    b: lexiconOf(...["a", "c"].map((text) => gramOf(text, { cluster: 3 }))),
    added: ["c"],
    removed: ["b"],
  },
  {
    name: "grams that stand with others, and those that got or lost a cluster",
    a: lexiconOf(
      ...["a", "b", "c"].map((text) => gramOf(text, { cluster: 0 })),
      gramOf("d", { cluster: 1 }),
      "e",
      "f",
    ),
    b: lexiconOf(
      ...["a", "b"].map((text) => gramOf(text, { cluster: 0 })),
      gramOf("c", { cluster: 1 }),
      "d",
      gramOf("e", { cluster: 2 }),
      "f",
    ),
    changed: [["a", "cluster"], ["b", "cluster"], ["c", "cluster"], ["d", "cluster"], [
      "e",
      "cluster",
    ]],
  },
];

for (const { name, a, b, added = [], removed = [], changed = [] } of CASES) {
  Deno.test(`diffLexicons() finds ${name}`, () => {
    const diff = diffLexicons(a, b);
    assert.deepEqual(diff.added.map(({ text }) => text), added);
    assert.deepEqual(diff.removed.map(({ text }) => text), removed);
    assert.deepEqual(diff.changed.map(({ after, fields }) => [after.text, ...fields]), changed);
  });
}

Deno.test("diffLexicons() gives both sides of a change", () => {
  const [before, after] = [gramOf("So"), gramOf("so", { kind: "deduction" })];
  assert.deepEqual(diffLexicons(lexiconOf(before), lexiconOf(after)).changed, [
    { before, after, fields: ["kind"] },
  ]);
});

Deno.test("diffLexicons() is the difference of the sets of texts, mirrored when turned round", () => {
  const textsOf = (grams: readonly Gram[]): Set<string> =>
    new Set(grams.map(({ text }) => normalizeText(text)));
  fc.assert(fc.property(anyLexicon("a"), anyLexicon("b"), (a, b) => {
    const diff = diffLexicons(a, b);
    assert.deepEqual(textsOf(diff.added), textsOf(b.grams).difference(textsOf(a.grams)));
    assert.deepEqual(textsOf(diff.removed), textsOf(a.grams).difference(textsOf(b.grams)));
    const back = diffLexicons(b, a);
    assert.deepEqual([back.added, back.removed], [diff.removed, diff.added]);
    const key = ({ after, fields }: (typeof diff.changed)[number]): string =>
      `${normalizeText(after.text)}: ${fields}`;
    assert.deepEqual(new Set(back.changed.map(key)), new Set(diff.changed.map(key)));
    assert.deepEqual(diffLexicons(a, a), { added: [], removed: [], changed: [] });
  }));
});
