import { type CorpusShard, readShard } from "../corpus/_corpus_shards.ts";
import { cutExample, examplePriority, exampleWindow } from "./_examples.ts";
import {
  Field,
  GramCounts,
  type GramKey,
  type PackedCounts,
  type Quotation,
} from "./_gram_counts.ts";
import {
  EMPTY_HIGH,
  EMPTY_LOW,
  extendHigh,
  extendLow,
  prefixHash,
  slotHash,
  WordHashes,
} from "./_gram_hashes.ts";
import { hashText } from "../_hash.ts";
import { clearTags, isCandidate, markCandidates, PromptFilter } from "./_prompt_filter.ts";
import type { StoredSolution } from "../corpus/stored_solution.ts";
import {
  type CutText,
  type GramUnit,
  JOIN_TEXTS,
  SentenceCutter,
  WordFlag,
} from "../corpus/_sentences.ts";

/** UTF-16 units of text between two pauses, some 20 ms of work. */
const PAUSE_CHARACTERS = 1 << 18;

/** What all tasks of a {@linkcode ShardCounter} share; plain data, as it is sent to threads. */
export interface CounterSetup {
  readonly folder: string;
  readonly shards: readonly CorpusShard[];
  readonly unit: GramUnit;
  readonly minWords: number;
  readonly maxWords: number;
  readonly minPrompts: number;
  /** Bits of the hashes that are used: all, but in a test of what collisions do. */
  readonly hashMask: number;
}

/** A task of the first pass. */
export interface FilterTask {
  readonly shard: number;
  /** The tags of the shard's runs follow this one. */
  readonly tag: number;
}

/** What a first pass finds besides. */
export interface LetterCounts {
  readonly letters: number;
  readonly unspacedLetters: number;
}

/**
 * Does the tasks of counting, a shard at a time, in any thread. Arrays that the threads share come as
 * their buffers: Deno takes 1.5 s to post a view of 32 MB, and nothing to post its buffer.
 */
