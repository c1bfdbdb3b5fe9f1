import assert from "node:assert/strict";
import fc from "fast-check";
import { normalizeText } from "../../sg/_normalize.ts";
import { type Lexicon, lexiconFromGrams, parseLexicon } from "../../sg/lexicon.ts";
import { loadLexicon } from "../../files/load_lexicon.ts";
import { serializeGrams } from "../../sg/serialize_grams.ts";

const lexiconOf = (...grams: string[]): Lexicon => lexiconFromGrams(grams, { name: "t" });

Deno.test("serializeGrams() writes every gram in the order of its index, duplicates too", () => {
  assert.equal(serializeGrams(lexiconOf("so")), "so\n");
  assert.equal(serializeGrams(lexiconOf("## b ", "[1]", "a", "A")), "## b\n[1]\na\nA\n");
});

Deno.test("serializeGrams() writes the paper's list so that it reads back", async () => {
  const paper = await loadLexicon("paper");
  const { grams } = parseLexicon(serializeGrams(paper), { name: "t" });
  assert.deepEqual(grams.map(({ text }) => text), paper.grams.map(({ text }) => text));
});

Deno.test("serializeGrams() writes what reads back to the same normalized grams, or refuses", () => {
  const text = fc.string({
    unit: fc.constantFrom(..."ab'[{ \t\r\n\ufeff\u0085\u2028\u3000\u2019"),
    maxLength: 5,
  }).filter((text) => normalizeText(text) !== "");
  fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
    const isRefused = texts.some((text) => /[\r\n]|^\s*\ufeff|\ufeff\s*$/.test(text)) ||
      /^\s*[[{]/.test(texts[0]!);
    if (isRefused) return void assert.throws(() => serializeGrams(lexiconOf(...texts)), RangeError);
    const { grams } = parseLexicon(serializeGrams(lexiconOf(...texts)), { name: "t" });
    assert.deepEqual(grams.map(({ text }) => normalizeText(text)), texts.map(normalizeText));
  }));
});

const REFUSED: { name: string; grams: string[]; message: string }[] = [
  {
    name: "a gram that holds a line end",
    grams: ["so", "but\nwait"],
    message: 'Cannot write lexicon "t" as plain text as a gram must hold no line end: ' +
      'grams[1].text is "but\\nwait", keep it as JSON',
  },
  {
    name: "a gram that begins with U+FEFF",
    grams: ["so", "\ufeffso"],
    message:
      'Cannot write lexicon "t" as plain text as a gram must not begin or end with U+FEFF: ' +
      'grams[1].text is "\ufeffso", keep it as JSON',
  },
  {
    name: "a first gram that would be read as JSON",
    grams: ["[x]"],
    message: 'Cannot write lexicon "t" as plain text as the first gram must not begin like JSON: ' +
      'grams[0].text is "[x]", keep it as JSON',
  },
];

for (const { name, grams, message } of REFUSED) {
  Deno.test(`serializeGrams() refuses ${name}`, () => {
    assert.throws(() => serializeGrams(lexiconOf(...grams)), { name: "RangeError", message });
  });
}
