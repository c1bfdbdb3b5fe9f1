import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type MatchBuffers,
  MatchKernel,
  matchPhrases,
  matchPhrasesGpu,
  type PhraseBatch,
  type PhraseMatches,
  type PhraseTables,
} from "../../../kernels/mod.ts";
import { SgMatcher } from "../../../sg/mod.ts";
import { byteTokens } from "../../sg/byte_tokens.ts";
import {
  anyGram,
  anySequence,
  batchOf,
  conformance,
  lexiconOf,
  type Sequence,
} from "../../sg/_sequences.ts";
import { gpuTest, withLimits } from "../_device.ts";

const encoder = new TextEncoder();

/** What one token is: text, or bytes where they are no text. */
type Token = string | number[];

interface Case {
  readonly name: string;
  readonly grams: readonly string[];
  readonly tokens: readonly Token[];
  readonly lossMask?: number[];
  readonly segmentIds?: number[];
  readonly planningMask: number[];
  /** `startToken, startByte, endToken, endByte, gram`. */
  readonly matches: number[][];
}

const CASES: readonly Case[] = [
  { name: "no tokens", grams: ["a"], tokens: [], planningMask: [], matches: [] },
  {
    name: "one token, which is the phrase",
    grams: ["a"],
    tokens: ["a"],
    planningMask: [1],
    matches: [[0, 0, 1, 1, 0]],
  },
  { name: "one token without bytes", grams: ["a"], tokens: [""], planningMask: [0], matches: [] },
  {
    name: "one token that is not trained on",
    grams: ["a"],
    tokens: ["a"],
    lossMask: [0],
    planningMask: [0],
    matches: [],
  },
  {
    name: "tokens without bytes before, inside and behind a match",
    grams: ["a b"],
    tokens: ["", "a", "", " ", "", "b", ""],
    planningMask: [0, 1, 0, 1, 0, 1, 0],
    matches: [[1, 0, 6, 1, 0]],
  },
  {
    name: "matches in the order of their ends, of one end the longest first",
    grams: ["b", "a b", "a"],
    tokens: ["a b"],
    planningMask: [1],
    matches: [[0, 0, 1, 1, 2], [0, 0, 1, 3, 1], [0, 2, 1, 3, 0]],
  },
  {
    name: "a character spread over three tokens, at both ends of a match",
    grams: ["\u4e2d"],
    tokens: [[0xe4], [0xb8], [0xad]],
    planningMask: [1, 1, 1],
    matches: [[0, 0, 3, 1, 0]],
  },
  {
    name: "a word character spread over tokens before a phrase",
    grams: ["a"],
    tokens: [[0xe4, 0xb8], [0xad, 0x61], " a"],
    planningMask: [0, 0, 1],
    matches: [[2, 1, 3, 2, 0]],
  },
  {
    name: "a dash of three bytes, spread, before a phrase",
    grams: ["a"],
    tokens: [[0xe2], [0x80], [0x94, 0x61]],
    planningMask: [0, 0, 1],
    matches: [[2, 1, 3, 2, 0]],
  },
  {
    name: "an emoji of four bytes inside a phrase, a byte in each token",
    grams: ["a\u{1f600}b"],
    tokens: ["a", [0xf0], [0x9f], [0x98], [0x80], "b"],
    planningMask: [1, 1, 1, 1, 1, 1],
    matches: [[0, 0, 6, 1, 0]],
  },
  {
    name: "invalid bytes are one U+FFFD each",
    grams: ["\ufffd\ufffd a"],
    tokens: [[0xe2, 0x82], " a"],
    planningMask: [1, 1],
    matches: [[0, 0, 2, 2, 0]],
  },
  {
    name: "a lead byte that another character follows, and continuation bytes that none precedes",
    grams: ["a"],
    tokens: [[0xf0, 0x61], [0x80], "a", [0xbf, 0xbf, 0xbf, 0xbf, 0xbf], "a"],
    planningMask: [1, 0, 1, 0, 1],
    matches: [[0, 1, 1, 2, 0], [2, 0, 3, 1, 0], [4, 0, 5, 1, 0]],
  },
  {
    name: "overlong forms, surrogates and what lies above U+10FFFF are invalid bytes",
    grams: ["\ufffda"],
    tokens: [[0xe0, 0x80, 0x61], [0xed, 0xa0, 0x61], [0xf4, 0x90, 0x61], [0xf5, 0x61]],
    planningMask: [1, 1, 1, 1],
    matches: [[0, 1, 1, 3, 0], [1, 1, 2, 3, 0], [2, 1, 3, 3, 0], [3, 0, 4, 2, 0]],
  },
  {
    name: "a run that ends inside a character",
    grams: ["a"],
    tokens: ["a", [0xe2, 0x80]],
    planningMask: [1, 0],
    matches: [[0, 0, 1, 1, 0]],
  },
  {
    name: "an apostrophe at the start of a phrase, in a word and outside",
    grams: ["'s"],
    tokens: ["it", "'", "s", " '", "s", " ''", "s"],
    planningMask: [0, 1, 1, 1, 1, 1, 1],
    matches: [[1, 0, 3, 1, 0], [3, 1, 5, 1, 0], [5, 2, 7, 1, 0]],
  },
  {
    name: "an apostrophe at the end of a phrase, in a word and outside",
    grams: ["let'"],
    tokens: ["let", "\u2019", "s let", "'"],
    planningMask: [1, 1, 1, 1],
    matches: [[0, 0, 2, 3, 0], [2, 2, 4, 1, 0]],
  },
  {
    name: "an apostrophe alone",
    grams: ["'"],
    tokens: ["a'a", "a'", "'"],
    planningMask: [1, 1, 1],
    matches: [[0, 1, 1, 2, 0], [1, 1, 2, 2, 0], [2, 0, 3, 1, 0]],
  },
  {
    name: "no match where an apostrophe goes on with the word",
    grams: ["that", "s"],
    tokens: ["that", "'", "s", " s'"],
    planningMask: [0, 0, 0, 1],
    matches: [[3, 1, 4, 2, 1]],
  },
  {
    name: "white space that runs over many tokens is one space, or a newline",
    grams: ["a b", "a\n\nb"],
    tokens: ["a", " ", "\t", "\r", "\n", " ", "b a", "\r", "\n", "\r", "\n", "b"],
    planningMask: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    matches: [[0, 0, 7, 1, 0], [6, 2, 12, 1, 1]],
  },
  {
    name: "LF CR is two line ends, and so is CR CR",
    grams: ["a\n\nb"],
    tokens: ["a\n\rb", " ", "a\r\rb", " a\r b"],
    planningMask: [1, 0, 1, 0],
    matches: [[0, 0, 1, 4, 0], [2, 0, 3, 4, 0]],
  },
  {
    name: "zeros of the loss mask and segments break phrases",
    grams: ["a b", "b"],
    tokens: ["a", " b", "a", "x", " b", "a", " b"],
    lossMask: [1, 1, 1, 0, 1, 1, 1],
    segmentIds: [3, 3, 4, 4, 4, 4, 5],
    planningMask: [1, 1, 0, 0, 0, 0, 1],
    matches: [[0, 0, 2, 2, 0], [1, 1, 2, 2, 1], [6, 1, 7, 2, 1]],
  },
  {
    name: "an empty gram and the first of equal grams",
    grams: [" ", "A  b", "a b"],
    tokens: ["a B"],
    planningMask: [1],
    matches: [[0, 0, 1, 3, 1]],
  },
];

