import { loadEncoder } from "../../hooks/mod.ts";
import { lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import type { CheckedBatch } from "../../batch/mod.ts";
import { decodeBatch } from "../decode.ts";
import { distinctGrams, growLexicon } from "../grams.ts";
import { thinBatch } from "../join_batches.ts";
import { normalise } from "../normalise.ts";
import { logitsCases, ownContestant } from "./logits_suite.ts";
import { openLogitsPath } from "./logits_path.ts";
import { checkStatistics, drawLogits, trueStatistics } from "./logits_truth.ts";
import { expectedOccurrences, matchCases } from "./match_cases.ts";
import type { MatchInput } from "./match_suite.ts";
import { type SuiteOptions, withSession } from "./session.ts";
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
  /** High-water mark of a fresh process; null where it was not measured. */
  readonly peakBytes: number | null;
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
    gramTokens: 100_000,
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

/** Above this many tokens windows are not compared: a round would take most of a minute. */
const MOST_WINDOW_TOKENS = 500_000;

/** Rounds of the growth tables. */
const ROUNDS = 3;

/** Peers of the growth tables, by their case. */
const GROWTH_PEERS = {
  "pyahocorasick, decode": "pyahocorasick, decoding",
  "ahocorasick_rs DFA, decode": "ahocorasick_rs, bytes, decoding",
} as const;

const WINDOWS = "torch, candidates, four forms";

/**
 * Measures how costs grow: time, set-up and memory with 1, 10 and 100 times the tokens, grams and
 * vocabulary.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options The interpreter.
 * @param size Which sizes.
 */
export async function measureGrowth(
  input: MatchInput,
  options: SuiteOptions,
  size: "full" | "quick",
): Promise<SizeCost[]> {
  const { tokens, grams, gramTokens, vocabulary, rows } = SIZES[size];
  const { batch, tokenizer, lexicon } = input;
  const encode = await loadEncoder(await tokenizer.readContent());
  const costs: SizeCost[] = [];
  for (const share of tokens) {
    const sized = share === 1 ? batch : thinBatch(batch, share * batch.numTokens);
    const found = await matcherCosts(sized, distinctGrams(lexicon), { ...input, encode }, options);
    costs.push(
      ...found.map((cost) => ({ ...cost, axis: "tokens" as const, size: sized.numTokens })),
    );
  }
  const sample = thinBatch(batch, gramTokens);
  const texts = decodeBatch(sample, tokenizer.table).map(normalise);
  for (const count of grams) {
    const grown = distinctGrams(growLexicon(lexicon, texts, count));
    const found = await matcherCosts(sample, grown, { ...input, encode }, options);
    costs.push(...found.map((cost) => ({ ...cost, axis: "grams" as const, size: grown.length })));
  }
  for (const columns of vocabulary) costs.push(...await logitsCosts(rows, columns, options));
  return costs;
}

type Cost = Omit<SizeCost, "axis" | "size">;

async function matcherCosts(
  batch: CheckedBatch,
  grams: readonly string[],
  { tokenizer: { table }, encode }: MatchInput & { encode(text: string): ArrayLike<number> },
  options: SuiteOptions,
): Promise<Cost[]> {
  const withWindows = batch.numTokens <= MOST_WINDOW_TOKENS;
  const ids = withWindows ? gramIds(grams, encode, "four") : [];
  const set = matchCases(batch, table, grams, withWindows ? { [WINDOWS]: ids } : {});
  const expected = expectedOccurrences(batch, table, grams);
  const start = performance.now();
  const matcher = SgMatcher.compile(lexiconFromGrams(grams, { name: "grown" }), table);
  const compileMs = performance.now() - start;
  return await withSession(set, options, async (session) => {
    const { turns } = await session.withPython(1, (peer) => {
      const contestants: Record<string, Contestant> = {
        "hicra": here(() => matcher.match(batch).spans.length / 3, compileMs),
      };
      for (const [key, name] of Object.entries(GROWTH_PEERS)) {
        const count = key.includes("DFA") ? expected.bytes : expected.text;
        contestants[name] = inPython(peer, key, mustFind(key, count));
      }
      if (withWindows) {
        const marked = windowMask(batch, ids).reduce((sum, bit) => sum + bit, 0);
        contestants[WINDOWS] = inPython(peer, WINDOWS, mustFind(WINDOWS, marked));
      }
      return takeTurns(contestants, Math.min(ROUNDS, options.rounds));
    });
    const cases: Record<string, string> = {
      "hicra": "matcher",
      ...Object.fromEntries(Object.entries(GROWTH_PEERS).map(([key, name]) => [name, key])),
      [WINDOWS]: WINDOWS,
    };
    const costs: Cost[] = [];
    for (const [name, { medianMs, setupMs }] of Object.entries(turns)) {
      const side = name === "hicra" ? "ours" : "Python";
      costs.push({
        name,
        nanosecondsPerItem: 1e6 * medianMs / batch.numTokens,
        setupMs: setupMs ?? null,
        peakBytes: await session.peakMemory(side, cases[name]!) ?? null,
      });
    }
    return costs;
  });
}

async function logitsCosts(
  rows: number,
  vocabulary: number,
  options: SuiteOptions,
): Promise<SizeCost[]> {
  const input = drawLogits(rows, vocabulary);
  const truth = trueStatistics(input.float32, input.tokenIds);
  const names = ["torch eager, whole", "torch eager, rows by hand"];
  return await withSession(logitsCases(input), options, async (session) => {
    const path = await openLogitsPath?.({ threads: 1 });
    try {
      const { turns } = await session.withPython(1, (peer) => {
        const own = path && ownContestant(path, input, "float32", truth);
        const python = names.map((name) =>
          [
            name,
            inPython(peer, `${name}, float32`, ({ values }) => {
              checkStatistics(name, values, truth, vocabulary);
            }),
          ] as const
        );
        const contestants = {
          ...(own && { hicra: own.contestant }),
          ...Object.fromEntries(python),
        };
        return takeTurns(contestants, Math.min(ROUNDS, options.rounds));
      });
      const costs: SizeCost[] = [];
      for (const [name, { medianMs }] of Object.entries(turns)) {
        const side = name === "hicra" ? "ours" : "Python";
        const key = name === "hicra" ? "logits" : name;
        costs.push({
          axis: "vocabulary",
          name,
          size: vocabulary,
          nanosecondsPerItem: 1e6 * medianMs / (rows * vocabulary),
          setupMs: null,
          peakBytes: await session.peakMemory(side, `${key}, float32`) ?? null,
        });
      }
      return costs;
    } finally {
      await path?.release();
    }
  });
}
