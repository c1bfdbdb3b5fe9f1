import type { CheckedBatch } from "../../batch/mod.ts";
import { loadEncoder } from "../../hooks/mod.ts";
import { type Lexicon, SgMatcher } from "../../sg/mod.ts";
import { decodeBatch } from "../decode.ts";
import { distinctGrams } from "../grams.ts";
import { thinBatch } from "../join_batches.ts";
import { PEERS } from "../peers.ts";
import type { BenchTokenizer } from "../tokenizers.ts";
import { compare, type Comparison, type Entry } from "./comparison.ts";
import { expectedOccurrences, matchCases, TEXT_PEERS } from "./match_cases.ts";
import { memoryRows, type MemoryUse } from "./memory.ts";
import { type SuiteOptions, withSession } from "./session.ts";
import { here, inPython, mustFind } from "./take_turns.ts";
import { gramIds, windowMask } from "./window_mask.ts";

/** What matchers are timed on. */
export interface MatchInput {
  /** What `joinBatches` returns. */
  readonly batch: CheckedBatch;
  readonly tokenizer: BenchTokenizer;
  readonly lexicon: Lexicon;
}

/** Tokens on which windows are compared: that takes tens of times as long as the rest. */
const WINDOW_TOKENS = 100_000;

/** Bytes that must be moved for a token: its id, and its place in the mask. */
const BYTES_PER_TOKEN = 4 + 1;

/**
 * Times the matcher beside Aho-Corasick packages of PyPI and npm, and beside window comparison.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options The interpreter and the rounds.
 * @returns A comparison on all rollouts, one of windows on a sample, and memory.
 */
export async function compareMatchers(
  input: MatchInput,
  options: SuiteOptions,
): Promise<{ readonly comparisons: Comparison[]; readonly memory: MemoryUse[] }> {
  const text = await compareOnText(input, options);
  const windows = await compareWindows(input, options);
  return {
    comparisons: [text.comparison, windows.comparison],
    memory: [...text.memory, ...windows.memory],
  };
}

interface Compared {
  readonly comparison: Comparison;
  readonly memory: MemoryUse[];
}

function compareOnText(
  { batch, tokenizer, lexicon }: MatchInput,
  options: SuiteOptions,
): Promise<Compared> {
  const { table, name: tokenizerName } = tokenizer;
  const grams = distinctGrams(lexicon);
  const set = matchCases(batch, table, grams);
  const expected = expectedOccurrences(batch, table, grams);
  const matcher = SgMatcher.compile(lexicon, table);
  const textBytes = set.arrays["text"]!.data.length;
  const input = `${batch.numTokens.toLocaleString("en-US")} ${tokenizerName} tokens, ${
    (textBytes / 1e6).toFixed(1)
  } MB of text`;
  return withSession(set, options, (session) =>
    session.withPython(1, async (peer) => {
      const python = TEXT_PEERS.flatMap(({ name, run, search, decode }): Entry[] =>
        ([["search", search], ["decode", decode]] as const).map(([part, what]) => ({
          name,
          side: "Python",
          what,
          contestant: inPython(
            peer,
            `${run}, ${part}`,
            mustFind(
              `${run}, ${part}`,
              run.endsWith("DFA") && part === "decode" ? expected.bytes : expected.text,
            ),
          ),
          finds: occurrences,
        }))
      );
      const npm = PEERS.slice(1).map((own): Entry => {
        const search = own.compile(grams);
        const count = (text: string): number => search.count(own.prepare(text));
        return {
          name: own.name,
          side: "npm",
          what: "ids to text, prepare, search",
          contestant: here(() => sum(decodeBatch(batch, table), count)),
          finds: occurrences,
        };
      });
      const comparison = await compare({
        task: "matcher",
        input,
        items: batch.numTokens,
        unit: "tokens",
        bytes: BYTES_PER_TOKEN * batch.numTokens,
        threads: 1,
      }, [
        ourMatcher(matcher, batch),
        ...python,
        ...npm,
        readingIds(batch.tokenIds!),
      ], options.rounds);
      const memory = await memoryRows(session, input, [
        { name: "hicra", side: "ours", case: "matcher", idle: options.idle.ours },
        ...TEXT_PEERS.map(({ name, run }) => ({
          name: `${name}, decoding`,
          side: "Python" as const,
          case: `${run}, decode`,
          idle: options.idle.numpy,
        })),
      ]);
      return { comparison, memory };
    }));
}

