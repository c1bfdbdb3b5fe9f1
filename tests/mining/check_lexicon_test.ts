import assert from "node:assert/strict";
import fc from "fast-check";
import type { Solution } from "../../files/mod.ts";
import { checkLexicon } from "../../mining/mod.ts";
import { lexiconFromGrams } from "../../sg/mod.ts";
import { numRuns } from "../_scope.ts";
import { anyGram } from "../sg/_sequences.ts";
import { findMatches, normalizeGram } from "../sg/oracle.ts";

const LEXICON = lexiconFromGrams(
  [
    { text: "but wait", kind: "backtracking" },
    { text: "let's try", kind: "branching" },
    { text: "let's try a", kind: "branching" },
    { text: "hmm", kind: "other" },
  ],
  { name: "mine" },
);

const SOLUTIONS: Solution[] = [
  {
    text: "But wait. Let\u2019s try a sum: \u{1f600}. But wait, it is odd. Now we check x.",
    promptId: "a",
    succeeded: true,
  },
  { text: "Now we check that it fits. So 2.", promptId: "a", succeeded: false },
  { text: "Now we check. On second thought, no.", promptId: "b" },
];

Deno.test("checkLexicon() counts spans, shares, kinds, repetitions and what is missed, by hand", async () => {
  const check = await checkLexicon(LEXICON, SOLUTIONS);
  const { grams, missed, warnings, ...figures } = check;
  const characters = SOLUTIONS.reduce((sum, { text }) => sum + [...text].length, 0);
  assert.deepEqual(figures, {
    lexicon: "mine",
    solutions: 3,
    prompts: 2,
    characters,
    share: (8 + 11 + 8) / characters,
    unmatched: 2 / 3,
    spans: 3,
    kinds: { deduction: 0, branching: 1, backtracking: 2, other: 0 },
    repetition: 1 / 3,
    accuracy: 1 / 2,
    absent: ["let's try", "hmm"],
  });
  assert.deepEqual(
    grams.map(({ gramIndex, text, kind, spans, share }) => [gramIndex, text, kind, spans, share]),
    [
      [0, "but wait", "backtracking", 2, 2 / 3],
      [2, "let's try a", "branching", 1, 1 / 3],
    ],
  );
  assert.equal(grams[0]!.example, "But wait. Let\u2019s try a sum: \u{1f600}. But wait, it...");
  assert.deepEqual(missed.slice(0, 2), [
    { text: "now we check", sentences: 3, solutions: 3, example: "Now we check x." },
    { text: "on second thought", sentences: 1, solutions: 1, example: "On second thought, no." },
  ]);
  assert.match(
    warnings[0]!,
    /^20.1 % of the characters are in matches: beyond 10.0 % a lexicon is no list/,
  );
  assert.match(
    warnings[1]!,
    /^"but wait" has 66.7 % of the spans: credit goes mostly to one phrase$/,
  );
  assert.match(warnings[2]!, /^66.7 % of the solutions have no match$/);
  assert.equal(warnings.length, 3);
});

Deno.test("checkLexicon() of no text knows nothing and says so", async () => {
  const { share, unmatched, repetition, accuracy, spans, missed, warnings } = await checkLexicon(
    LEXICON,
    [],
  );
  assert.deepEqual([share, unmatched, repetition, accuracy, spans], [null, null, null, null, 0]);
  assert.deepEqual(missed, []);
  assert.deepEqual(warnings, ["there are no texts"]);
});

Deno.test("checkLexicon() warns where hardly anything is matched and most grams never occur", async () => {
  const { warnings } = await checkLexicon(LEXICON, [
    { text: `Hmm. ${"The sum of both is odd. ".repeat(100)}`, promptId: "a" },
  ]);
  assert.deepEqual(warnings, [
    "only 0.1 % of the characters are in matches: is the lexicon of such texts?",
    '"hmm" has 100.0 % of the spans: credit goes mostly to one phrase',
    "3 of 4 grams never occur",
  ]);
});

Deno.test("checkLexicon() tells phrases that spread from those that pay", async () => {
  const text = (waits: number) => `${"But wait, no. ".repeat(waits)}${"It is so. ".repeat(20)}`;
  const of = async (waits: number, succeeded: boolean[], earlier?: object) =>
    await checkLexicon(
      LEXICON,
      succeeded.map((is) => ({ text: text(waits), promptId: "a", succeeded: is })),
      { ...(earlier && { earlier: earlier as Awaited<ReturnType<typeof checkLexicon>> }) },
    );
  const drift = ({ warnings }: { readonly warnings: readonly string[] }) =>
    warnings.filter((warning) => warning.includes("rose"));
  const before = await of(1, [true, false]);
  assert.deepEqual(drift(await of(1, [true, false], before)), []);
  assert.deepEqual(drift(await of(3, [true, true], before)), []);
  const [warning] = drift(await of(3, [true, false], before));
  assert.match(
    warning!,
    /^the share rose from 3.7 % to 9.9 % and repetition rose from 0.0 % to 66.7 % while accuracy went from 50.0 % to 50.0 %: phrases may be written for their credit$/,
  );
});

Deno.test("checkLexicon() covers the characters that the oracle's matches cover", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyGram.filter((gram) => gram.trim() !== ""), { minLength: 1, maxLength: 4 }),
      fc.array(anyGram, { maxLength: 6 }).map((pieces) => pieces.join("").toWellFormed()),
      async (grams, text) => {
        const normalized = grams.map(normalizeGram);
        fc.pre(normalized.every((gram) => gram.length > 0));
        const lexicon = lexiconFromGrams(grams, { name: "any" });
        const { share, characters } = await checkLexicon(lexicon, [{ text, promptId: "a" }]);
        const bytes = new TextEncoder().encode(text);
        const covered = new Set<number>();
        for (const { firstByte, lastByte } of findMatches(bytes, normalized)) {
          for (let b = firstByte; b <= lastByte; b++) covered.add(b);
        }
        let at = 0;
        let expected = 0;
        for (const character of text) {
          if (covered.has(at)) expected++;
          at += new TextEncoder().encode(character).length;
        }
        assert.equal(characters, [...text].length);
        assert.equal(share ?? 0, characters === 0 ? 0 : expected / characters);
      },
    ),
    { numRuns: numRuns(2000) },
  );
});
