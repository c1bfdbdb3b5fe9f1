import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { normalizeText } from "../../sg/_normalize.ts";
import { diffLexicons } from "../../sg/diff_lexicons.ts";
import { dropGrams } from "../../sg/drop_grams.ts";
import { type Lexicon, lexiconFromGrams, serializeLexicon } from "../../sg/lexicon.ts";
import { loadLexicon } from "../../files/load_lexicon.ts";
import { anyLexicon } from "./_lexicons.ts";

const textsOf = (lexicon: Lexicon): string[] => lexicon.grams.map(({ text }) => text);
const numDistinct = (lexicon: Lexicon): number => new Set(textsOf(lexicon).map(normalizeText)).size;
const seed = fc.nat();
const share = fc.double({ min: 0, max: 1, noNaN: true });

Deno.test("dropGrams() removes the share of the distinct grams and keeps order and fields", async () => {
  await fc.assert(fc.asyncProperty(anyLexicon("t"), share, seed, async (lexicon, share, seed) => {
    const numDropped = Math.round(share * numDistinct(lexicon));
    fc.pre(numDropped < numDistinct(lexicon));
    const dropped = await dropGrams(lexicon, share, { seed });
    const { added, removed, changed } = diffLexicons(
      // Without clusters: a gram whose company was removed stands in another one.
      lexiconFromGrams(lexicon.grams.map(({ cluster: _, ...gram }) => gram), { name: "t" }),
      lexiconFromGrams(dropped.grams.map(({ cluster: _, ...gram }) => gram), { name: "t" }),
    );
    assert.deepEqual([added.length, removed.length, changed.length], [0, numDropped, 0]);
    const kept = new Set(textsOf(dropped).map(normalizeText));
    assert.deepEqual(
      dropped.grams,
      lexicon.grams.filter(({ text }) => kept.has(normalizeText(text))),
    );
    assert.deepEqual(await dropGrams(lexicon, share, { seed }), dropped);
  }));
});

Deno.test("dropGrams() removes with a larger share what it removes with a smaller one", async () => {
  const lexicon = await loadLexicon("paper");
  let previous = new Set(textsOf(lexicon));
  for (const share of [0, 0.1, 0.3, 0.31, 0.9]) {
    const kept = new Set(textsOf(await dropGrams(lexicon, share, { seed: 7 })));
    assert.equal(kept.size, 249 - Math.round(249 * share));
    assert.ok(kept.isSubsetOf(previous), `${share}`);
    previous = kept;
  }
});

Deno.test("dropGrams() removes every gram equally often over seeds", async () => {
  const lexicon = lexiconFromGrams(["a", "b", "c", "d"], { name: "t" });
  const counts = new Map(textsOf(lexicon).map((text) => [text, 0]));
  for (let seed = 0; seed < 2000; seed++) {
    for (const { text } of diffLexicons(lexicon, await dropGrams(lexicon, 0.5, { seed })).removed) {
      counts.set(text, counts.get(text)! + 1);
    }
  }
  // Each count is binomial with mean 1000 and deviation 22: five deviations, and the seeds are fixed.
  for (const [text, count] of counts) assert.ok(Math.abs(count - 1000) < 110, `${text}: ${count}`);
});

Deno.test("dropGrams() writes down how to make the lexicon again", async () => {
  const lexicon = lexiconFromGrams(["a", "b", "c"], {
    name: "t",
    provenance: {
      source: "a test",
      corpusDigest: "sha256:00",
      parameters: { old: 1 },
      notes: ["of the kinds"],
    },
  });
  const { name, provenance } = await dropGrams(lexicon, 1 / 3, { seed: 5 });
  const digest = createHash("sha256").update(serializeLexicon(lexicon)).digest("hex");
  assert.equal(name, "dropped-t-0.3333333333333333-5");
  assert.deepEqual(provenance, {
    source: 'lexicon "t" without a random share of its grams',
    corpusDigest: "sha256:00",
    parameters: { lexicon: "t", lexiconDigest: `sha256:${digest}`, seed: 5, share: 1 / 3 },
    notes: ["of the kinds"],
  });
});

const REFUSED: { name: string; share: number; seed: number; message: string }[] = [
  {
    name: "a share above one",
    share: 30,
    seed: 0,
    message: "Cannot drop grams as share must be a number from 0 to 1: current value is 30",
  },
  {
    name: "a share that is no number",
    share: NaN,
    seed: 0,
    message: "Cannot drop grams as share must be a number from 0 to 1: current value is NaN",
  },
  {
    name: "a negative seed",
    share: 0.5,
    seed: -1,
    message: "Cannot drop grams as seed must be a whole number from 0: current value is -1",
  },
  {
    name: "to leave no gram",
    share: 0.9,
    seed: 0,
    message: "Cannot drop grams as at least one must be left: a share of 0.9 is all 2 of lexicon " +
      '"t"',
  },
];

for (const { name, share, seed, message } of REFUSED) {
  Deno.test(`dropGrams() refuses ${name}`, async () => {
    const lexicon = lexiconFromGrams(["a", "b", "B"], { name: "t" });
    await assert.rejects(dropGrams(lexicon, share, { seed }), { name: "RangeError", message });
  });
}