Deno.test("matchPhrases() finds the hand-worked cases", () => {
  for (const { name, ...rest } of CASES) {
    const { matcher, batch, expected } = prepare(rest);
    assert.deepEqual(matchPhrases(matcher.phraseTables(), batch), expected, name);
  }
});

gpuTest("matchPhrasesGpu() finds the hand-worked cases", async (device) => {
  for (const { name, ...rest } of CASES) {
    const { matcher, batch, expected } = prepare(rest);
    assert.deepEqual(await matchPhrasesGpu(device, matcher.phraseTables(), batch), expected, name);
  }
});

Deno.test("matchPhrases() conforms, and its matches give the spans", () => {
  for (const { name, sequence, planningMask, spans } of conformance) {
    const { tokens, batch } = batchOf([sequence]);
    const matcher = SgMatcher.compile(lexiconOf(sequence.grams), tokens);
    const found = matchPhrases(matcher.phraseTables(), batch);
    assert.deepEqual([...found.planningMask], planningMask, name);
    const planning = matcher.planningTokens(batch.tokenIds, found.matches);
    assert.deepEqual([...planning.spans], spans.flat(), name);
    assert.deepEqual(planning, matcher.match(batch), name);
  }
});

gpuTest("matchPhrasesGpu() conforms, and its matches give the spans", async (device) => {
  for (const { name, sequence, planningMask, spans } of conformance) {
    const { tokens, batch } = batchOf([sequence]);
    const matcher = SgMatcher.compile(lexiconOf(sequence.grams), tokens);
    const found = await matchPhrasesGpu(device, matcher.phraseTables(), batch);
    assert.deepEqual([...found.planningMask], planningMask, name);
    const planning = matcher.planningTokens(batch.tokenIds, found.matches);
    assert.deepEqual([...planning.spans], spans.flat(), name);
  }
});

