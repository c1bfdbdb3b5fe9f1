/** Sequences of tokens with grams to find in them: the conformance cases, and random ones. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { type Lexicon, lexiconFromGrams, type TokenBytes } from "../../sg/mod.ts";
import { byteTokens } from "./byte_tokens.ts";

const encoder = new TextEncoder();

/** The tokens of one sequence, and grams to find in it. */
export interface Sequence {
  grams: string[];
  tokens: Uint8Array[];
  lossMask?: number[] | undefined;
  segmentIds?: number[] | undefined;
}

interface ConformanceCase {
  readonly name: string;
  readonly sequence: Sequence;
  readonly planningMask: number[];
  readonly spans: number[][];
}

/** The cases of `conformance/matching.jsonl`. */
export const conformance: readonly ConformanceCase[] = readFileSync(
  new URL("../testdata/conformance/matching.jsonl", import.meta.url),
  "utf8",
).trim().split("\n").map((line) => {
  const { name, tokens, planningMask, spans, ...rest } = JSON.parse(line);
  const bytes = tokens.map((hex: string) => Uint8Array.from(Buffer.from(hex, "hex")));
  return { name, sequence: { ...rest, tokens: bytes }, planningMask, spans };
});

/** Not `lexiconFromGrams`, which refuses an empty gram: here it must match nothing. */
export function lexiconOf(grams: readonly string[]): Lexicon {
  return {
    ...lexiconFromGrams(["placeholder"], { name: "test" }),
    grams: grams.map((text) => ({ text, kind: "other" })),
  };
}

/** A vocabulary of the tokens of some sequences, and a batch of these. Equal tokens share an id. */
export function batchOf(sequences: readonly Omit<Sequence, "grams">[]): {
  tokens: TokenBytes;
  batch: {
    offsets: Int32Array;
    tokenIds: Int32Array;
    lossMask: Uint8Array;
    segmentIds: Int32Array;
  };
} {
  const ids = new Map<string, number>();
  const vocabulary: Uint8Array[] = [];
  const offsets = [0];
  const tokenIds: number[] = [];
  const lossMask: number[] = [];
  const segmentIds: number[] = [];
  for (const sequence of sequences) {
    sequence.tokens.forEach((bytes, t) => {
      const key = bytes.join();
      if (!ids.has(key)) ids.set(key, vocabulary.push(bytes) - 1);
      tokenIds.push(ids.get(key)!);
      lossMask.push(sequence.lossMask?.[t] ?? 1);
      segmentIds.push(sequence.segmentIds?.[t] ?? 0);
    });
    offsets.push(tokenIds.length);
  }
  return {
    tokens: byteTokens(vocabulary),
    batch: {
      offsets: Int32Array.from(offsets),
      tokenIds: Int32Array.from(tokenIds),
      lossMask: Uint8Array.from(lossMask),
      segmentIds: Int32Array.from(segmentIds),
    },
  };
}

// A small alphabet makes matches, overlaps and boundary cases common.
const character = fc.constantFrom(
  ..."aab'' \n\r,A-_1éÉ",
  ..."\u2019\u02bc\u201c\u00a0\u3000\u0085\u2028\u0130\u00df\u4e2d\u{1f600}\u{1d400}\u0301\u00b2\u200d\u2010\u3042\u30fc\u0e01\u0e31\ufe0f",
);
/** Grams of the same characters as the sequences. */
export const anyGram: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: character, minLength: 0, maxLength: 7 }),
  fc.string({ unit: fc.constantFrom(..."ab'- \u0301"), minLength: 1, maxLength: 6 }),
);
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.string({ unit: character, maxLength: 6 }).map((t) => encoder.encode(t)),
  },
  {
    weight: 6,
    arbitrary: fc.string({ unit: fc.constantFrom(..."ab'- \u0301"), maxLength: 5 }).map((t) =>
      encoder.encode(t)
    ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }) },
);

/** A text of pieces, cut into tokens anywhere, also inside a character. */
const tokens = fc.tuple(
  fc.array(piece, { maxLength: 12 }),
  fc.array(fc.nat(40), { maxLength: 24 }),
).map(([pieces, cuts]) => {
  const text = Uint8Array.from(pieces.flatMap((bytes) => [...bytes]));
  const ends = [...cuts.filter((cut) => cut <= text.length), text.length].sort((a, b) => a - b);
  return ends.map((end, k) => text.slice(k === 0 ? 0 : ends[k - 1]!, end));
});

/** Sequences with grams that are frequent in them. */
export const anySequence: fc.Arbitrary<Sequence> = tokens.chain((tokens) =>
  fc.record({
    grams: fc.array(anyGram, { minLength: 1, maxLength: 6 }),
    tokens: fc.constant(tokens),
    lossMask: fc.option(
      fc.array(fc.constantFrom(1, 1, 1, 1, 0), {
        minLength: tokens.length,
        maxLength: tokens.length,
      }),
      { nil: undefined },
    ),
    segmentIds: fc.option(
      fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: tokens.length, maxLength: tokens.length }),
      { nil: undefined },
    ),
  })
);
