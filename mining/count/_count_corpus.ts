import { CountTeam } from "./_count_team.ts";
import {
  examplesOf,
  Field,
  type FrequentGrams,
  GramCounts,
  type Quotation,
  ROW,
} from "./_gram_counts.ts";
import { PREFIX_RANGE } from "./_gram_hashes.ts";
import { MAX_TAG } from "./_prompt_filter.ts";
import type { CounterSetup, FilterTask } from "./_shard_counter.ts";
import type { NgramProgress } from "./ngram_progress.ts";
import type { GramUnit, NgramTable } from "./ngram_table.ts";
import type { StoredCorpus } from "../corpus/stored_corpus.ts";

/** Fewest and most slots of a filter. */
const MIN_SLOTS = 1 << 10;
const MAX_SLOTS = 2 ** 29;
/** Slots of a filter that a thread sweeps at a time. */
const SWEEP_SLOTS = 1 << 22;
/** N-grams of each length per UTF-16 unit: measured for words, at most for characters. */
const GRAMS_PER_CHARACTER: Record<GramUnit, number> = { word: 0.1, character: 1 };
/** A thread addresses its counts with 31 bits. */
const MAX_COUNT_BYTES = 2 ** 32;

/** What {@linkcode countCorpus} is told. */
export interface CountCorpusOptions {
  readonly unit: GramUnit;
  readonly minWords: number;
  readonly maxWords: number;
  readonly minPrompts: number;
  readonly workers: number;
  readonly memoryBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: NgramProgress) => void) | undefined;
  /** Bits of the hashes that are used, for tests. */
  readonly hashMask?: number;
}

/** What {@linkcode countCorpus} found. */
export interface CountedCorpus {
  readonly table: NgramTable;
  /** Letters of words, and letters of scripts without spaces. */
  readonly letters: number;
  readonly unspacedLetters: number;
  /** Passes over the corpus that counted grams by text. */
  readonly countPasses: number;
}

/**
 * Counts the n-grams of a corpus in two passes, for one range of n-grams after another.
 *
 * The first pass counts prompts by hash in a table of fixed size that never counts too few. The second counts by
 * text what was enough for the first, so hashes only decide how much is counted in vain. Half the
 * memory is for the table, half for the counts.
 */
export async function countCorpus(
  corpus: StoredCorpus,
  options: CountCorpusOptions,
): Promise<CountedCorpus> {
  const { unit, minWords, maxWords, minPrompts, workers, signal } = options;
  signal?.throwIfAborted();
  const setup: CounterSetup = {
    folder: corpus.folder,
    shards: corpus.shards,
    unit,
    minWords,
    maxWords,
    minPrompts,
    hashMask: options.hashMask ?? ~0,
  };
  const team = new CountTeam(setup, Math.max(1, Math.min(workers, corpus.shards.length)), signal);
  try {
    const pass = new Passes(corpus, team, options);
    const { slots, ranges } = planFilter(corpus, options);
    const found: FrequentGrams[] = [];
    let letters = 0;
    let unspacedLetters = 0;
    let countPasses = 0;
    for (let r = 0; r < ranges; r++) {
      const [from, to] = [r, r + 1].map((i) => Math.round(i / ranges * PREFIX_RANGE)) as [
        number,
        number,
      ];
      const filtered = await pass.filter(slots, [from, to]);
      ({ letters, unspacedLetters } = filtered);
      for (let next = from; next < to;) {
        const counted = await pass.count(filtered.candidates, [next, to]);
        found.push(counted.grams);
        next = counted.bound;
        countPasses++;
      }
    }
    const table = await assemble(corpus, options, found, (quotations) => pass.quote(quotations));
    return { table, letters, unspacedLetters, countPasses };
  } finally {
    await team.close();
  }
}

/**
 * How many slots a filter has, and over how many ranges of n-grams the corpus is filtered. With two slots per
 * `minPrompts` n-grams few slots count enough by chance; more, where memory allows, leave
 * fewer.
 */
function planFilter(
  { numCharacters }: StoredCorpus,
  { unit, minWords, maxWords, minPrompts, memoryBytes }: CountCorpusOptions,
): { slots: number; ranges: number } {
  const grams = numCharacters * (maxWords - minWords + 1) * GRAMS_PER_CHARACTER[unit];
  const enough = 2 * grams / minPrompts;
  const limit = Math.min(MAX_SLOTS, 2 ** Math.floor(Math.log2(memoryBytes / 8)));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(2 * enough, grams / 4, MIN_SLOTS)));
  const slots = Math.max(MIN_SLOTS, Math.min(limit, wanted));
  return { slots, ranges: Math.max(1, Math.ceil(enough / slots)) };
}

/** The passes over a corpus, each done by the whole team. */
class Passes {
  readonly #corpus: StoredCorpus;
  readonly #team: CountTeam;
  readonly #options: CountCorpusOptions;

  constructor(corpus: StoredCorpus, team: CountTeam, options: CountCorpusOptions) {
    this.#corpus = corpus;
    this.#team = team;
    this.#options = options;
  }