/** Sequences of few letters, and grams of the same, that are looked for in all of them. */
function anyBatch(maxLength: number): fc.Arbitrary<{ grams: string[]; sequences: Sequence[] }> {
  return fc.record({
    grams: fc.array(anyGram, { minLength: 1, maxLength: 12 }),
    sequences: fc.array(anySequence, { maxLength }),
  });
}

Deno.test("matchPhrases() equals SgMatcher on random grams, tokens, masks and segments", () => {
  fc.assert(
    fc.property(anyBatch(10), ({ grams, sequences }) => {
      const { tokens, batch } = batchOf(sequences);
      const matcher = SgMatcher.compile(lexiconOf(grams), tokens);
      assertEqualsMatcher(matchPhrases(matcher.phraseTables(), batch), matcher, batch);
    }),
    { numRuns: 200 },
  );
});

gpuTest(
  "matchPhrasesGpu() equals SgMatcher on random grams, tokens, masks and segments",
  async (device) => {
    await fc.assert(
      fc.asyncProperty(anyBatch(200), fc.boolean(), async ({ grams, sequences }, hasSegments) => {
        const { tokens, batch: { segmentIds, ...batch } } = batchOf(sequences);
        const whole: FullBatch = hasSegments ? { ...batch, segmentIds } : batch;
        const matcher = SgMatcher.compile(lexiconOf(grams), tokens);
        const found = await matchPhrasesGpu(device, matcher.phraseTables(), whole);
        assertEqualsMatcher(found, matcher, whole);
      }),
      { numRuns: 30 },
    );
  },
);

gpuTest("MatchKernel.run() agrees at odd sizes, one batch after another", async (device) => {
  const matcher = SgMatcher.compile(
    lexiconOf(["a b", "b", "b a b"]),
    byteTokens(bytesOf(["a", " b", "", "b "])),
  );
  const kernel = await MatchKernel.compile(device, matcher.phraseTables());
  for (const numTokens of [1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1_023, 4_099, 0, 1]) {
    const batch = randomBatch(numTokens, 4);
    assertEqualsMatcher(await kernel.run(batch), matcher, batch);
  }
  kernel.destroy();
});

gpuTest(
  "MatchKernel.run() runs again where a batch has more matches than foreseen",
  async (device) => {
    // Each token ends up to forty matches, a thousand times what is usual.
    const grams = Array.from({ length: 40 }, (_, k) => "-".repeat(k + 1));
    const matcher = SgMatcher.compile(
      lexiconOf(grams),
      byteTokens(bytesOf(["-", "--", "---", ""])),
    );
    const kernel = await MatchKernel.compile(device, matcher.phraseTables());
    for (const numTokens of [300, 300, 700]) {
      const batch = randomBatch(numTokens, 4);
      const found = await kernel.run(batch);
      assert.ok(found.matches.length / 5 > 5_000);
      assertEqualsMatcher(found, matcher, batch);
    }
    kernel.destroy();
  },
);

