import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch, PlanningTokens } from "../../../batch/mod.ts";
import { type MatchBuffers, MatchKernel } from "../../../kernels/mod.ts";
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
import { createBuffer, readBuffer } from "../_device_buffers.ts";
import { gpuTest, withLimits } from "../_device.ts";

const encoder = new TextEncoder();

const FEW_GRAMS = ["a b", "b", "b a b", "b b", "b b b"];
const FEW_TOKENS: readonly Token[] = ["a", " b", "", "b "];

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
    tokens: [[0xea, 0xb0], [0x80, 0x61], " a"],
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

Deno.test("SgMatcher finds the hand-worked cases, and makes the same of a list of their matches", () => {
  for (const { name, ...rest } of CASES) {
    const { matcher, batch, planningMask, matches } = prepare(rest);
    const found = matcher.match(batch);
    assert.deepEqual(found.planningMask, planningMask, name);
    assert.deepEqual(matcher.planningTokens(batch.tokenIds, matches), found, name);
  }
});

gpuTest("MatchKernel.run() finds the hand-worked cases", async (device) => {
  for (const { name, ...rest } of CASES) {
    const { matcher, batch } = prepare(rest);
    assert.deepEqual(await runOnce(device, matcher, batch), matcher.match(batch), name);
  }
});

gpuTest("MatchKernel.run() conforms", async (device) => {
  // Compiling takes its time, so the cases of one lexicon are one batch.
  const ofGrams = Map.groupBy(conformance, ({ sequence }) => JSON.stringify(sequence.grams));
  for (const cases of ofGrams.values()) {
    const { tokens, batch } = batchOf(cases.map(({ sequence }) => sequence));
    const matcher = SgMatcher.compile(lexiconOf(cases[0]!.sequence.grams), tokens);
    const found = await runOnce(device, matcher, batch);
    const names = cases.map(({ name }) => name).join("; ");
    assert.deepEqual([...found.planningMask], cases.flatMap((c) => c.planningMask), names);
    const expected = cases.flatMap((c, s) =>
      c.spans.map(([start, end, gram]) => [
        batch.offsets[s]! + start!,
        batch.offsets[s]! + end!,
        gram!,
      ])
    );
    assert.deepEqual([...found.spans], expected.flat(), names);
  }
});

/** Sequences of few letters, and grams of the same, that are looked for in all of them. */
function anyBatch(maxLength: number): fc.Arbitrary<{ grams: string[]; sequences: Sequence[] }> {
  return fc.record({
    grams: fc.array(anyGram, { minLength: 1, maxLength: 12 }),
    sequences: fc.array(anySequence, { maxLength }),
  });
}

gpuTest(
  "MatchKernel.run() equals SgMatcher on random grams, tokens, masks and segments",
  async (device) => {
    await fc.assert(
      fc.asyncProperty(anyBatch(150), fc.boolean(), async ({ grams, sequences }, hasSegments) => {
        const { tokens, batch: { segmentIds, ...batch } } = batchOf(sequences);
        const whole: FullBatch = hasSegments ? { ...batch, segmentIds } : batch;
        const matcher = SgMatcher.compile(lexiconOf(grams), tokens);
        assert.deepEqual(await runOnce(device, matcher, whole), matcher.match(whole));
      }),
      { numRuns: 25 },
    );
  },
);

