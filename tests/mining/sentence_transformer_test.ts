import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import {
  sentenceTransformer,
  type SentenceTransformerOptions,
} from "../../mining/embed/sentence_transformer.ts";

const FOLDER = fileURLToPath(new URL("../testdata/mining/transformers/", import.meta.url));
const TOKENIZER = join(FOLDER, "tokenizer.json");
const GOLDEN: { texts: string[]; models: Record<string, number[][]> } = JSON.parse(
  readFileSync(join(FOLDER, "golden.json"), "utf8"),
);

function load(model: string, options: Partial<SentenceTransformerOptions> = {}) {
  return sentenceTransformer({
    model: join(FOLDER, `${model}.onnx`),
    tokenizer: TOKENIZER,
    threads: 1,
    ...options,
  });
}

async function embed(
  model: string,
  texts: readonly string[],
  options: Partial<SentenceTransformerOptions> = {},
): Promise<Float32Array> {
  const embedder = await load(model, options);
  const vectors = await embedder.embed(texts);
  await embedder.release();
  return vectors;
}

/** onnxruntime may sum in another order in another version: some units in the last place of 1. */
const TOLERANCE = 2e-6;

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    assert.ok(error <= TOLERANCE, `element ${i} is ${actual[i]}, not ${expected[i]}`);
  }
}

for (const [model, rows] of Object.entries(GOLDEN.models)) {
  Deno.test(`sentenceTransformer() gives the vectors of Python: ${model}`, async () => {
    assertClose(await embed(model, GOLDEN.texts), rows.flat());
  });
}

/** Texts of the vocabulary, of 0 to 10 words, so that no text is longer than the model takes. */
const someTexts = fc.array(
  fc.array(fc.constantFrom("wait", "let", "check", "me", "this", "answer"), { maxLength: 10 })
    .map((words) => words.join(" ")),
  { maxLength: 40 },
);

for (const model of ["hidden", "quantised"]) {
  Deno.test(`sentenceTransformer() gives a text the same bytes in every batch: ${model}`, async () => {
    const embedders = await Promise.all([
      load(model, model === "quantised" ? {} : { batchSize: 3 }),
      load(model, model === "quantised" ? {} : { batchSize: 64, threads: 2 }),
    ]);
    await fc.assert(
      fc.asyncProperty(someTexts, fc.integer({ min: 0, max: 40 }), async (texts, cut) => {
        const whole = await embedders[0]!.embed(texts);
        const head = await embedders[1]!.embed(texts.slice(0, cut));
        const tail = await embedders[1]!.embed(texts.slice(cut).reverse());
        const dimensions = embedders[0]!.dimensions;
        for (let text = 0; text < texts.length; text++) {
          const [part, row] = text < cut ? [head, text] : [tail, texts.length - 1 - text];
          assert.deepEqual(
            whole.subarray(text * dimensions, (text + 1) * dimensions),
            part.subarray(row * dimensions, (row + 1) * dimensions),
          );
        }
      }),
      { numRuns: 50 },
    );
    for (const embedder of embedders) await embedder.release();
  });
}

Deno.test("sentenceTransformer() gives rows of norm 1 and nothing for no text", async () => {
  const vectors = await embed("hidden", GOLDEN.texts);
  for (let start = 0; start < vectors.length; start += 8) {
    const square = vectors.subarray(start, start + 8).reduce((sum, value) => sum + value ** 2, 0);
    assert.ok(Math.abs(square - 1) < 1e-6);
  }
  assert.deepEqual(await embed("hidden", []), new Float32Array(0));
});

Deno.test("sentenceTransformer() mixes batches of a model quantized dynamically only if told to", async () => {
  const texts = ["wait", "this", "way"];
  const alone = await embed("quantised", texts);
  assert.notDeepEqual(await embed("quantised", texts, { batchSize: 3 }), alone);
  const digests = await Promise.all(
    [{}, { batchSize: 1 }, { batchSize: 3 }].map(async (options) => {
      const embedder = await load("quantised", options);
      await embedder.release();
      return embedder.digest;
    }),
  );
  assert.equal(digests[1], digests[0]);
  assert.notEqual(digests[2], digests[0]);
});

