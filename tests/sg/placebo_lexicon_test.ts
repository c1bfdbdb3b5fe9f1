import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { corpusDigest } from "../../sg/_corpus_digest.ts";
import { normalizeText } from "../../sg/_normalize.ts";
import { drawIndex, splitMix64 } from "../../sg/_random.ts";
import { type Lexicon, lexiconFromGrams, serializeLexicon } from "../../sg/lexicon.ts";
import { loadLexicon } from "../../files/load_lexicon.ts";
import { placeboLexicon } from "../../sg/placebo_lexicon.ts";
import { fullTest } from "../_scope.ts";
import { findMatches, normalizeGram } from "./oracle.ts";

const lexiconOf = (...grams: string[]): Lexicon => lexiconFromGrams(grams, { name: "t" });

/** The oracle's count: the slow truth. */
function matches(gram: string, text: string): number {
  return findMatches(new TextEncoder().encode(text), [normalizeGram(gram)]).length;
}

function countSlowly(gram: string, documents: readonly string[]): [number, number] {
  const counts = documents.map((document) => matches(gram, document));
  return [counts.filter((count) => count > 0).length, counts.reduce((a, b) => a + b, 0)];
}

const words = (text: string): string[] => normalizeText(text).split(/[ \n]/);

/** Whether one phrase is, word by word, a part of the other. */
function nests(a: string, b: string): boolean {
  const [short, long] = [words(a), words(b)].sort((x, y) => x.length - y.length);
  return long!.some((_, i) => short!.every((word, j) => long![i + j] === word));
}

function checkPlacebo(placebo: Lexicon, lexicon: Lexicon, documents: readonly string[]): void {
  const texts = placebo.grams.map((gram) => gram.text);
  assert.equal(new Set(texts).size, texts.length, "drawn without replacement");
  for (const { text, kind, documentFrequency, occurrences, controlOf } of placebo.grams) {
    assert.equal(words(text).length, words(controlOf!.text).length);
    assert.equal(kind, lexicon.grams.find((gram) => gram.text === controlOf!.text)!.kind);
    assert.deepEqual([documentFrequency, occurrences], countSlowly(text, documents), text);
    assert.deepEqual(
      [controlOf!.documentFrequency, controlOf!.occurrences],
      countSlowly(controlOf!.text, documents),
      controlOf!.text,
    );
    assert.ok(lexicon.grams.every((gram) => !nests(gram.text, text)), text);
  }
}

Deno.test("splitMix64() gives the published numbers", () => {
  // Seed 1234567: https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
  const next = splitMix64(1234567n);
  assert.deepEqual([next(), next(), next(), next(), next()], [
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ]);
});

Deno.test("drawIndex() stays in range and reaches every index", () => {
  const next = splitMix64(0n);
  const drawn = new Set(Array.from({ length: 200 }, () => drawIndex(next, 7)));
  assert.deepEqual([...drawn].sort(), [0, 1, 2, 3, 4, 5, 6]);
});

Deno.test("corpusDigest() is SHA-256 over the documents, each with a zero byte after it", async () => {
  const expected = createHash("sha256").update("é\0\0b\0", "utf8").digest("hex");
  assert.equal(await corpusDigest(["é", "", "b"]), `sha256:${expected}`);
  assert.notEqual(await corpusDigest(["ab", "c"]), await corpusDigest(["a", "bc"]));
});

Deno.test("placeboLexicon() draws the only phrase with the same frequency", async () => {
  const documents = [
    "But wait, red dog. Red dog (blue cat)",
    "so BUT WAIT\nred dog",
    "blue cat; blue cat",
    "blue cat",
  ];
  // "red dog": 2 documents, 3 matches. "but wait": 2 and 2. "blue cat": 3 and 4.
  const placebo = await placeboLexicon(lexiconOf("but wait", "never there"), documents, {
    seed: 0,
  });
  assert.deepEqual(placebo.grams, [{
    text: "red dog",
    kind: "other",
    documentFrequency: 2,
    occurrences: 3,
    controlOf: { text: "but wait", documentFrequency: 2, occurrences: 2 },
  }]);
  assert.deepEqual(placebo.provenance, {
    source: 'random phrases matched to the grams of lexicon "t"',
    corpusDigest: await corpusDigest(documents),
    matching: 2,
    parameters: { documents: 4, lexicon: "t", seed: 0, tolerance: 0.1 },
    notes: ['These grams do not occur in the documents and have no control: "never there"'],
  });
});

Deno.test("placeboLexicon() counts grams with punctuation by the matching rules", async () => {
  const documents = [
    "## Step 1. hmm, hmm, so, that's; ## steps",
    "that, x## step uh-huh, one, blue cat",
  ];
  const lexicon = lexiconOf("## step", "hmm,", "that");
  const placebo = await placeboLexicon(lexicon, documents, { seed: 3 });
  assert.deepEqual(placebo.grams.map((gram) => gram.controlOf), [
    { text: "## step", documentFrequency: 2, occurrences: 2 },
    { text: "hmm,", documentFrequency: 1, occurrences: 2 },
    { text: "that", documentFrequency: 1, occurrences: 1 },
  ]);
  checkPlacebo(placebo, lexicon, documents);
});