gpuTest("MatchKernel.run() agrees at odd sizes, one batch after another", async (device) => {
  const matcher = SgMatcher.compile(lexiconOf(FEW_GRAMS), byteTokens(bytesOf(FEW_TOKENS)));
  const kernel = await MatchKernel.compile(device, matcher);
  for (const numTokens of [1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1_023, 4_099, 0, 1]) {
    const batch = randomBatch(numTokens, 4);
    assert.deepEqual(await kernel.run(batch), matcher.match(batch));
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
    const kernel = await MatchKernel.compile(device, matcher);
    for (const numTokens of [300, 300, 700]) {
      const batch = randomBatch(numTokens, 4);
      // A thousand matches are foreseen, and some tokens end forty.
      assert.deepEqual(await kernel.run(batch), matcher.match(batch));
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
  const found = await runOnce(device, matcher, batch);
  assert.equal(found.spans.length / 3, 3, "the second text lacks its end, so only its middle");
  assert.deepEqual(found, matcher.match(batch));
});

gpuTest("MatchKernel.run() agrees on a folded grid", async (device) => {
  // At most 3 workgroups in a dimension: 768 or 3,072 tokens.
  const folded = withLimits(device, { maxComputeWorkgroupsPerDimension: 3 });
  const vocabulary = bytesOf([...FEW_TOKENS, ...Array<Token>(2_000).fill("b")]);
  const matcher = SgMatcher.compile(lexiconOf(FEW_GRAMS), byteTokens(vocabulary));
  for (const numTokens of [767, 768, 769, 3_072, 3_073, 10_007]) {
    const batch = randomBatch(numTokens, vocabulary.length, 4);
    assert.deepEqual(await runOnce(folded, matcher, batch), matcher.match(batch));
  }
});

// The tables of characters take 156,672 bytes, so there is not much below.
const SMALL_BINDING = 160_000;

gpuTest("MatchKernel.run() cuts a batch between sequences", async (device) => {
  const small = withLimits(device, { maxStorageBufferBindingSize: SMALL_BINDING });
  const matcher = SgMatcher.compile(lexiconOf(FEW_GRAMS), byteTokens(bytesOf(FEW_TOKENS)));
  const kernel = await MatchKernel.compile(small, matcher);
  // 40,000 tokens to a piece, and 8,000 matches: pieces are cut again for their matches.
  const batch = randomBatch(100_003, 4, 1_000);
  const found = await kernel.run(batch);
  assert.ok(found.spans.length / 3 > 8_000);
  assert.deepEqual(found, matcher.match(batch));
  await assert.rejects(kernel.run(ofOneSequence(40_001, 2)), {
    name: "RangeError",
    message: "Cannot match phrases as a sequence must fit one binding of 4 bytes a token, 40000 " +
      "tokens by maxStorageBufferBindingSize and maxBufferSize of this device: sequence 0 holds " +
      "40001, use SgMatcher.match()",
  });
  const dense = { ...ofOneSequence(8_001, 1), tokenIds: new Int32Array(8_001).fill(3) };
  await assert.rejects(kernel.run(dense), {
    name: "RangeError",
    message:
      "Cannot match phrases as the matches of a sequence must fit one binding of 20 bytes a " +
      "match, 8000 matches by maxStorageBufferBindingSize and maxBufferSize of this device: " +
      "sequence 0 has more, use SgMatcher.match()",
  });
  kernel.destroy();
});

gpuTest("MatchKernel.compile() throws when a table does not fit a binding", async (device) => {
  const small = withLimits(device, { maxStorageBufferBindingSize: 100_000 });
  const matcher = SgMatcher.compile(lexiconOf(["a"]), byteTokens(bytesOf(["a"])));
  await assert.rejects(MatchKernel.compile(small, matcher), {
    name: "RangeError",
    message:
      /^Cannot match phrases as table "characters" of \d+ bytes must fit one binding: maxStor/,
  });
});

gpuTest("MatchKernel.run() throws when a batch breaks the contract", async (device) => {
  const matcher = SgMatcher.compile(lexiconOf(["a"]), byteTokens(bytesOf(["a"])));
  const kernel = await MatchKernel.compile(device, matcher);
  const batch = ofOneSequence(3, 1);
  for (
    const [changed, message] of [
      [{ tokenIds: undefined }, /Cannot match strategic grams as batch.tokenIds is missing: /],
      [{ tokenIds: new Int32Array(2) }, /Cannot use batch.tokenIds as its length must be .*, 3: /],
      [{ offsets: Int32Array.of(0, 2) }, /Cannot use batch.offsets as the last offset must be /],
      [
        { tokenIds: Int32Array.of(0, 1, -7) },
        /Cannot match batch.tokenIds .*tokenIds\[1\] is 1; /,
      ],
    ] as [Record<string, unknown>, RegExp][]
  ) {
    await assert.rejects(kernel.run({ ...batch, ...changed } as FullBatch), message);
  }
  kernel.destroy();
});

gpuTest("MatchKernel.run() throws what SgMatcher throws when an id is unknown", async (device) => {
  const small = withLimits(device, { maxStorageBufferBindingSize: SMALL_BINDING });
  const matcher = SgMatcher.compile(lexiconOf(FEW_GRAMS), byteTokens(bytesOf(FEW_TOKENS)));
  const kernel = await MatchKernel.compile(small, matcher);
  const batch = randomBatch(50_000, 4, 1_000);
  batch.lossMask.fill(1);
  for (
    const [id, at, behind] of [[4, 0, 9], [-100, 47_000, 49_999], [2 ** 31 - 1, 49_999, 49_999]]
  ) {
    const tokenIds = batch.tokenIds.slice();
    tokenIds[behind!] = 99;
    tokenIds[at!] = id!;
    const unknown = { ...batch, tokenIds };
    let message = "";
    assert.throws(() => matcher.match(unknown), (error: Error) => {
      message = error.message;
      return error.name === "RangeError";
    });
    await assert.rejects(kernel.run(unknown), { name: "RangeError", message });
    // Outside the loss mask hosts put anything.
    const lossMask = batch.lossMask.slice();
    lossMask[at!] = lossMask[behind!] = 0;
    const untrained = { ...unknown, lossMask };
    assert.deepEqual(await kernel.run(untrained), matcher.match(untrained));
  }
  kernel.destroy();
});

gpuTest(
  "MatchKernel.run() matches nothing with an empty vocabulary or no grams",
  async (device) => {
    const empty = SgMatcher.compile(lexiconOf(["a"]), byteTokens([]));
    const batch = { ...ofOneSequence(5, 1), lossMask: new Uint8Array(5) };
    const nothing = {
      planningMask: new Uint8Array(5),
      kinds: new Uint8Array(5),
      spans: new Int32Array(),
    };
    assert.deepEqual(await runOnce(device, empty, batch), nothing);
    await assert.rejects(runOnce(device, empty, ofOneSequence(5, 1)), RangeError);
    const mute = SgMatcher.compile(lexiconOf([" "]), byteTokens(bytesOf(["a"])));
    assert.deepEqual(await runOnce(device, mute, ofOneSequence(5, 1)), nothing);
  },
);

gpuTest(
  "MatchKernel.encode() says how many matches there were, and what id is unknown",
  async (device) => {
    const matcher = SgMatcher.compile(lexiconOf(["a"]), byteTokens(bytesOf(["a ", "b "])));
    const kernel = await MatchKernel.compile(device, matcher);
    const inputs = {
      offsets: Int32Array.of(0, 6),
      tokenIds: Int32Array.of(0, 1, 0, -1, 2, 0),
      lossMask: Uint8Array.of(1, 1, 1, 1, 1, 1, 9, 9),
    };
    const buffers = upload(device, inputs, 2);
    const wide = upload(device, { ...inputs, tokenIds: Int32Array.of(0, 0, 0, 0, 0, 0) }, 99);
    const none = upload(device, inputs, 0);
    const encoder = device.createCommandEncoder();
    kernel.encode(encoder, buffers, { numSequences: 1, numTokens: 6 });
    kernel.encode(encoder, buffers, { numSequences: 1, numTokens: 6 }); // outputs are cleared
    kernel.encode(encoder, wide, { numSequences: 1, numTokens: 3 });
    kernel.encode(encoder, none, { numSequences: 1, numTokens: 6 });
    kernel.encode(encoder, none, { numSequences: 1, numTokens: 0 });
    device.queue.submit([encoder.finish()]);
    assert.deepEqual(await download(device, buffers.status), Int32Array.of(3, 3));
    assert.deepEqual(await download(device, none.status), Int32Array.of(3, 3));
    assert.deepEqual(await download(device, wide.status), Int32Array.of(3, -1));
    assert.deepEqual(bytes(await download(device, buffers.planningMask)), [1, 0, 1, 0, 0, 1, 0, 0]);
    assert.deepEqual(bytes(await download(device, none.planningMask)), [1, 0, 1, 0, 0, 1, 0, 0]);
    assert.deepEqual(bytes(await download(device, wide.planningMask)), [1, 1, 1, 0, 7, 7, 7, 7]);
    const found = await download(device, wide.matches);
    const records = [0, 5, 10].map((at) => [...found.subarray(at, at + 5)]);
    assert.deepEqual(records.sort((a, b) => a[0]! - b[0]!), [
      [0, 0, 1, 1, 0],
      [1, 0, 2, 1, 0],
      [2, 0, 3, 1, 0],
    ]);
    kernel.destroy();
  },
);

gpuTest("MatchKernel.encode() throws when a buffer does not fit", async (device) => {
  const matcher = SgMatcher.compile(lexiconOf(["a"]), byteTokens(bytesOf(["a"])));
  const small = withLimits(device, { maxStorageBufferBindingSize: SMALL_BINDING });
  const kernel = await MatchKernel.compile(small, matcher);
  const buffers = upload(device, { ...ofOneSequence(4, 1), segmentIds: new Int32Array(4) }, 1);
  const encoder = device.createCommandEncoder();
  const cases: [numSequences: number, numTokens: number, given: Partial<MatchBuffers>, RegExp][] = [
    [1, -1, {}, /^Cannot encode as numTokens must be a non-negative integer: current value is -1$/],
    [0.5, 1, {}, /^Cannot encode as numSequences must be a non-negative integer: current .* 0.5$/],
    [0, 1, {}, /^Cannot encode 1 tokens as numSequences must be positive: current value is 0$/],
    [
      1,
      40_001,
      {},
      /^Cannot encode 40001 tokens as they must fit one binding of 4 bytes a token, 40000 tokens: maxStorageBufferBindingSize is 160000, .*; cut the batch between sequences$/,
    ],
    [
      1,
      5,
      {},
      /^Cannot encode as buffers.tokenIds must hold 20 bytes: current size is 16$/,
    ],
    [2, 4, {}, /^Cannot encode as buffers.offsets must hold 12 bytes: current size is 8$/],
    [
      1,
      1,
      { text: buffers.matches },
      /^Cannot encode as buffers.text must be a buffer of its own: it is also buffers.matches, WebGPU does not read and write one buffer in a pass$/,
    ],
    [
      1,
      1,
      { status: buffers.segmentIds! },
      /^Cannot encode as buffers.status must be .* also buffers.segmentIds, /,
    ],
  ];
  for (const [numSequences, numTokens, given, message] of cases) {
    assert.throws(
      () => kernel.encode(encoder, { ...buffers, ...given }, { numSequences, numTokens }),
      { name: "RangeError", message },
    );
  }
  kernel.destroy();
});

type FullBatch =
  & Pick<Batch, "offsets" | "lossMask" | "segmentIds">
  & { readonly tokenIds: Int32Array };

async function runOnce(
  device: GPUDevice,
  matcher: SgMatcher,
  batch: FullBatch,
): Promise<Required<PlanningTokens>> {
  const kernel = await MatchKernel.compile(device, matcher);
  try {
    return await kernel.run(batch);
  } finally {
    kernel.destroy();
  }
}

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
    planningMask: Uint8Array.from(planningMask),
    matches: Int32Array.from(matches.flat()),
  };
}

