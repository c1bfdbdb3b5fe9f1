import { InputRangeError } from "../batch/mod.ts";
import { distinctGrams } from "./_distinct_grams.ts";
import { normalizeText } from "./_normalize.ts";
import { drawIndex, splitMix64 } from "./_random.ts";
import { sha256 } from "./_sha256.ts";
import { type Lexicon, lexiconFromGrams, serializeLexicon } from "./lexicon.ts";

/** Options of {@linkcode dropGrams}. */
export interface DropGramsOptions {
  /** Seed of the draw, a whole number from 0. */
  readonly seed: number;
}

/**
 * Removes a share of the grams at random: of n distinct grams `round(share * n)`, each equally likely.
 * It is the paper's test of how much a metric depends on the very choice of grams: Appendix B removes
 * 30 % and finds the same trends (arXiv 2509.03646). The other grams keep their order and fields.
 *
 * A duplicate goes and stays with the first gram of its text. With one seed, what a small share
 * removes, a larger one removes too. The same lexicon, share and seed give the same lexicon.
 *
 * @example Usage
 * ```ts
 * import { dropGrams } from "@hicra/hicra/sg";
 * import { loadLexicon } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const lexicon = await dropGrams(await loadLexicon("paper"), 0.3, { seed: 1 });
 * assert.equal(lexicon.grams.length, 249 - 75);
 * ```
 *
 * @param lexicon The lexicon.
 * @param share Share of the grams to remove, from 0 to 1.
 * @param options The seed.
 * @returns The lexicon without them; its provenance holds the share, the seed and the digest of the
 * lexicon that it was made of.
 * @throws {RangeError} If the share or the seed is out of range, or no gram would be left.
 */
export async function dropGrams(
  lexicon: Lexicon,
  share: number,
  options: DropGramsOptions,
): Promise<Lexicon> {
  const { seed } = options;
  checkArguments(share, seed);
  const { name, provenance, grams } = lexicon;
  const texts = [...distinctGrams(grams).keys()];
  const numDropped = Math.round(share * texts.length);
  if (numDropped === texts.length) {
    throw new InputRangeError(
      `Cannot drop grams as at least one must be left: a share of ${share} is all ${texts.length} ` +
        `of lexicon "${name}"`,
    );
  }
  const next = splitMix64(BigInt(seed));
  const dropped = new Set<string>();
  for (let numLeft = texts.length; dropped.size < numDropped; numLeft--) {
    const drawn = drawIndex(next, numLeft);
    dropped.add(texts[drawn]!);
    texts[drawn] = texts[numLeft - 1]!;
  }
  return lexiconFromGrams(grams.filter(({ text }) => !dropped.has(normalizeText(text))), {
    name: `dropped-${name}-${share}-${seed}`,
    provenance: {
      ...provenance,
      source: `lexicon "${name}" without a random share of its grams`,
      parameters: {
        lexicon: name,
        lexiconDigest: await sha256(serializeLexicon(lexicon)),
        share,
        seed,
      },
    },
  });
}

function checkArguments(share: number, seed: number): void {
  if (!(share >= 0 && share <= 1)) {
    throw new InputRangeError(
      `Cannot drop grams as share must be a number from 0 to 1: current value is ${share}`,
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InputRangeError(
      `Cannot drop grams as seed must be a whole number from 0: current value is ${seed}`,
    );
  }
}
