import { type CutText, WordFlag } from "../corpus/_cut_text.ts";
import { SentenceCutter } from "../corpus/_sentences.ts";
import type { StoredCorpus } from "../corpus/stored_corpus.ts";
import { hashText } from "../_hash.ts";
import { corpusPass } from "./_corpus_pass.ts";
import type { CountCorpusOptions, PrefixRange } from "./_count_options.ts";
import { examplePriority, exampleWindow } from "./_examples.ts";
import { type FrequentGrams, GramCounts, type GramKey } from "./_gram_counts.ts";
import {
  EMPTY_HIGH,
  EMPTY_LOW,
  extendHigh,
  extendLow,
  prefixHash,
  slotHash,
  WordHashes,
} from "./_gram_hashes.ts";
import { addExample, Field, takesExample } from "./_gram_rows.ts";
import { JoinedWords } from "./_joined_words.ts";
import { isCandidate } from "./_prompt_filter.ts";

/** Places in the counts have 31 bits. */
const MAX_COUNT_BYTES = 2 ** 32;

/** What {@linkcode countCandidates} counted. */
export interface CountedCandidates {
  readonly grams: FrequentGrams;
  /** Prefix hashes from here on did not fit in the memory, and need another pass. */
  readonly bound: number;
}

/** The second pass: counts by text those candidates of a range for which there is memory. */
export async function countCandidates(
  corpus: StoredCorpus,
  candidates: Int32Array,
  [from, to]: PrefixRange,
  options: CountCorpusOptions,
): Promise<CountedCandidates> {
  const { unit, minWords, maxWords, minPrompts, memoryBytes, hashMask = ~0 } = options;
  const counts = new GramCounts([from, to], Math.min(memoryBytes / 2, MAX_COUNT_BYTES));
  const cutter = new SentenceCutter(unit);
  const hashes = new WordHashes();
  const joined = new JoinedWords();
  const key: GramKey = { low: 0, high: 0, range: 0, numWords: 0 };
  let solution = -1;
  for await (const { text, prompt, promptId } of corpusPass(corpus, "count", options)) {
    solution++;
    const promptHash = hashText(promptId);
    const cut = cutter.cut(text);
    const { numWords, joins } = cut;
    hashes.read(cut);
    const { low: lows, high: highs } = hashes;
    joined.read(cut);
    for (let first = 0; first < numWords; first++) {
      let low = EMPTY_LOW;
      let high = EMPTY_HIGH;
      let join = 0;
      for (let n = 1; n <= maxWords; n++) {
        const last = first + n - 1;
        low = extendLow(low, join, lows[last]!);
        high = extendHigh(high, join, highs[last]!);
        if (n >= minWords) {
          key.low = low & hashMask;
          key.high = high & hashMask;
          if (n === minWords) {
            key.range = prefixHash(key.low);
            if (key.range < from || key.range >= counts.bound) break;
          }
          // What a gram begins with occurs wherever it does: if that is too rare, so is the gram.
          if (!isCandidate(candidates, slotHash(key.low, key.high))) break;
          key.numWords = n;
          const row = counts.find(key, joined.units, joined.starts[first]!, joined.ends[last]!);
          if (row < 0) break;
          counts.addPrompt(row, prompt);
          addOccurrence(counts.rows, row, cut, [first, last], [solution, promptHash]);
        }
        join = joins[last]!;
        if (join === 0) break;
      }
    }
  }
  return { grams: counts.frequent(minPrompts), bound: counts.bound };
}

function addOccurrence(
  rows: Int32Array,
  row: number,
  cut: CutText,
  [first, last]: readonly [number, number],
  [solution, promptHash]: readonly [number, number],
): void {
  rows[row + Field.occurrences]!++;
  const flags = cut.flags[first]!;
  if (flags & WordFlag.startsSentence) rows[row + Field.sentenceStarts]!++;
  if (flags & WordFlag.startsParagraph) rows[row + Field.paragraphStarts]!++;
  if (flags & WordFlag.inMathSentence) rows[row + Field.mathSentences]!++;
  if (cut.flags[last]! & WordFlag.beforeMath) rows[row + Field.followedByMath]!++;
  if (rows[row + Field.lastSolution] !== solution) {
    rows[row + Field.lastSolution] = solution;
    rows[row + Field.solutions]!++;
  }
  const start = cut.starts[first]!;
  const priority = examplePriority(rows[row + Field.textHash]!, promptHash, start) | 0;
  if (!takesExample(rows, row, priority)) return;
  const sentence = cut.sentences[first]!;
  const [from, to] = exampleWindow(
    [cut.sentenceStarts[sentence]!, cut.sentenceEnds[sentence]!],
    [start, cut.ends[last]!],
  );
  addExample(rows, row, { priority, solution, from, to });
}