gpuTest("MatchKernel.run() finds long phrases over many tokens", async (device) => {
  const words = Array.from({ length: 400 }, (_, k) => `word${k}`);
  const gram = words.join(" ");
  const tokens = byteTokens(
    bytesOf([...words.flatMap((word) => [word.slice(0, 2), word.slice(2)]), " "]),
  );
  const matcher = SgMatcher.compile(lexiconOf([gram, words.slice(100, 300).join(" ")]), tokens);
  const space = tokens.vocabSize - 1;
  const spelled = words.flatMap((_, k) => [2 * k, 2 * k + 1, space]);
  const tokenIds = Int32Array.from([...spelled, ...spelled.slice(0, -2), ...spelled]);
  const batch = {
    offsets: Int32Array.of(0, tokenIds.length),
    tokenIds,
    lossMask: new Uint8Array(tokenIds.length).fill(1),
  };
  const found = await matchPhrasesGpu(device, matcher.phraseTables(), batch);
  assert.equal(found.matches.length / 5, 5);
  assertEqualsMatcher(found, matcher, batch);
});

gpuTest("MatchKernel.run() agrees when a grid is folded and a batch is cut", async (device) => {
  const matcher = SgMatcher.compile(
    lexiconOf(["a b", "b", "b a b"]),
    byteTokens(bytesOf(["a", " b", "", "b "])),
  );
  // 3 workgroups of 256 in a dimension.
  const folded = await MatchKernel.compile(
    withLimits(device, { maxComputeWorkgroupsPerDimension: 3 }),
    matcher.phraseTables(),
  );
  // 600 tokens and 240 matches in a piece; the tables must fit, so the limit comes afterwards.
  const limits = { maxStorageBufferBindingSize: device.limits.maxStorageBufferBindingSize };
  const cut = await MatchKernel.compile(
    withLimits(device, limits as Record<string, number>),
    matcher.phraseTables(),
  );
  const batch = randomBatch(5_003, 4, 40);
  assertEqualsMatcher(await folded.run(batch), matcher, batch);
  assertEqualsMatcher(await cut.run(batch), matcher, batch);
  folded.destroy();
  cut.destroy();
});

type FullBatch = PhraseBatch & { readonly tokenIds: Int32Array };

function prepare(
  { grams, tokens, lossMask, segmentIds, planningMask, matches }: Omit<Case, "name">,
) {
  const { tokens: vocabulary, batch } = batchOf([{
    tokens: bytesOf(tokens),
    lossMask,
    segmentIds,
  }]);
  return {
    matcher: SgMatcher.compile(lexiconOf(grams), vocabulary),
    batch,
    expected: {
      planningMask: Uint8Array.from(planningMask),
      matches: Int32Array.from(matches.flat()),
    },
  };
}

function bytesOf(tokens: readonly Token[]): Uint8Array[] {
  return tokens.map((token) =>
    typeof token === "string" ? encoder.encode(token) : Uint8Array.from(token)
  );
}

function assertEqualsMatcher(
  { planningMask, matches }: PhraseMatches,
  matcher: SgMatcher,
  batch: FullBatch,
): void {
  const expected = matcher.match(batch);
  assert.deepEqual(planningMask, expected.planningMask);
  assert.deepEqual(matcher.planningTokens(batch.tokenIds, matches), expected);
}

/** Sequences of up to `longest` tokens, some untrained, of a vocabulary of `vocabSize`. */
function randomBatch(numTokens: number, vocabSize: number, longest = 50): FullBatch {
  let state = numTokens;
  const next = (below: number): number => {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const offsets = [0];
  while (offsets.at(-1)! < numTokens) {
    offsets.push(Math.min(numTokens, offsets.at(-1)! + next(longest + 1)));
  }
  return {
    offsets: Int32Array.from(offsets),
    tokenIds: Int32Array.from({ length: numTokens }, () => next(vocabSize)),
    lossMask: Uint8Array.from({ length: numTokens }, () => Number(next(20) > 0)),
    segmentIds: Int32Array.from({ length: numTokens }, () => Number(next(20) > 0)),
  };
}
