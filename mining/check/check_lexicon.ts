import { byteTokenizer, type Solution } from "../../files/mod.ts";
import { GRAM_KINDS, type GramKind, type Lexicon, SgMatcher } from "../../sg/mod.ts";
import { ByteText } from "./_byte_text.ts";
import { checkWarnings } from "./_check_warnings.ts";
import { UnmatchedOpenings } from "./_unmatched_openings.ts";
import type { EarlierCheck, LexiconCheck } from "./lexicon_check.ts";

/** Options of {@linkcode checkLexicon}. */
export interface CheckLexiconOptions {
  /** What the check of the same lexicon said on texts of an earlier step, to tell what has drifted. */
  readonly earlier?: EarlierCheck;
  /** How many openings of unmatched sentences to tell. @default {10} */
  readonly maxMissed?: number;
  /** Called after each solution, with how many there were. */
  readonly onProgress?: (solutions: number) => void;
}

/**
 * Says what a lexicon finds in texts before anyone trains with it: how much it marks, which grams do most
 * of it, which never occur, how sentences begin that it does not touch, and, beside an earlier check, whether
 * phrases grew denser or more repetitive while accuracy did not rise (phrase hacking).
 *
 * It warns where the share is outside 0.5 % to 10 % of the characters, one gram has more than 30 % of the
 * spans, more than half of the solutions have no match, or more than half of the grams never occur. Whether
 * a match guides the solution is for a reader to say: the check shows each gram in its context and estimates
 * no precision.
 *
 * @example Usage
 * ```ts
 * import { checkLexicon } from "@hicra/hicra/mining";
 * import { lexiconFromGrams } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const lexicon = lexiconFromGrams(["but wait", "hmm"], { name: "mine" });
 * const { spans, absent, missed } = await checkLexicon(lexicon, [
 *   { text: "But wait, is it even? Let me check that.", promptId: "a", succeeded: true },
 * ]);
 * assert.equal(spans, 1);
 * assert.deepEqual(absent, ["hmm"]);
 * assert.equal(missed[0]!.text, "let me check");
 * ```
 *
 * @param lexicon The lexicon.
 * @param solutions The texts, such as rollouts of the model that is to be trained.
 * @param options An earlier check, how much to tell, and progress.
 * @returns The check.
 * @throws {RangeError} If the lexicon is too large for a matcher.
 */
export async function checkLexicon(
  lexicon: Lexicon,
  solutions: Iterable<Solution> | AsyncIterable<Solution>,
  options: CheckLexiconOptions = {},
): Promise<LexiconCheck> {
  const { earlier, maxMissed = 10, onProgress } = options;
  const matcher = SgMatcher.compile(lexicon, byteTokenizer().tokens);
  const openings = new UnmatchedOpenings();
  const prompts = new Set<string>();
  const counts = new Int32Array(lexicon.grams.length);
  const examples: string[] = [];
  const sums = { solutions: 0, unmatched: 0, repeated: 0, known: 0, succeeded: 0 };
  let characters = 0;
  let covered = 0;
  for await (const { text, promptId, succeeded } of solutions) {
    const bytes = new ByteText(text);
    const { planningMask, spans } = matcher.match(bytes.batch);
    characters += bytes.countCharacters();
    covered += bytes.countCharacters(planningMask);
    const seen = new Set<number>();
    for (let at = 0; at < spans.length; at += 3) {
      const gram = spans[at + 2]!;
      if (counts[gram]!++ === 0) examples[gram] = bytes.excerpt(spans[at]!, spans[at + 1]!);
      if (seen.has(gram)) sums.repeated++;
      seen.add(gram);
    }
    openings.add(text, bytes.toUnits(planningMask));
    prompts.add(promptId);
    if (spans.length === 0) sums.unmatched++;
    if (succeeded !== undefined) sums.known++;
    if (succeeded === true) sums.succeeded++;
    sums.solutions++;
    onProgress?.(sums.solutions);
  }
  const numSpans = counts.reduce((sum, count) => sum + count, 0);
  const kinds = Object.fromEntries(GRAM_KINDS.map((kind) => [kind, 0])) as Record<GramKind, number>;
  lexicon.grams.forEach(({ kind }, gram) => kinds[kind] += counts[gram]!);
  const check = {
    lexicon: lexicon.name,
    solutions: sums.solutions,
    prompts: prompts.size,
    characters,
    share: ratio(covered, characters),
    unmatched: ratio(sums.unmatched, sums.solutions),
    spans: numSpans,
    kinds,
    repetition: ratio(sums.repeated, numSpans),
    accuracy: ratio(sums.succeeded, sums.known),
    grams: lexicon.grams
      .map(({ text, kind }, gramIndex) => ({
        gramIndex,
        text,
        kind,
        spans: counts[gramIndex]!,
        share: counts[gramIndex]! / numSpans,
        example: examples[gramIndex]!,
      }))
      .filter(({ spans }) => spans > 0)
      .sort((a, b) => b.spans - a.spans || a.gramIndex - b.gramIndex),
    absent: lexicon.grams.filter((_, gram) => counts[gram] === 0).map(({ text }) => text),
    missed: openings.mostFrequent(maxMissed),
  };
  return { ...check, warnings: checkWarnings(check, earlier) };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