export class ShardCounter {
  readonly #setup: CounterSetup;
  readonly #pause: () => Promise<void>;
  readonly #firstSolutions: number[] = [];
  readonly #cutter: SentenceCutter;
  readonly #hashes = new WordHashes();
  readonly #key: GramKey = { low: 0, high: 0, range: 0, numWords: 0 };
  #table: Int32Array = new Int32Array(0);
  #candidates: Int32Array = new Int32Array(0);
  /** Prefix hashes of the first pass: from the first to below the second. */
  #range: readonly [from: number, to: number] = [0, 0];
  /** The least prefix hash of the second pass. */
  #from = 0;
  #counts = new GramCounts();
  /** Words of a solution with what joins them, and where each word begins and ends there. */
  #units = new Uint16Array(0);
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);

  /**
   * @param setup The corpus, and what is counted.
   * @param pause Is awaited every some 20 ms; may throw to end the work.
   */
  constructor(setup: CounterSetup, pause: () => Promise<void>) {
    this.#setup = setup;
    this.#pause = pause;
    this.#cutter = new SentenceCutter(setup.unit);
    let first = 0;
    for (const { solutions } of setup.shards) {
      this.#firstSolutions.push(first);
      first += solutions;
    }
  }

  /** Begins a first pass over grams of a range of prefix hashes. */
  startFilter(
    { table, range }: { table: SharedArrayBuffer; range: readonly [number, number] },
  ): void {
    this.#table = new Int32Array(table);
    this.#range = range;
  }

  /** Counts the prompts of all n-grams of a shard by hash. */
  async filter({ shard, tag }: FilterTask): Promise<LetterCounts> {
    const { minWords, maxWords, minPrompts, hashMask } = this.#setup;
    const [from, to] = this.#range;
    const filter = new PromptFilter(this.#table, minPrompts);
    let lastPrompt = -1;
    let letters = 0;
    let unspacedLetters = 0;
    for await (const { text, prompt } of this.#solutions(shard)) {
      if (prompt !== lastPrompt) filter.startRun(++tag);
      lastPrompt = prompt;
      const cut = this.#cutter.cut(text);
      const { numWords, joins, starts, ends } = cut;
      this.#hashes.read(cut);
      const { low: lows, high: highs } = this.#hashes;
      unspacedLetters += cut.numUnspacedLetters;
      for (let first = 0; first < numWords; first++) {
        letters += ends[first]! - starts[first]!;
        let low = EMPTY_LOW;
        let high = EMPTY_HIGH;
        let join = 0;
        for (let n = 1; n <= maxWords; n++) {
          const last = first + n - 1;
          low = extendLow(low, join, lows[last]!);
          high = extendHigh(high, join, highs[last]!);
          if (n === minWords) {
            const prefix = prefixHash(low & hashMask);
            if (prefix < from || prefix >= to) break;
          }
          if (n >= minWords) filter.add(slotHash(low & hashMask, high & hashMask));
          join = joins[last]!;
          if (join === 0) break;
        }
      }
    }
    filter.flush();
    return { letters, unspacedLetters };
  }

  /** Makes the tags of the slots `[from, to)` free for other runs. */
  clearTags([from, to]: readonly [number, number]): void {
    clearTags(this.#table, from, to);
  }

  /** Notes which of the slots `[from, to)` have counted enough. */
  mark({ bits, slots }: { bits: SharedArrayBuffer; slots: readonly [number, number] }): void {
    markCandidates(this.#table, new Int32Array(bits), slots, this.#setup.minPrompts);
  }

  /** Begins a second pass, over the candidates with a prefix hash from `from` to below `bound`. */
  startCount(
    { bits, from, bound, maxBytes }: {
      bits: SharedArrayBuffer;
      from: number;
      bound: SharedArrayBuffer;
      maxBytes: number;
    },
  ): void {
    this.#table = new Int32Array(0);
    this.#candidates = new Int32Array(bits);
    this.#from = from;
    this.#counts = new GramCounts(from, new Int32Array(bound), maxBytes);
  }

  /** Counts the candidates of a shard by text. */
  async count(shard: number): Promise<void> {
    const { minWords, maxWords, hashMask } = this.#setup;
    const counts = this.#counts;
    const key = this.#key;
    const candidates = this.#candidates;
    let solution = this.#firstSolutions[shard]! - 1;
    for await (const { text, prompt, promptId } of this.#solutions(shard)) {
      solution++;
      const bound = counts.follow();
      const promptHash = hashText(promptId);
      const cut = this.#cutter.cut(text);
      const { numWords, joins } = cut;
      this.#hashes.read(cut);
      const { low: lows, high: highs } = this.#hashes;
      this.#joinWords(cut);
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
              if (key.range < this.#from || key.range >= bound) break;
            }
            // What a gram begins with occurs wherever it does: if that is too rare, so is the gram.
            if (!isCandidate(candidates, slotHash(key.low, key.high))) break;
            key.numWords = n;
            const row = counts.find(key, this.#units, this.#starts[first]!, this.#ends[last]!);
            if (row < 0) break;
            counts.addPrompt(row, prompt);
            this.#addOccurrence(row, cut, [first, last], [solution, promptHash]);
          }
          join = joins[last]!;
          if (join === 0) break;
        }
      }
    }
  }

  /** What was counted. */
  collect(): PackedCounts {
    const packed = this.#counts.pack();
    this.#counts = new GramCounts();
    return packed;
  }

  /** Cuts examples out of a shard. */
  async quote(
    { shard, quotations }: { shard: number; quotations: readonly Quotation[] },
  ): Promise<string[]> {
    const solutions = await readShard(this.#setup.folder, this.#setup.shards[shard]!);
    const first = this.#firstSolutions[shard]!;
    return quotations.map(({ solution, from, to }) =>
      cutExample(solutions[solution - first]!.text, from, to)
    );
  }

  async *#solutions(shard: number): AsyncGenerator<StoredSolution, void, undefined> {
    let characters = 0;
    for (const solution of await readShard(this.#setup.folder, this.#setup.shards[shard]!)) {
      yield solution;
      characters += solution.text.length;
      if (characters < PAUSE_CHARACTERS) continue;
      characters = 0;
      await this.#pause();
    }
  }

  /** Writes the words and what joins them one after the other, so that each gram is one stretch. */
  #joinWords({ numWords, starts, ends, joins, folded }: CutText): void {
    if (this.#starts.length < numWords) {
      this.#starts = new Int32Array(2 * numWords);
      this.#ends = new Int32Array(2 * numWords);
    }
    // What joins words is at most as long as a text has between them.
    if (this.#units.length < folded.length) this.#units = new Uint16Array(folded.length);
    const units = this.#units;
    let at = 0;
    for (let word = 0; word < numWords; word++) {
      this.#starts[word] = at;
      for (let i = starts[word]!; i < ends[word]!; i++) units[at++] = folded[i]!;
      this.#ends[word] = at;
      const join = JOIN_TEXTS[joins[word]!]!;
      for (let i = 0; i < join.length; i++) units[at++] = join.charCodeAt(i);
    }
  }

  #addOccurrence(
    row: number,
    cut: CutText,
    [first, last]: readonly [number, number],
    [solution, promptHash]: readonly [number, number],
  ): void {
    const { rows } = this.#counts;
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
    if (!this.#counts.takesExample(row, priority)) return;
    const sentence = cut.sentences[first]!;
    const [from, to] = exampleWindow(
      [cut.sentenceStarts[sentence]!, cut.sentenceEnds[sentence]!],
      [start, cut.ends[last]!],
    );
    this.#counts.addExample(row, { priority, solution, from, to });
  }
}