async function compareWindows(
  { batch, tokenizer, lexicon }: MatchInput,
  options: SuiteOptions,
): Promise<Compared> {
  const { table } = tokenizer;
  const sample = thinBatch(batch, WINDOW_TOKENS);
  const grams = distinctGrams(lexicon);
  const encode = await loadEncoder(await tokenizer.readContent());
  const [one, four] = [gramIds(grams, encode, "one"), gramIds(grams, encode, "four")];
  const windows = {
    "torch, every window": one,
    "torch, every window, four forms": four,
    "torch, candidates, four forms": four,
  };
  const matcher = SgMatcher.compile(lexicon, table);
  const { planningMask } = matcher.match(sample);
  const input = `${sample.numTokens.toLocaleString("en-US")} ${tokenizer.name} tokens`;
  const whats: Record<keyof typeof windows, string> = {
    "torch, every window": "padded ids to mask; a gram as it stands, as the port does",
    "torch, every window, four forms": "the same; also after a space, and with a capital",
    "torch, candidates, four forms": "the same masks, compared where the first id of a gram stands",
  };
  const set = matchCases(sample, table, grams, windows);
  return await withSession(set, options, (session) =>
    session.withPython(1, async (peer) => {
      const python = (Object.keys(windows) as (keyof typeof windows)[]).map((name): Entry => {
        const mask = windowMask(sample, windows[name]);
        return {
          name,
          side: "Python",
          what: whats[name],
          contestant: inPython(peer, name, mustFind(name, ones(mask))),
          finds: () => overlap(mask, planningMask),
        };
      });
      const comparison = await compare(
        {
          task: "windows",
          input,
          items: sample.numTokens,
          unit: "tokens",
          bytes: BYTES_PER_TOKEN * sample.numTokens,
          threads: 1,
        },
        [ourMatcher(matcher, sample), ...python, readingIds(sample.tokenIds!)],
        options.rounds,
      );
      const memory = await memoryRows(session, input, [
        { name: "hicra", side: "ours", case: "matcher", idle: options.idle.ours },
        ...(Object.keys(windows) as (keyof typeof windows)[]).slice(1).map((name) => ({
          name,
          side: "Python" as const,
          case: name,
          idle: options.idle.torch,
        })),
      ]);
      return { comparison, memory };
    }));
}

function ourMatcher(matcher: SgMatcher, batch: CheckedBatch): Entry {
  return {
    name: "hicra",
    side: "ours",
    what: "ids to mask, kinds and spans",
    contestant: here(() => matcher.match(batch).spans.length / 3),
    finds: (spans) => `${spans.toLocaleString("en-US")} spans`,
  };
}

/** What any matcher must do at least. */
function readingIds(ids: Int32Array): Entry {
  return {
    name: "reading the ids",
    side: "floor",
    what: "a plain loop that adds them up",
    contestant: here(() => {
      let total = 0;
      for (let i = 0; i < ids.length; i++) total = (total + ids[i]!) | 0;
      return total;
    }),
  };
}

function occurrences(found: number): string {
  return `${found.toLocaleString("en-US")} occurrences`;
}

function overlap(mask: Uint8Array, ours: Uint8Array): string {
  const both = mask.reduce((total, bit, i) => total + (bit & ours[i]!), 0);
  const share = 100 * both / Math.max(1, ones(ours));
  return `${share.toFixed(1)} % of our planning tokens, ${
    (ones(mask) - both).toLocaleString("en-US")
  } others`;
}

function ones(mask: Uint8Array): number {
  return mask.reduce((total, bit) => total + bit, 0);
}

function sum(texts: readonly string[], count: (text: string) => number): number {
  return texts.reduce((total, text) => total + count(text), 0);
}