function bytesOf(tokens: readonly Token[]): Uint8Array[] {
  return tokens.map((token) =>
    typeof token === "string" ? encoder.encode(token) : Uint8Array.from(token)
  );
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

/** One sequence of tokens that are all trained on, their ids in turn. */
function ofOneSequence(numTokens: number, vocabSize: number): FullBatch {
  return {
    offsets: Int32Array.of(0, numTokens),
    tokenIds: Int32Array.from({ length: numTokens }, (_, t) => t % vocabSize),
    lossMask: new Uint8Array(numTokens).fill(1),
  };
}

function upload(
  device: GPUDevice,
  { offsets, tokenIds, lossMask, segmentIds }: FullBatch,
  capacity: number,
): MatchBuffers {
  const create = (data: Int32Array | Uint8Array) => createBuffer(device, data);
  const numTokens = tokenIds.length;
  return {
    offsets: create(offsets),
    tokenIds: create(tokenIds),
    lossMask: create(lossMask),
    ...(segmentIds && { segmentIds: create(segmentIds) }),
    text: create(new Int32Array(numTokens)),
    planningMask: create(new Uint8Array(Math.ceil(numTokens / 4) * 4).fill(7)),
    matches: create(new Int32Array(Math.max(1, 5 * capacity))),
    status: create(Int32Array.of(7, 7)),
  };
}

async function download(device: GPUDevice, buffer: GPUBuffer): Promise<Int32Array<ArrayBuffer>> {
  return new Int32Array(await readBuffer(device, buffer));
}

function bytes(words: Int32Array): number[] {
  return [...new Uint8Array(words.buffer)];
}
