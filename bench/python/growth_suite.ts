import { loadTokenizer } from "../../files/mod.ts";
import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import type { CheckedBatch } from "../../batch/mod.ts";
import { decodeBatch } from "../decode.ts";
import { distinctGrams, growLexicon } from "../grams.ts";
import { thinBatch } from "../join_batches.ts";
import { normalise } from "../normalise.ts";
import { withCaseFolder } from "./case_folder.ts";
import { logitsCases, ownContestant } from "./logits_suite.ts";
import { openLogitsPath } from "./logits_path.ts";
import { checkStatistics, drawLogits, trueStatistics } from "./logits_truth.ts";
import { expectedOccurrences, matchCases } from "./match_cases.ts";
import { addedMemory } from "./memory.ts";
import type { Home } from "./sides.ts";
import type { SuiteInput, SuiteOptions } from "./suite.ts";
import { type Contestant, here, inPython, mustFind, takeTurns } from "./take_turns.ts";
import { gramIds, windowMask } from "./window_mask.ts";

/** Cost of one contestant at one size. */
export interface SizeCost {
  /** What grows. */
  readonly axis: "tokens" | "grams" | "vocabulary";
  readonly name: string;
  /** How many of them. */
  readonly size: number;
  /** Nanoseconds for each token, or for each logit where the vocabulary grows. */
  readonly nanosecondsPerItem: number;
  /** Milliseconds to compile the grams, with the tables that decoding needs; null where nothing is. */
  readonly setupMs: number | null;
  /** What the case adds to the high-water mark of its process; null where it cannot run alone. */
  readonly addedBytes: number | null;
}

/** Sizes of the series. */
interface Sizes {
  /** Tokens of the largest batch over those of the smallest. */
  readonly tokens: readonly number[];
  readonly grams: readonly number[];
  readonly gramTokens: number;
  readonly vocabulary: readonly number[];
  readonly rows: number;
}

const SIZES: Readonly<Record<"full" | "quick", Sizes>> = {
  full: {
    tokens: [1 / 100, 1 / 10, 1],
    grams: [250, 2_500, 25_000],
    gramTokens: 20_000,
    vocabulary: [1_500, 15_000, 150_000],
    rows: 64,
  },
  quick: {
    tokens: [1 / 10, 1],
    grams: [250, 2_500],
    gramTokens: 10_000,
    vocabulary: [150, 1_500],
    rows: 4,
  },
};

/** Above this many tokens windows are not compared, as that takes too long. */
const MOST_WINDOW_TOKENS = 500_000;

/** Tokens that the phrases of larger lexicons are drawn from. */
const PHRASE_TOKENS = 300_000;

/** Rounds of the growth tables. */
const ROUNDS = 2;

/** Peers of the growth tables, by their case. */
const GROWTH_PEERS = {
  "pyahocorasick, decode": "pyahocorasick, decoding",
  "ahocorasick_rs DFA, decode": "ahocorasick_rs, bytes, decoding",
} as const;

/** A form of each gram: with four a round at 25,000 grams would take most of a minute. */
const WINDOWS = "torch, candidates, one form";

/**
 * Measures how costs grow: time, set-up and memory with 1, 10 and 100 times the tokens, grams and
 * vocabulary.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options How to run.
 */
export async function measureGrowth(
  input: SuiteInput,
  options: SuiteOptions,
): Promise<SizeCost[]> {
  const { tokens, grams, gramTokens, vocabulary, rows } = SIZES[options.size];
  const { batch, tokenizer, lexicon } = input;
  const { encode } = await loadTokenizer(await tokenizer.readContent());
  const costs: SizeCost[] = [];
  for (const share of tokens) {
    const sized = share === 1 ? batch : thinBatch(batch, share * batch.numTokens);
    const found = await matcherCosts(sized, distinctGrams(lexicon), { ...input, encode }, options);
    costs.push(
      ...found.map((cost) => ({ ...cost, axis: "tokens" as const, size: sized.numTokens })),
    );
  }
  const sample = thinBatch(batch, gramTokens);
  const texts = decodeBatch(thinBatch(batch, PHRASE_TOKENS), tokenizer.table).map(normalise);
  for (const count of grams) {
    const grown = distinctGrams(growLexicon(lexicon, texts, count));
    const found = await matcherCosts(sample, grown, { ...input, encode }, options);
    costs.push(...found.map((cost) => ({ ...cost, axis: "grams" as const, size: grown.length })));
  }
  for (const columns of vocabulary) {
    const found = await logitsCosts(rows, columns, options);
    costs.push(...found.map((cost) => ({ ...cost, axis: "vocabulary" as const, size: columns })));
  }
  return costs;
}