Deno.test("placeboLexicon() never draws the tail of a match", async () => {
  // "me check" is as frequent as "let me", and always in "let me check".
  const documents = ["let me check, a b", "let me check, c d"];
  for (let seed = 0; seed < 8; seed++) {
    const placebo = await placeboLexicon(lexiconOf("let me"), documents, { seed });
    assert.match(placebo.grams[0]!.text, /^(a b|c d)$/);
  }
});

Deno.test("placeboLexicon() gives a duplicate no control of its own", async () => {
  const placebo = await placeboLexicon(lexiconOf("wait", "Wait"), ["wait a b c"], { seed: 0 });
  assert.equal(placebo.grams.length, 1);
});

Deno.test("placeboLexicon() lists the grams for which no phrase is left", async () => {
  const placebo = await placeboLexicon(lexiconOf("so", "but"), ["so, but, red"], { seed: 0 });
  assert.deepEqual(placebo.grams.map((gram) => gram.controlOf!.text), ["so"]);
  assert.deepEqual(placebo.provenance.notes, [
    'No phrase of equal length was left for these grams: "but"',
  ]);
});

Deno.test("placeboLexicon() obeys its properties on random text", async () => {
  const word = fc.constantFrom(
    "so",
    "but",
    "let's",
    "wait",
    "wait,",
    "a",
    "b",
    "c's",
    "d\n\ne",
    "É",
  );
  const text = fc.array(word, { maxLength: 30 }).map((parts) => parts.join(" "));
  const gram = fc.constantFrom("so", "but wait", "wait,", "let's", "a", "b but", "So,");
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(gram, { minLength: 1 }),
      fc.array(text, { maxLength: 8 }),
      fc.nat(),
      async (grams, documents, seed) => {
        const lexicon = lexiconOf(...grams);
        let placebo: Lexicon;
        try {
          placebo = await placeboLexicon(lexicon, documents, { seed });
        } catch (error) {
          assert.match(
            (error as Error).message,
            /^Cannot draw a placebo as no gram of lexicon "t"/,
          );
          return;
        }
        checkPlacebo(placebo, lexicon, documents);
        const again = await placeboLexicon(lexicon, new Set(documents).values(), { seed });
        if (new Set(documents).size === documents.length) {
          assert.equal(serializeLexicon(again), serializeLexicon(placebo));
        }
      },
    ),
  );
});

fullTest("placeboLexicon() matches the paper's grams on real traces", async () => {
  const file = new URL("../testdata/rollouts/r1_distill_1p5b_math.jsonl.gz", import.meta.url);
  const lines = gunzipSync(await readFile(file)).toString().trim().split("\n");
  const documents = lines.slice(0, 150).map((line) => JSON.parse(line).completion as string);
  const lexicon = await loadLexicon("paper");
  const placebo = await placeboLexicon(lexicon, documents, { seed: 1 });
  checkPlacebo(
    { ...placebo, grams: placebo.grams.filter((_, i) => i % 10 === 0) }, // the oracle is slow
    lexicon,
    documents,
  );

  const error = { documentFrequency: 0, occurrences: 0 };
  const total = { grams: 0, controls: 0 };
  for (const { documentFrequency, occurrences, controlOf } of placebo.grams) {
    error.documentFrequency += Math.abs(
      Math.log(documentFrequency! / controlOf!.documentFrequency),
    );
    error.occurrences += Math.abs(Math.log(occurrences! / controlOf!.occurrences));
    total.grams += controlOf!.occurrences;
    total.controls += occurrences!;
  }
  // Seen here: 0.027 and 0.030 per gram, 5 % fewer occurrences in all. Words as common as "so" and
  // "wait" have no equals among the words of no gram, which is what the bounds leave room for.
  assert.ok(error.documentFrequency / placebo.grams.length < 0.1);
  assert.ok(error.occurrences / placebo.grams.length < 0.1);
  assert.ok(Math.abs(Math.log(total.controls / total.grams)) < 0.15);

  const other = await placeboLexicon(lexicon, documents, { seed: 2 });
  const texts = new Set(placebo.grams.map((gram) => gram.text));
  const numShared = other.grams.filter((gram) => texts.has(gram.text)).length;
  assert.ok(numShared < other.grams.length / 2, `${numShared} controls do not depend on the seed`);
});

const REFUSED: { name: string; seed: number; tolerance?: number; message: string }[] = [
  {
    name: "a seed that is no whole number",
    seed: 0.5,
    message: "Cannot draw a placebo as seed must be an integer: current value is 0.5",
  },
  {
    name: "a negative tolerance",
    seed: 0,
    tolerance: -1,
    message: "Cannot draw a placebo as tolerance must be at least 0: current value is -1",
  },
  {
    name: "documents without any gram",
    seed: 0,
    message:
      'Cannot draw a placebo as no gram of lexicon "t" has a control: 1 do not occur in the ' +
      "1 documents, for 0 there is no phrase of equal length, pass more text",
  },
];

for (const { name, message, ...options } of REFUSED) {
  Deno.test(`placeboLexicon() refuses ${name}`, async () => {
    await assert.rejects(placeboLexicon(lexiconOf("but wait"), ["red dog"], options), {
      name: "RangeError",
      message,
    });
  });
}
