import assert from "node:assert/strict";
import fc from "fast-check";
import { TextMatcher } from "../../bench/lexicons/text_matcher.ts";
import { coveredCharacters } from "../../mining/judge/_covered_characters.ts";
import { lexiconFromGrams } from "../../sg/mod.ts";

async function covered(texts: string[], grams: string[]): Promise<[number[], number]> {
  const solutions = async function* (): AsyncGenerator<{ text: string }> {
    for (const text of texts) yield { text };
  };
  const result = await coveredCharacters(solutions(), grams, { unit: "word" });
  return [[...result.covered], result.total];
}

Deno.test("coveredCharacters() gives a character to the first gram that covers it", async () => {
  const text = "But wait, let me check. Let me go.";
  assert.deepEqual(await covered([text], ["let me", "wait, let me check", "go"]), [
    [12, 12, 2], // twice "let me"; "wait, " and " check"; "go"
    text.length,
  ]);
});

Deno.test("coveredCharacters() counts grams with dashes, and equal grams for the first", async () => {
  assert.deepEqual((await covered(["so \u2014 we go"], ["so \u2014 we", "we", "we"]))[0], [
    7,
    0,
    0,
  ]);
});

Deno.test("coveredCharacters() takes no text and no gram", async () => {
  assert.deepEqual(await covered([], ["a b"]), [[0], 0]);
  assert.deepEqual(await covered(["some text"], []), [[], 9]);
});

Deno.test("coveredCharacters() sums to what the matcher covers with the first k grams", async () => {
  const word = fc.constantFrom("ab", "cd", "ef");
  const phrase = fc.array(word, { minLength: 1, maxLength: 3 })
    .chain((words) =>
      fc.array(fc.constantFrom(" ", ", ", " - "), {
        minLength: words.length - 1,
        maxLength: words.length - 1,
      }).map((joins) => words.map((word, w) => word + (joins[w] ?? "")).join(""))
    );
  await fc.assert(
    fc.asyncProperty(
      fc.array(phrase, { minLength: 1, maxLength: 4 }),
      fc.uniqueArray(phrase, { minLength: 1, maxLength: 5 }),
      async (sentences, grams) => {
        const text = sentences.join(". ");
        const [counts] = await covered([text], grams);
        for (let k = 1; k <= grams.length; k++) {
          const matcher = new TextMatcher(lexiconFromGrams(grams.slice(0, k), { name: "k" }));
          const expected = matcher.cover(text).reduce((sum, unit) => sum + unit, 0);
          assert.equal(counts.slice(0, k).reduce((sum, count) => sum + count, 0), expected);
        }
      },
    ),
    { numRuns: 40 },
  );
});
