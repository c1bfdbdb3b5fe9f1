import assert from "node:assert/strict";
import fc from "fast-check";
import { type GramKind, type Lexicon, lexiconFromGrams, SgMatcher } from "../../sg/mod.ts";
import { byteTokens } from "./byte_tokens.ts";
import { anySequence, batchOf, conformance, lexiconOf, type Sequence } from "./_sequences.ts";
import { oracle } from "./oracle.ts";
import { numRuns } from "../_scope.ts";

const encoder = new TextEncoder();

interface Result {
  planningMask: number[];
  spans: number[][];
}

function prepare(sequence: Sequence) {
  const { tokens, batch } = batchOf([sequence]);
  return { matcher: SgMatcher.compile(lexiconOf(sequence.grams), tokens), batch };
}

function matchBatch(sequence: Sequence): Result {
  const { matcher, batch } = prepare(sequence);
  const { planningMask, spans, kinds } = matcher.match(batch);
  assert.deepEqual(Array.from(kinds, (kind) => Number(kind > 0)), [...planningMask]);
  return { planningMask: [...planningMask], spans: triples(spans) };
}

function matchStream(sequence: Sequence): Result {
  const { matcher, batch } = prepare(sequence);
  const { tokenIds, lossMask, segmentIds } = batch;
  const stream = matcher.stream();
  const promised: boolean[] = [];
  tokenIds.forEach((id, i) => {
    stream.push(id, { lossMask: lossMask[i]!, segmentId: segmentIds[i]! });
    for (let t = promised.length; t < stream.decided; t++) promised.push(stream.isPlanning(t));
  });
  const { planningMask, spans } = stream.end();
  // What was said to be decided never changes.
  promised.forEach((planning, t) => assert.equal(Number(planning), planningMask[t]));
  return { planningMask: [...planningMask], spans: triples(spans) };
}

function triples(spans: Int32Array): number[][] {
  return Array.from({ length: spans.length / 3 }, (_, k) => [...spans.subarray(3 * k, 3 * k + 3)]);
}

for (const { name, sequence, planningMask, spans } of conformance) {
  Deno.test(`SgMatcher.match() conforms: ${name}`, () => {
    assert.deepEqual(matchBatch(sequence), { planningMask, spans });
  });
  Deno.test(`SgStream conforms: ${name}`, () => {
    assert.deepEqual(matchStream(sequence), { planningMask, spans });
  });
  Deno.test(`oracle conforms: ${name}`, () => {
    assert.deepEqual(oracle(sequence), { planningMask, spans });
  });
}

Deno.test("SgMatcher.match() equals the oracle on random grams, tokens, masks and segments", () => {
  fc.assert(
    fc.property(anySequence, (sequence) => {
      assert.deepEqual(matchBatch(sequence), oracle(sequence));
    }),
    { numRuns: numRuns(5000) },
  );
});

Deno.test("SgStream equals the oracle on random grams, tokens, masks and segments", () => {
  fc.assert(
    fc.property(anySequence, (sequence) => {
      assert.deepEqual(matchStream(sequence), oracle(sequence));
    }),
    { numRuns: numRuns(3000) },
  );
});

Deno.test("SgMatcher.match() gives the same on a second pass, when steps are remembered", () => {
  fc.assert(
    fc.property(anySequence, (sequence) => {
      const { matcher, batch } = prepare(sequence);
      assert.deepEqual(matcher.match(batch), matcher.match(batch));
    }),
    { numRuns: numRuns(500) },
  );
});

Deno.test("SgMatcher.match() matches each sequence of a batch by itself", () => {
  const tokens = byteTokens(["but", " wait"].map((text) => encoder.encode(text)));
  const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "test" }), tokens);
  const { planningMask, spans } = matcher.match({
    offsets: Int32Array.of(0, 1, 2, 2, 4),
    tokenIds: Int32Array.of(0, 1, 0, 1),
    lossMask: Uint8Array.of(1, 1, 1, 1),
  });
  assert.deepEqual(planningMask, Uint8Array.of(0, 0, 1, 1));
  assert.deepEqual(spans, Int32Array.of(2, 4, 0));
});

