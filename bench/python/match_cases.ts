import type { CheckedBatch } from "../../batch/mod.ts";
import type { TokenBytes } from "../../sg/mod.ts";
import { decodeBatch } from "../decode.ts";
import { PEERS } from "../peers.ts";
import { type Case, type CaseArray, type CaseSet, flat } from "./case_folder.ts";

/** A Python package that searches text, and how it is set. */
export interface TextPeer {
  readonly name: string;
  /** Name of its functions in bench/peers/match_cases.py. */
  readonly run: string;
  readonly search: string;
  readonly decode: string;
}

/** The Aho-Corasick packages of PyPI. */
export const TEXT_PEERS: readonly TextPeer[] = [
  {
    name: "pyahocorasick",
    run: "pyahocorasick",
    search: "lower-cased text to occurrences",
    decode: "ids to text, lower-case, search",
  },
  {
    name: "ahocorasick_rs",
    run: "ahocorasick_rs",
    search: "lower-cased text to occurrences, default settings",
    decode: "ids to text, lower-case, search, default settings",
  },
  {
    name: "ahocorasick_rs, bytes",
    run: "ahocorasick_rs DFA",
    search: "lower-cased UTF-8 to occurrences, DFA over bytes: its fastest setting",
    decode: "ids to UTF-8, lower-case ASCII, search, DFA over bytes",
  },
];

/** Arrays that cases of one batch share, by the names that functions know them by. */
const NAMES = {
  "text": "text",
  "text offsets": "text offsets",
  "ids": "ids",
  "offsets": "offsets",
  "token bytes": "token bytes",
  "token offsets": "token offsets",
} as const;

/**
 * Makes the cases of the matcher on one batch.
 *
 * @param batch What `joinBatches` returns.
 * @param table Bytes of the tokens.
 * @param grams The grams, normalised and distinct.
 * @param windows Ids of grams by the name of a window case; one with "every window" in its name runs as it
 * is described, any other from candidates.
 * @returns The case set; names are those of functions, and "matcher" is ours.
 */
export function matchCases(
  batch: CheckedBatch,
  table: TokenBytes,
  grams: readonly string[],
  windows: Readonly<Record<string, readonly (readonly number[])[]>> = {},
): CaseSet {
  const texts = decodeBatch(batch, table).map((text) => text.toLowerCase());
  const arrays: Record<string, CaseArray> = {
    ...packTexts(texts),
    "ids": flat(batch.tokenIds!),
    "offsets": flat(batch.offsets),
    "token bytes": flat(table.bytes),
    "token offsets": flat(table.offsets),
  };
  const options = { grams };
  const cases: Record<string, Case> = { "matcher": { run: "matcher", arrays: NAMES, options } };
  for (const { run } of TEXT_PEERS) {
    for (const part of ["search", "decode"]) {
      cases[`${run}, ${part}`] = { run: `${run}, ${part}`, arrays: NAMES, options };
    }
  }
  for (const [name, ids] of Object.entries(windows)) {
    const run = name.includes("every window") ? "windows" : "windows, candidates";
    cases[name] = { run, arrays: NAMES, options: { grams: ids } };
  }
  return { arrays, cases };
}

function packTexts(texts: readonly string[]): Record<"text" | "text offsets", CaseArray> {
  const encoder = new TextEncoder();
  const pieces = texts.map((text) => encoder.encode(text));
  const offsets = new Int32Array(pieces.length + 1);
  pieces.forEach(({ length }, t) => offsets[t + 1] = offsets[t]! + length);
  const bytes = new Uint8Array(offsets.at(-1)!);
  pieces.forEach((piece, t) => bytes.set(piece, offsets[t]!));
  return { "text": flat(bytes), "text offsets": flat(offsets) };
}

/** What packages that report all occurrences must find. */
export interface ExpectedOccurrences {
  /** In lower-cased text. */
  readonly text: number;
  /** In text of which only ASCII letters are lower-cased, as bytes are. */
  readonly bytes: number;
}

/** Counts all occurrences by a package of npm, so that those of PyPI are checked by another one. */
export function expectedOccurrences(
  batch: CheckedBatch,
  table: TokenBytes,
  grams: readonly string[],
): ExpectedOccurrences {
  // The first one: the other takes a quarter of a minute to compile 25,000 grams.
  const search = PEERS.find(({ allOccurrences }) => allOccurrences)!.compile(grams);
  const texts = decodeBatch(batch, table);
  const total = (prepare: (text: string) => string): number =>
    texts.reduce((sum, text) => sum + search.count(prepare(text)), 0);
  return {
    text: total((text) => text.toLowerCase()),
    bytes: total((text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())),
  };
}
