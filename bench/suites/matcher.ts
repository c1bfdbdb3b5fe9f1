import type { CheckedBatch } from "../../batch/mod.ts";
import { type Lexicon, SgMatcher, type TokenBytes } from "../../sg/mod.ts";
import { decodeBatch } from "../decode.ts";
import { count } from "../format.ts";
import { distinctGrams } from "../grams.ts";
import { normalize } from "../normalize.ts";
import type { PythonSession } from "../python/session.ts";
import type { Contestant, Suite } from "../suite.ts";
import { exactExpression, PEERS } from "./matcher_peers.ts";

/** Cases of bench/peers/match_cases.py, from ids on, with what they do. */
const PYTHON_CASES = {
  "pyahocorasick, decode": "ids to text, lower-case, search",
  "ahocorasick_rs, decode": "ids to text, lower-case, search, default settings",
  "ahocorasick_rs DFA, decode": "ids to UTF-8, lower-case ASCII, search",
} as const;

/**
 * Phrase matching beside Aho-Corasick packages and a regular expression.
 *
 * @param batch What `joinBatches` returns.
 * @param tokens The bytes of its tokens.
 * @param lexicon The grams.
 * @param python Where the packages of PyPI run; null leaves them out.
 * @returns The suite.
 */
export async function matcherSuite(
  batch: CheckedBatch,
  tokens: TokenBytes,
  lexicon: Lexicon,
  python: PythonSession | null = null,
): Promise<Suite> {
  const start = performance.now();
  const matcher = SgMatcher.compile(lexicon, tokens);
  const compileMs = performance.now() - start;
  const texts = decodeBatch(batch, tokens);
  const grams = distinctGrams(lexicon);
  const theirs = PEERS.map((peer): Contestant => {
    const search = peer.compile(grams);
    return {
      name: peer.name,
      what: "ids to text, prepare, search",
      run: () => total(decodeBatch(batch, tokens), (text) => search(peer.prepare(text))),
    };
  });
  return {
    name: `Matching, lexicon ${lexicon.name}, ${count(grams.length)} grams`,
    note:
      `From token ids to the planning mask, one core. Peers search text, so a loop has to decode ` +
      `ids for them; what they find is in characters and not yet a mask. The plain pass is a loop over ` +
      `ids and loss mask, which no method can do without. Ours compiled in ${
        compileMs.toFixed(0)
      } ms.`,
    tokens: batch.numTokens,
    contestants: [
      {
        name: "hicra",
        what: "ids to mask, kinds and spans",
        run: () => matcher.match(batch).spans.length / 3,
      },
      ...theirs,
      ...await inPython(batch, tokens, grams, python),
      {
        name: "decoding alone",
        what: "ids to text, part of the time of peers",
        run: () => decodeBatch(batch, tokens).length,
      },
      { name: "plain pass", what: "reads id and loss mask", run: () => plainPass(batch) },
    ],
    check(found) {
      const spans = found.get("hicra")!;
      const exact = exactExpression(grams);
      mustFind("the exact expression", total(texts, (text) => exact(normalize(text))), spans);
      checkOccurrences(texts, grams, found);
      return `A regular expression that states the matching rules finds our ${count(spans)} spans`;
    },
  };
}

/** Packages that find all occurrences must find the same ones, those of bytes with ASCII folded only. */
function checkOccurrences(
  texts: readonly string[],
  grams: readonly string[],
  found: ReadonlyMap<string, number>,
): void {
  const { name, compile } = PEERS.find(({ allOccurrences }) => allOccurrences)!;
  const expected = found.get(name)!;
  for (const peer of PEERS) {
    if (peer.allOccurrences) mustFind(peer.name, found.get(peer.name)!, expected);
  }
  for (const python of Object.keys(PYTHON_CASES)) {
    const number = found.get(python);
    if (number === undefined) continue;
    const ofBytes = (text: string): string => text.replace(/[A-Z]+/g, (run) => run.toLowerCase());
    const folded = python.includes("DFA") ? total(texts.map(ofBytes), compile(grams)) : expected;
    mustFind(python, number, folded);
  }
}

function mustFind(name: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new Error(
    `Cannot compare with ${name} as it must find ${expected}: current value is ${found}`,
  );
}

async function inPython(
  { tokenIds, offsets }: CheckedBatch,
  tokens: TokenBytes,
  grams: readonly string[],
  python: PythonSession | null,
): Promise<Contestant[]> {
  return await python?.contestants(
    {
      "ids": tokenIds!,
      "offsets": offsets,
      "token bytes": tokens.bytes,
      "token offsets": tokens.offsets,
    },
    Object.entries(PYTHON_CASES).map(([run, what]) => ({ run, what, options: { grams } })),
  ) ?? [];
}

function total(texts: readonly string[], countIn: (text: string) => number): number {
  let sum = 0;
  for (const text of texts) sum += countIn(text);
  return sum;
}

function plainPass({ tokenIds, lossMask }: CheckedBatch): number {
  const ids = tokenIds!;
  let sum = 0;
  for (let i = 0; i < ids.length; i++) if (lossMask[i] === 1) sum = (sum + ids[i]!) | 0;
  return sum;
}