Deno.test("SgMatcher.match() gives a token the kind of the span that covers it", () => {
  const kinds: GramKind[] = ["backtracking", "branching", "deduction"];
  const lexicon: Lexicon = {
    ...lexiconFromGrams(["wait", "wait, maybe", "maybe we can"], { name: "test" }),
    grams: ["wait", "wait, maybe", "maybe we can"].map((text, i) => ({ text, kind: kinds[i]! })),
  };
  const tokens = byteTokens(
    ["Wait", ",", " maybe", " we", " can", ";"].map((text) => encoder.encode(text)),
  );
  const { kinds: codes, spans } = SgMatcher.compile(lexicon, tokens).match({
    offsets: Int32Array.of(0, 6),
    tokenIds: Int32Array.of(0, 1, 2, 3, 4, 5),
    lossMask: new Uint8Array(6).fill(1),
  });
  // "wait, maybe" is the span; "we can" is planning through a match that overlaps it.
  assert.deepEqual(spans, Int32Array.of(0, 3, 1));
  assert.deepEqual(codes, Uint8Array.of(2, 2, 2, 1, 1, 0));
});

Deno.test("SgMatcher.match() throws when an id of a trained token is outside the vocabulary", () => {
  const matcher = SgMatcher.compile(
    lexiconFromGrams(["a b"], { name: "test" }),
    byteTokens([encoder.encode("a")]),
  );
  const batch = (ids: number[], mask: number[]) => ({
    offsets: Int32Array.of(0, ids.length),
    tokenIds: Int32Array.from(ids),
    lossMask: Uint8Array.from(mask),
  });
  assert.throws(() => matcher.match(batch([0, 1], [1, 1])), {
    name: "RangeError",
    message:
      "Cannot match batch.tokenIds as ids must be in the vocabulary, [0, 1): tokenIds[1] is 1; " +
      "if the model's vocabulary is padded, load the tokenizer with its vocabSize",
  });
  assert.throws(() => matcher.match(batch([-1], [1])), /tokenIds\[0\] is -1/);
  // Outside the loss mask hosts put padding such as -100; it is not text.
  assert.deepEqual(matcher.match(batch([-100, 0], [0, 1])).planningMask, Uint8Array.of(0, 0));
});

Deno.test("SgMatcher.match() throws when the batch has no token ids", () => {
  const matcher = SgMatcher.compile(lexiconFromGrams(["a"], { name: "test" }), byteTokens([]));
  assert.throws(
    () => matcher.match({ offsets: Int32Array.of(0), lossMask: new Uint8Array() }),
    /batch.tokenIds is missing/,
  );
});

Deno.test("SgStream throws when a token is pushed after its end", () => {
  const matcher = SgMatcher.compile(
    lexiconFromGrams(["a"], { name: "test" }),
    byteTokens([encoder.encode("a")]),
  );
  const stream = matcher.stream();
  stream.end();
  assert.throws(() => stream.push(0), /the stream has ended/);
});

Deno.test("SgMatcher.match() equals the oracle where every token ends many nested grams", () => {
  // Each token ends up to forty matches; time and memory must not grow with their pairs.
  const grams = Array.from({ length: 40 }, (_, k) => "-".repeat(k + 1));
  const tokens = Array.from({ length: 150 }, (_, k) => encoder.encode("-".repeat(1 + k % 3)));
  const sequence = { grams: ["--- x", ...grams], tokens: [...tokens, encoder.encode(" x")] };
  assert.deepEqual(matchBatch(sequence), oracle(sequence));
  assert.deepEqual(matchStream(sequence), oracle(sequence));
});

Deno.test("SgMatcher.compile() throws when it is given a parsed tokenizer.json", () => {
  const parsed = JSON.parse('{"model": {"type": "BPE", "vocab": {}}}');
  assert.throws(() => SgMatcher.compile(lexiconFromGrams(["a b"], { name: "x" }), parsed), {
    name: "TypeError",
    message:
      "Cannot compile a matcher as tokens must be what tokenBytes or loadTokenizer returns: " +
      "current value is object, pass a parsed tokenizer.json through tokenBytes",
  });
});

Deno.test("SgMatcher.compile() throws when it is given something else than a lexicon", () => {
  const wrong: [unknown, string][] = [
    ["math", "current value is of type string"],
    [Promise.resolve(), "current value is of type object, await the promise"],
    [{ grams: ["wait"] }, "grams[0] has no text"],
  ];
  for (const [lexicon, end] of wrong) {
    assert.throws(() => SgMatcher.compile(lexicon as Lexicon, byteTokens([])), {
      name: "TypeError",
      message: "Cannot compile a matcher as lexicon must be what loadLexicon, builtInLexicon or " +
        `lexiconFromGrams returns: ${end}`,
    });
  }
});
