import { JOIN_TEXTS } from "../corpus/_cut_text.ts";
import { SentenceCutter } from "../corpus/_sentences.ts";
import type { GramUnit } from "../count/ngram_table.ts";

/** A word on the way through grams: what may follow, and the rank of the gram that ends here. */
interface Step {
  rank: number;
  readonly next: Map<string, Step>;
}

/**
 * Counts for each gram the characters of texts that it covers and no gram before it does, so that the
 * sum over the first k is what k grams cover together.
 *
 * @param texts The texts.
 * @param grams Normalized grams, best first.
 * @param unit What the grams are made of.
 * @returns UTF-16 units by gram, `[grams]`, and of all texts.
 */
export async function coveredCharacters(
  texts: AsyncIterable<{ readonly text: string }>,
  grams: readonly string[],
  options: {
    readonly unit: GramUnit;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((solutions: number) => void) | undefined;
  },
): Promise<{ covered: Float64Array; total: number }> {
  const { unit, signal, onProgress } = options;
  const cutter = new SentenceCutter(unit);
  const first = stepsOf(grams, unit);
  const covered = new Float64Array(grams.length);
  let total = 0;
  let solutions = 0;
  // Best rank of each word, and of the join behind it.
  let words = new Int32Array(0);
  let joins = new Int32Array(0);
  for await (const { text } of texts) {
    signal?.throwIfAborted();
    total += text.length;
    const cut = cutter.cut(text);
    const { numWords, starts, ends } = cut;
    if (words.length < numWords) {
      words = new Int32Array(2 * numWords);
      joins = new Int32Array(2 * numWords);
    }
    words.fill(grams.length, 0, numWords);
    joins.fill(grams.length, 0, numWords);
    for (let begin = 0; begin < numWords; begin++) {
      let step: Step | undefined = { rank: grams.length, next: first };
      for (let word = begin; word < numWords; word++) {
        const letters = cut.folded.subarray(starts[word], ends[word]);
        const join = word === begin ? "" : JOIN_TEXTS[cut.joins[word - 1]!]!;
        step = step.next.get(join + String.fromCharCode(...letters));
        if (step === undefined) break;
        for (let w = begin; w <= word; w++) {
          words[w] = Math.min(words[w]!, step.rank);
          if (w < word) joins[w] = Math.min(joins[w]!, step.rank);
        }
        if (cut.joins[word] === 0) break;
      }
    }
    for (let word = 0; word < numWords; word++) {
      if (words[word]! < grams.length) covered[words[word]!]! += ends[word]! - starts[word]!;
      if (joins[word]! < grams.length) covered[joins[word]!]! += starts[word + 1]! - ends[word]!;
    }
    onProgress?.(++solutions);
  }
  return { covered, total };
}

/** The grams by their words, each with the join before it. */
function stepsOf(grams: readonly string[], unit: GramUnit): Map<string, Step> {
  const first = new Map<string, Step>();
  for (const [rank, gram] of grams.entries()) {
    let next = first;
    let step: Step | undefined;
    for (const word of wordsOf(gram, unit)) {
      step = next.get(word);
      if (step === undefined) next.set(word, step = { rank: grams.length, next: new Map() });
      next = step.next;
    }
    step!.rank = Math.min(step!.rank, rank);
  }
  return first;
}

function wordsOf(gram: string, unit: GramUnit): string[] {
  return gram.match(
    unit === "character" ? /\p{L}\p{M}*/gu : /(?:,? (?:[-\u2013\u2014] )?)?[^, ]+/g,
  )!;
}
