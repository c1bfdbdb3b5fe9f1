import type { CheckedBatch } from "../../batch/mod.ts";
import { loadTokenizer } from "../../files/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { decodeBatch } from "../decode.ts";
import { distinctGrams } from "../grams.ts";
import { thinBatch } from "../join_batches.ts";
import { PEERS } from "../peers.ts";
import { withCaseFolder } from "./case_folder.ts";
import { compare, type Entry } from "./comparison.ts";
import { expectedOccurrences, matchCases, TEXT_PEERS } from "./match_cases.ts";
import { memoryRows } from "./memory.ts";
import type { SuiteInput, SuiteOptions, SuiteResult } from "./suite.ts";
import { here, inPython, mustFind } from "./take_turns.ts";
import { gramIds, windowMask } from "./window_mask.ts";

/** Bytes that must be moved for a token: its id, and its place in the mask. */
const BYTES_PER_TOKEN = 4 + 1;

/**
 * Times the matcher beside Aho-Corasick packages of PyPI and npm, from ids and from text.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options How to run.
 */
export function compareMatchers(
  { batch, tokenizer, lexicon }: SuiteInput,
  { sides, rounds, idle }: SuiteOptions,
): Promise<SuiteResult> {
  const { table } = tokenizer;
  const grams = distinctGrams(lexicon);
  const set = matchCases(batch, table, grams);
  const expected = expectedOccurrences(batch, table, grams);
  const megabytes = (set.arrays["text"]!.data.length / 1e6).toFixed(1);
  const input = `${words(batch.numTokens)} ${tokenizer.name} tokens, ${megabytes} MB of text`;
  const npm = PEERS.filter(({ name }) => name !== SLOW_PEER).map((peer): Entry => {
    const search = peer.compile(grams);
    const count = (text: string): number => search.count(peer.prepare(text));
    return {
      name: peer.name,
      side: "npm",
      what: "ids to text, prepare, search",
      contestant: here(() => decodeBatch(batch, table).reduce((sum, text) => sum + count(text), 0)),
      finds: occurrences,
    };
  });
  return withCaseFolder(set, async (folder) => {
    const python = TEXT_PEERS.flatMap(({ name, run, search, decode }): Entry[] =>
      ([["search", search], ["decode", decode]] as const).map(([part, what]) => {
        const key = `${run}, ${part}`;
        const count = run.endsWith("DFA") && part === "decode" ? expected.bytes : expected.text;
        const contestant = inPython({ sides, threads: 1, folder }, key, mustFind(key, count));
        return { name, side: "Python", what, contestant, finds: occurrences };
      })
    );
    const subject = {
      task: "matcher",
      input,
      items: batch.numTokens,
      unit: "tokens",
      bytes: BYTES_PER_TOKEN * batch.numTokens,
      threads: 1,
    } as const;
    const matcher = SgMatcher.compile(lexicon, table);
    const entries = [ourMatcher(matcher, batch), ...python, ...npm, readingIds(batch.tokenIds!)];
    const decoding = TEXT_PEERS.map(({ name, run }) =>
      [`${name}, decoding`, ["numpy", `${run}, decode`]] as const
    );
    return {
      comparisons: [await compare(subject, entries, rounds)],
      memory: await memoryRows({ sides, idle }, { folder, input }, {
        "hicra": ["deno", "matcher"],
        ...Object.fromEntries(decoding),
      }),
    };
  });
}

/** Left to the table of npm's peers: it takes as long as all others together. */
const SLOW_PEER = "modern-ahocorasick";

/** Tokens on which windows are compared: that takes hundreds of times as long as the rest. */
const WINDOW_TOKENS = { full: 20_000, quick: 2_000 } as const;

/**
 * Times the matcher beside window comparison in torch on the same token ids.
 *
 * @param input Rollouts, tokenizer, lexicon; a sample of the rollouts is used.
 * @param options How to run.
 */
export async function compareWindows(
  { batch, tokenizer, lexicon }: SuiteInput,
  { sides, rounds, size, idle }: SuiteOptions,
): Promise<SuiteResult> {
  const { table } = tokenizer;
  const sample = thinBatch(batch, WINDOW_TOKENS[size]);
  const grams = distinctGrams(lexicon);
  const { encode } = await loadTokenizer(await tokenizer.readContent());
  const windows = {
    "torch, every window": {
      what: "padded ids to mask, each gram encoded as it stands, as the port does",
      ids: gramIds(grams, encode, "one"),
    },
    "torch, candidates": {
      what: "the same where a first id stands; grams also after a space and with a capital",
      ids: gramIds(grams, encode, "four"),
    },
  };
  const caseIds = Object.entries(windows).map(([name, { ids }]) => [name, ids] as const);
  const set = matchCases(sample, table, grams, Object.fromEntries(caseIds));
  const matcher = SgMatcher.compile(lexicon, table);
  const { planningMask } = matcher.match(sample);
  const input = `${words(sample.numTokens)} ${tokenizer.name} tokens`;
  return await withCaseFolder(set, async (folder) => {
    const python = Object.entries(windows).map(([name, { what, ids }]): Entry => {
      const mask = windowMask(sample, ids);
      return {
        name,
        side: "Python",
        what,
        contestant: inPython({ sides, threads: 1, folder }, name, mustFind(name, ones(mask))),
        finds: () => overlap(mask, planningMask),
      };
    });
    const subject = {
      task: "windows",
      input,
      items: sample.numTokens,
      unit: "tokens",
      bytes: BYTES_PER_TOKEN * sample.numTokens,
      threads: 1,
    } as const;
    const entries = [ourMatcher(matcher, sample), ...python, readingIds(sample.tokenIds!)];
    return {
      comparisons: [await compare(subject, entries, rounds)],
      memory: await memoryRows({ sides, idle }, { folder, input }, {
        "hicra": ["deno", "matcher"],
        "torch, every window": ["torch", "torch, every window"],
        "torch, candidates": ["torch", "torch, candidates"],
      }),
    };
  });
}

function ourMatcher(matcher: SgMatcher, batch: CheckedBatch): Entry {
  return {
    name: "hicra",
    side: "ours",
    what: "ids to mask, kinds and spans",
    contestant: here(() => matcher.match(batch).spans.length / 3),
    finds: (spans) => `${words(spans)} spans`,
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
  return `${words(found)} occurrences`;
}

function overlap(mask: Uint8Array, ours: Uint8Array): string {
  const both = mask.reduce((total, bit, i) => total + (bit & ours[i]!), 0);
  const share = 100 * both / Math.max(1, ones(ours));
  return `${share.toFixed(1)} % of our planning tokens, ${words(ones(mask) - both)} others`;
}

function ones(mask: Uint8Array): number {
  return mask.reduce((total, bit) => total + bit, 0);
}

function words(number: number): string {
  return number.toLocaleString("en-US");
}
