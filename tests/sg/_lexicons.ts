import fc from "fast-check";
import { type Gram, GRAM_KINDS } from "../../sg/gram.ts";
import { type Lexicon, lexiconFromGrams } from "../../sg/lexicon.ts";

/** Lexicons of short grams from few letters, so that duplicates and shared grams are frequent. */
export function anyLexicon(name: string): fc.Arbitrary<Lexicon> {
  const gram: fc.Arbitrary<Gram> = fc.record(
    {
      text: fc.string({
        unit: fc.constantFrom("a", "b", "A", "'", "\u2019", " "),
        minLength: 1,
        maxLength: 3,
      }).map((text) => `x${text}`),
      kind: fc.constantFrom(...GRAM_KINDS),
      cluster: fc.nat(4),
      occurrences: fc.nat(3),
    },
    { requiredKeys: ["text", "kind"], noNullPrototype: true },
  );
  return fc.array(gram, { minLength: 1, maxLength: 12 })
    .map((grams) => lexiconFromGrams(grams, { name }));
}
