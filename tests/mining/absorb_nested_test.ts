import assert from "node:assert/strict";
import fc from "fast-check";
import { absorbNested } from "../../mining/count/absorb_nested.ts";
import type { NgramTable } from "../../mining/count/ngram_table.ts";

function tableOf(counts: Record<string, number>, unit: "word" | "character" = "word"): NgramTable {
  const texts = Object.keys(counts).sort();
  const occurrences = Uint32Array.from(texts, (text) => counts[text]!);
  const zeros = new Uint32Array(texts.length);
  return {
    unit,
    numPrompts: 3,
    numSolutions: 3,
    minPrompts: 1,
    texts,
    numWords: Uint8Array.from(
      texts,
      (text) => unit === "word" ? text.split(/ (?:[-\u2013\u2014] )?/).length : [...text].length,
    ),
    occurrences,
    solutions: occurrences,
    promptOffsets: new Float64Array(texts.length + 1),
    promptIndices: new Uint32Array(0),
    sentenceStarts: zeros,
    paragraphStarts: zeros,
    mathSentences: zeros,
    followedByMath: zeros,
    examples: texts.map(() => []),
  };
}

function keepers(counts: Record<string, number>, share?: number): Record<string, string> {
  const table = tableOf(counts);
  const result = absorbNested(table, share === undefined ? {} : { share });
  return Object.fromEntries(table.texts.map((text, g) => [text, table.texts[result[g]!]!]));
}

Deno.test("absorbNested() drops a gram whose occurrences are in a longer one", () => {
  assert.deepEqual(keepers({}), {});
  assert.deepEqual(keepers({ "a b c": 5 }), { "a b c": "a b c" });
  assert.deepEqual(keepers({ "a b c": 10, "a b c d": 9 }), {
    "a b c": "a b c d",
    "a b c d": "a b c d",
  });
  assert.deepEqual(keepers({ "a b c": 100, "a b c d": 89 }), {
    "a b c": "a b c",
    "a b c d": "a b c d",
  });
  // Through dashes and commas, and two words at once if the share holds over both.
  assert.deepEqual(keepers({ "a, b - c": 100, "x a, b - c": 95, "x a, b - c, d": 90 }), {
    "a, b - c": "x a, b - c, d",
    "x a, b - c": "x a, b - c, d",
    "x a, b - c, d": "x a, b - c, d",
  });
  assert.equal(keepers({ "a b c": 100, "x a b c": 95, "x a b c d": 87 })["a b c"], "a b c");
});

Deno.test("absorbNested() drops a rare continuation of a kept gram", () => {
  assert.deepEqual(keepers({ "a b c": 100, "a b c d": 10, "a b c e": 11 }), {
    "a b c": "a b c",
    "a b c d": "a b c",
    "a b c e": "a b c e",
  });
  // "b c d" would stand for "a b c d" alone, and follows it to what is kept.
  assert.equal(keepers({ "a b c": 100, "a b c d": 10, "b c d": 10 })["b c d"], "a b c");
  // "a b c" is dropped for "a b c d", so it cannot speak for its other continuation.
  assert.equal(keepers({ "a b c": 100, "a b c d": 95, "a b c e": 5 })["a b c e"], "a b c e");
});

Deno.test("absorbNested() takes characters for words where the table does", () => {
  const table = tableOf({ "让我们": 10, "让我们看": 10, "我们看": 30 }, "character");
  const result = absorbNested(table);
  assert.deepEqual(
    table.texts.map((text, g) => [text, table.texts[result[g]!]]),
    [["我们看", "我们看"], ["让我们", "让我们看"], ["让我们看", "让我们看"]],
  );
});

Deno.test("absorbNested() gives each gram a kept one, and 1 keeps all that ever stand alone", () => {
  const texts = ["a b", "b a", "a a", "a b a", "b a b", "a a b", "a b a b", "b a b a"];
  const counts = fc.record(
    Object.fromEntries(texts.map((text) => [text, fc.integer({ min: 1, max: 100 })])),
  );
  fc.assert(fc.property(counts, fc.constantFrom(0.6, 0.9, 1), (counts, share) => {
    // No part occurs less often than the whole.
    for (const long of texts) {
      for (const short of texts) {
        if (long !== short && long.includes(short)) {
          counts[short] = Math.max(counts[short]!, counts[long]!);
        }
      }
    }
    const result = keepers(counts, share);
    for (const [text, keeper] of Object.entries(result)) {
      assert.equal(result[keeper], keeper);
      if (share === 1 && text !== keeper) assert.equal(counts[keeper], counts[text]);
    }
  }));
});

Deno.test("absorbNested() refuses a share that is none", () => {
  for (const share of [0.5, 1.1, NaN]) {
    assert.throws(() => absorbNested(tableOf({}), { share }), {
      name: "RangeError",
      message: "Cannot absorb nested n-grams as share must be above 0.5 and at most 1: current " +
        `value is ${share}`,
    });
  }
});