Deno.test("sentenceTransformer() cuts a long text inside its special tokens", async () => {
  const cut = await embed("hidden", ["let me check this again"], { maxTokens: 5 });
  assert.deepEqual(cut, await embed("hidden", ["let me check"]));
});

Deno.test("sentenceTransformer() has a digest of model, tokenizer and maxTokens, not of batches", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hicra-"));
  const tokenizer = join(folder, "tokenizer.json");
  writeFileSync(tokenizer, readFileSync(TOKENIZER, "utf8") + "\n");
  const embedders = await Promise.all([
    load("hidden"),
    load("hidden", { batchSize: 2, threads: 2 }),
    load("hidden", { maxTokens: 8 }),
    load("hidden", { tokenizer }),
    load("pooled"),
  ]);
  const digests = embedders.map((embedder) => embedder.digest);
  assert.equal(digests[1], digests[0]);
  assert.equal(new Set(digests).size, 4);
  for (const digest of digests) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(embedders[0]!.name, "hidden.onnx");
  assert.equal(embedders[0]!.dimensions, 8);
  for (const embedder of embedders) await embedder.release();
  rmSync(folder, { recursive: true });
});

Deno.test("sentenceTransformer() reports batches and stops when its signal is aborted", async () => {
  const embedder = await load("hidden", { batchSize: 2 });
  const texts = ["wait", "let me", "me", "let", "this"];
  const progress: number[][] = [];
  await embedder.embed(texts, { onProgress: (...numbers) => progress.push(numbers) });
  assert.deepEqual(progress, [[2, 5], [4, 5], [5, 5]]);

  const controller = new AbortController();
  const reason = new Error("enough");
  const aborted = embedder.embed(texts, {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await assert.rejects(aborted, reason);
  await embedder.release();
});

/** The model with one of its names replaced by another of equal length. */
function renamed(model: string, from: string, to: string): Uint8Array {
  const bytes = readFileSync(join(FOLDER, `${model}.onnx`), "latin1").replaceAll(from, to);
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

const REFUSED_FILES: {
  name: string;
  model?: string | Uint8Array;
  tokenizer?: string;
  error: string;
  message: string | RegExp;
}[] = [
  {
    name: "a file that is no model",
    model: Uint8Array.of(1, 2, 3),
    error: "TypeError",
    message: /^Cannot load "model.onnx" as it must be an ONNX model in one file: /,
  },
  {
    name: "a model without input_ids",
    model: renamed("quantised", "input_ids", "token_ids"),
    error: "TypeError",
    message: 'Cannot embed with "model.onnx" as it must have the input input_ids: it has token_ids',
  },
  {
    name: "a model with an unknown input",
    model: renamed("hidden", "token_type_ids", "other_type_ids"),
    error: "TypeError",
    message: 'Cannot embed with "model.onnx" as its inputs must be among input_ids, ' +
      "attention_mask, token_type_ids: it also has other_type_ids",
  },
  {
    name: "a model with inputs of another type",
    model: "int32",
    error: "TypeError",
    message:
      'Cannot embed with "model.onnx" as its inputs must be of type int64: input_ids is int32',
  },
  {
    name: "a model without a known output",
    model: renamed("hidden", "last_hidden_state", "next_token_logits"),
    error: "TypeError",
    message: 'Cannot embed with "model.onnx" as it must have one of the outputs ' +
      "sentence_embedding, last_hidden_state, token_embeddings: it has next_token_logits",
  },
  {
    name: "a model whose output has the wrong shape",
    model: "flat",
    error: "TypeError",
    message: 'Cannot embed as last_hidden_state of "model.onnx" must be float32 of shape ' +
      "[1, 9, dimensions]: current value is float32 of shape [1, 8]",
  },
  {
    name: "a tokenizer with a larger vocabulary than the model",
    tokenizer: readFileSync(TOKENIZER, "utf8").replace('"wait": 4', '"wait": 400'),
    error: "RangeError",
    message: 'Cannot embed as model and tokenizer must fit: "model.onnx" does not know token id ' +
      "400, pass the tokenizer.json of the model",
  },
  {
    name: "a tokenizer that is not JSON",
    tokenizer: "[PAD]\n[UNK]\n",
    error: "SyntaxError",
    message: /^Cannot load "tokenizer.json" as it must be JSON: /,
  },
  {
    name: "a tokenizer of an unknown kind",
    tokenizer: '{"model": {"type": "Telepathy"}}',
    error: "TypeError",
    message:
      /^Cannot load "tokenizer.json" as it must be a Hugging Face tokenizer.json of a known kind: /,
  },
];

for (const { name, error, message, ...files } of REFUSED_FILES) {
  Deno.test(`sentenceTransformer() refuses ${name}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "hicra-"));
    const model = join(folder, "model.onnx");
    const tokenizer = join(folder, "tokenizer.json");
    const { model: content = "hidden" } = files;
    writeFileSync(
      model,
      typeof content === "string" ? readFileSync(join(FOLDER, `${content}.onnx`)) : content,
    );
    writeFileSync(tokenizer, files.tokenizer ?? readFileSync(TOKENIZER));
    await assert.rejects(sentenceTransformer({ model, tokenizer }), { name: error, message });
    rmSync(folder, { recursive: true });
  });
}

Deno.test("sentenceTransformer() refuses texts that are too long for the model", async () => {
  const embedder = await load("hidden");
  await assert.rejects(embedder.embed(["wait ".repeat(20)]), {
    name: "RangeError",
    message:
      /^Cannot embed texts of 22 tokens as "hidden.onnx" failed, pass a smaller maxTokens if/,
  });
  await embedder.release();
});

Deno.test("sentenceTransformer() refuses a text that gives no token", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hicra-"));
  const tokenizer = join(folder, "tokenizer.json");
  const { post_processor: _, ...bare } = JSON.parse(readFileSync(TOKENIZER, "utf8"));
  writeFileSync(tokenizer, JSON.stringify({ ...bare, post_processor: null }));
  const embedder = await load("hidden", { tokenizer });
  await assert.rejects(embedder.embed(["wait", " "]), {
    name: "RangeError",
    message:
      'Cannot embed as "tokenizer.json" must spell every text in its vocabulary: texts[1] is " "',
  });
  await embedder.release();
  rmSync(folder, { recursive: true });
});

const REFUSED_OPTIONS = [
  {
    options: { maxTokens: 2 },
    message: "Cannot embed as maxTokens must leave room beside the 2 special tokens of " +
      '"tokenizer.json": current value is 2',
  },
  {
    options: { maxTokens: 0 },
    message: "Cannot embed as maxTokens must be a whole number from 1: current value is 0",
  },
  {
    options: { batchSize: 0.5 },
    message: "Cannot embed as batchSize must be a whole number from 1: current value is 0.5",
  },
  {
    options: { threads: -1 },
    message: "Cannot embed as threads must be a whole number from 0: current value is -1",
  },
];

for (const { options, message } of REFUSED_OPTIONS) {
  Deno.test(`sentenceTransformer() refuses ${JSON.stringify(options)}`, async () => {
    await assert.rejects(load("hidden", options), { name: "RangeError", message });
  });
}

const MINILM = process.env.HICRA_SENTENCE_TRANSFORMER;

Deno.test({
  name: "sentenceTransformer() gives the vectors of Python: all-MiniLM-L6-v2",
  // 23 MB are too many for the repository; testdata/mining/transformers/minilm.py says where they are.
  ignore: MINILM === undefined,
  fn: async () => {
    const golden: { modelSha256: string; cases: { text: string; vector: number[] }[] } = JSON.parse(
      readFileSync(join(FOLDER, "minilm.json"), "utf8"),
    );
    const model = join(MINILM!, "model.onnx");
    assert.equal(
      createHash("sha256").update(readFileSync(model)).digest("hex"),
      golden.modelSha256,
    );
    const embedder = await sentenceTransformer({
      model,
      tokenizer: join(MINILM!, "tokenizer.json"),
    });
    assert.equal(embedder.dimensions, 384);
    const vectors = await embedder.embed(golden.cases.map(({ text }) => text));
    for (const [row, { vector }] of golden.cases.entries()) {
      assertClose(vectors.subarray(row * 384, row * 384 + vector.length), vector);
    }
    await embedder.release();
  },
});