type Cost = Omit<SizeCost, "axis" | "size">;

async function matcherCosts(
  batch: CheckedBatch,
  grams: readonly string[],
  { tokenizer: { table }, encode }: SuiteInput & { encode(text: string): ArrayLike<number> },
  options: SuiteOptions,
): Promise<Cost[]> {
  const withWindows = batch.numTokens <= MOST_WINDOW_TOKENS;
  const ids = withWindows ? gramIds(grams, encode, "one") : [];
  const set = matchCases(batch, table, grams, withWindows ? { [WINDOWS]: ids } : {});
  const expected = expectedOccurrences(batch, table, grams);
  const start = performance.now();
  const matcher = SgMatcher.compile(lexiconFromGrams(grams, { name: "grown" }), table);
  const compileMs = performance.now() - start;
  return await withCaseFolder(set, async (folder) => {
    const place = { sides: options.sides, threads: 1, folder };
    const contestants: Record<string, Contestant> = {
      "hicra": here(() => matcher.match(batch).spans.length / 3, compileMs),
    };
    const cases: Record<string, readonly [Home, string]> = { "hicra": ["deno", "matcher"] };
    for (const [key, name] of Object.entries(GROWTH_PEERS)) {
      const count = key.includes("DFA") ? expected.bytes : expected.text;
      contestants[name] = inPython(place, key, mustFind(key, count));
      cases[name] = ["numpy", key];
    }
    if (withWindows) {
      const marked = windowMask(batch, ids).reduce((sum, bit) => sum + bit, 0);
      contestants[WINDOWS] = inPython(place, WINDOWS, mustFind(WINDOWS, marked));
      cases[WINDOWS] = ["torch", WINDOWS];
    }
    return await costsOf(contestants, cases, { folder, items: batch.numTokens, ...options });
  });
}

async function logitsCosts(
  rows: number,
  vocabulary: number,
  options: SuiteOptions,
): Promise<Cost[]> {
  const input = drawLogits(rows, vocabulary);
  const truth = trueStatistics(input.float32, input.tokenIds);
  return await withCaseFolder(logitsCases(input), async (folder) => {
    const contestants: Record<string, Contestant> = {};
    const cases: Record<string, readonly [Home, string]> = {};
    const path = await openLogitsPath({ threads: 1 });
    const own = ownContestant(path, input, "float32", truth);
    if (own !== undefined) {
      contestants["hicra"] = own.contestant;
      cases["hicra"] = ["onnxruntime", "logits, float32"];
    }
    for (const name of ["torch eager, whole", "torch eager, rows by hand"]) {
      const place = { sides: options.sides, threads: 1, folder };
      contestants[name] = inPython(place, `${name}, float32`, ({ values }) => {
        checkStatistics(name, values, truth, vocabulary);
      });
      cases[name] = ["torch", `${name}, float32`];
    }
    try {
      return await costsOf(contestants, cases, { folder, items: rows * vocabulary, ...options });
    } finally {
      await path.release();
    }
  });
}

/** Times contestants in turns, then measures the memory of their cases. */
async function costsOf(
  contestants: Readonly<Record<string, Contestant>>,
  cases: Readonly<Record<string, readonly [Home, string]>>,
  { sides, rounds, idle, folder, items }: SuiteOptions & {
    readonly folder: string;
    readonly items: number;
  },
): Promise<Cost[]> {
  const { turns } = await takeTurns(contestants, Math.min(ROUNDS, rounds));
  const costs: Cost[] = [];
  for (const [name, { medianMs, setupMs }] of Object.entries(turns)) {
    costs.push({
      name,
      nanosecondsPerItem: 1e6 * medianMs / items,
      setupMs: setupMs ?? null,
      addedBytes: await addedMemory({ sides, idle }, folder, cases[name]!),
    });
  }
  return costs;
}
