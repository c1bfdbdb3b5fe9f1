import { normalizeText } from "./_normalize.ts";
import type { Gram } from "./gram.ts";

/** The grams by their normalized text, in order; of those with one text the first, as in matching. */
export function distinctGrams(grams: readonly Gram[]): Map<string, Gram> {
  const distinct = new Map<string, Gram>();
  for (const gram of grams) {
    const text = normalizeText(gram.text);
    if (!distinct.has(text)) distinct.set(text, gram);
  }
  return distinct;
}