  /** Finds the slots of the n-grams, of a range, that may occur in enough prompts. */
  async filter(
    slots: number,
    range: readonly [from: number, to: number],
  ): Promise<{ candidates: SharedArrayBuffer; letters: number; unspacedLetters: number }> {
    const table = new SharedArrayBuffer(4 * slots);
    await this.#team.all("startFilter", { table, range });
    const progress = this.#progress("filter");
    let letters = 0;
    let unspacedLetters = 0;
    for (const [index, tasks] of tagShards(this.#corpus).entries()) {
      if (index > 0) await this.#team.share("clearTags", sweep(slots));
      await this.#team.share("filter", tasks, (result, task) => {
        letters += result.letters;
        unspacedLetters += result.unspacedLetters;
        progress(tasks[task]!.shard);
      });
    }
    const candidates = new SharedArrayBuffer(slots / 8);
    const parts = sweep(slots).map((slots) => ({ bits: candidates, slots }));
    await this.#team.share("mark", parts);
    return { candidates, letters, unspacedLetters };
  }

  /** Counts the candidates of a range by text, up to the bound where memory ends. */
  async count(
    candidates: SharedArrayBuffer,
    [from, to]: readonly [number, number],
  ): Promise<{ grams: FrequentGrams; bound: number }> {
    const { memoryBytes, minPrompts } = this.#options;
    const bound = new Int32Array(new SharedArrayBuffer(4)).fill(to);
    // The counts of several threads are added up in as much memory again.
    const shares = this.#team.size === 1 ? 1 : 2 * this.#team.size;
    const maxBytes = Math.min(memoryBytes / 2 / shares, MAX_COUNT_BYTES);
    await this.#team.all("startCount", { bits: candidates, from, bound: bound.buffer, maxBytes });
    const progress = this.#progress("count");
    const shards = Array.from(this.#corpus.shards.keys());
    await this.#team.share("count", shards, (_, shard) => progress(shard));
    const counts = new GramCounts();
    for (const packed of await this.#team.all("collect", undefined)) counts.merge(packed);
    return { grams: counts.frequent(minPrompts), bound: bound[0]! };
  }

  /** Cuts examples out of the texts, in their order. */
  async quote(quotations: readonly Quotation[]): Promise<string[]> {
    const order = Uint32Array.from(quotations.keys())
      .sort((a, b) => quotations[a]!.solution - quotations[b]!.solution);
    const examples = new Array<string>(quotations.length);
    const tasks: { shard: number; quotations: Quotation[] }[] = [];
    const firsts: number[] = [];
    let next = 0;
    let end = 0;
    for (const [shard, { solutions }] of this.#corpus.shards.entries()) {
      end += solutions;
      const first = next;
      while (next < order.length && quotations[order[next]!]!.solution < end) next++;
      if (next === first) continue;
      firsts.push(first);
      tasks.push({
        shard,
        quotations: Array.from(order.subarray(first, next), (index) => quotations[index]!),
      });
    }
    const progress = this.#progress("examples");
    await this.#team.share("quote", tasks, (texts, task) => {
      for (const [i, text] of texts.entries()) examples[order[firsts[task]! + i]!] = text;
      progress(tasks[task]!.shard);
    });
    return examples;
  }

  #progress(stage: NgramProgress["stage"]): (shard: number) => void {
    const { numSolutions, shards } = this.#corpus;
    let solutions = 0;
    return (shard) => {
      solutions += shards[shard]!.solutions;
      this.#options.onProgress?.({ stage, solutions, numSolutions });
    };
  }
}

/** Gives the runs of solutions of one prompt their tags: groups of shards whose tags all differ. */
function tagShards({ shards }: StoredCorpus): FilterTask[][] {
  const groups: FilterTask[][] = [];
  let tag = MAX_TAG;
  for (const [shard, { solutions }] of shards.entries()) {
    if (tag + solutions > MAX_TAG) {
      groups.push([]);
      tag = 0;
    }
    groups.at(-1)!.push({ shard, tag });
    tag += solutions;
  }
  return groups;
}

function sweep(slots: number): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(slots / SWEEP_SLOTS) }, (_, part) => [
    part * SWEEP_SLOTS,
    Math.min((part + 1) * SWEEP_SLOTS, slots),
  ]);
}

/** Puts the grams of all ranges in the order of their texts. */
async function assemble(
  { numPrompts, numSolutions }: StoredCorpus,
  { unit, minPrompts }: CountCorpusOptions,
  found: readonly FrequentGrams[],
  quote: (quotations: readonly Quotation[]) => Promise<string[]>,
): Promise<NgramTable> {
  const grams = found.flatMap((range) => range.texts.map((text, index) => ({ range, index, text })))
    .sort((a, b) => a.text < b.text ? -1 : 1);
  const column = <A extends Uint8Array | Uint32Array>(array: A, field: number): A => {
    for (const [g, { range, index }] of grams.entries()) {
      array[g] = range.rows[index * ROW + field]!;
    }
    return array;
  };
  const promptOffsets = new Float64Array(grams.length + 1);
  for (const [g, { range: { promptOffsets: offsets }, index }] of grams.entries()) {
    promptOffsets[g + 1] = promptOffsets[g]! + offsets[index + 1]! - offsets[index]!;
  }
  const promptIndices = new Uint32Array(promptOffsets[grams.length]!);
  for (const [g, { range: { prompts, promptOffsets: offsets }, index }] of grams.entries()) {
    promptIndices.set(prompts.subarray(offsets[index]!, offsets[index + 1]!), promptOffsets[g]!);
  }
  const quotations = grams.map(({ range, index }) => examplesOf(range.rows, index * ROW));
  const examples = await quote(quotations.flat());
  let next = 0;
  const length = grams.length;
  return {
    unit,
    numPrompts,
    numSolutions,
    minPrompts,
    texts: grams.map(({ text }) => text),
    numWords: column(new Uint8Array(length), Field.numWords),
    occurrences: column(new Uint32Array(length), Field.occurrences),
    solutions: column(new Uint32Array(length), Field.solutions),
    promptOffsets,
    promptIndices,
    sentenceStarts: column(new Uint32Array(length), Field.sentenceStarts),
    paragraphStarts: column(new Uint32Array(length), Field.paragraphStarts),
    mathSentences: column(new Uint32Array(length), Field.mathSentences),
    followedByMath: column(new Uint32Array(length), Field.followedByMath),
    examples: quotations.map(({ length }) => examples.slice(next, next += length)),
  };
}
