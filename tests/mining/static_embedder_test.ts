import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { knownTokens, staticWords } from "../../mining/embed/_static_words.ts";
import { staticEmbedder } from "../../mining/embed/static_embedder.ts";

const WORDS: readonly [text: string, words: string][] = [
  ["", ""],
  ["Wait, THEN", "wait then"],
  ["let\u2019s", "let's"],
  ["shouldn't've o'clock x's", "shouldn't've o'clock x's"],
  ["double-check step-by-step", "double check step by step"],
  ["na\u00efve \u7b49\u4e00\u4e0b 2", "na\u00efve \u7b49\u4e00\u4e0b 2"],
  ["... -- '", ""],
];

for (const [text, words] of WORDS) {
  Deno.test(`staticWords() cuts ${JSON.stringify(text)}`, () => {
    assert.equal(staticWords(text).join(" "), words);
  });
}

const KNOWN = new Set(
  "i let's should check lemma s ve ^let's ^lemma check$ s$ undefined ^undefined undefined$".split(
    " ",
  ),
);
const TOKENS: readonly [words: string, tokens: string][] = [
  ["", ""],
  ["qzxv", ""],
  ["check", "check check$"],
  ["let's check", "let's check ^let's check$"],
  ["check let's", "check let's"],
  ["lemma's", "lemma s ^lemma s$"],
  ["should've check qzxv", "should ve check"],
];

for (const [words, tokens] of TOKENS) {
  Deno.test(`knownTokens() finds "${tokens}" in "${words}"`, () => {
    assert.equal(knownTokens(words.split(" ").filter(Boolean), KNOWN).join(" "), tokens);
  });
}

const DIMENSIONS = 128;

async function rowsOf(texts: readonly string[]): Promise<Float32Array[]> {
  const embedder = await staticEmbedder({ threads: 1 });
  assert.equal(embedder.dimensions, DIMENSIONS);
  const vectors = await embedder.embed(texts);
  await embedder.release();
  return texts.map((_, row) => vectors.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS));
}

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, k) => sum + value * b[k]!, 0);
}

Deno.test("staticEmbedder() follows its formula", async () => {
  const golden: { text: string; vector: number[] }[] = JSON.parse(
    readFileSync(
      new URL("../testdata/mining/transformers/static.json", import.meta.url),
      "utf8",
    ),
  );
  const rows = await rowsOf(golden.map(({ text }) => text));
  for (const [i, { text, vector }] of golden.entries()) {
    for (const [k, value] of vector.entries()) {
      // Products are float32 in the graph; the rest is float64, rounded once.
      assert.ok(
        Math.abs(rows[i]![k]! - value) < 1e-6,
        `"${text}"[${k}] is ${rows[i]![k]}, not ${value}`,
      );
    }
  }
});

Deno.test("staticEmbedder() finds like phrases nearer than unlike ones", async () => {
  const pairs = [
    ["let's try a different approach", "let us try another method"],
    ["i should double-check this", "i need to verify that"],
    ["maybe i was wrong", "perhaps i made a mistake"],
  ];
  const rows = await rowsOf([...pairs.flat(), "the green circle"]);
  for (let i = 0; i < pairs.length; i++) {
    const [left, right] = [rows[2 * i]!, rows[2 * i + 1]!];
    const greatest = Math.max(cosine(left, rows.at(-1)!), cosine(right, rows.at(-1)!));
    assert.ok(cosine(left, right) > greatest + 0.2, `${pairs[i]}`);
  }
});

Deno.test("staticEmbedder() does not see spelling variants or unknown words", async () => {
  const [row, variant, unknown] = await rowsOf([
    "let's check, but wait",
    "Let\u2019s CHECK but wait",
    "let's check qzxv, but wait",
  ]) as [Float32Array, Float32Array, Float32Array];
  assert.deepEqual(variant, row);
  assert.deepEqual(unknown, row);
});

Deno.test("staticEmbedder() sees of the order which word is the first and the last", async () => {
  const [row, inner, outer] = await rowsOf([
    "wait, we should check",
    "wait, should we check",
    "check, we should wait",
  ]) as [Float32Array, Float32Array, Float32Array];
  // Another order of the sum rounds otherwise.
  assert.ok(cosine(row, inner) > 1 - 1e-6);
  assert.ok(cosine(row, outer) < 0.99);
});

Deno.test("staticEmbedder() draws a direction for a text without a known word", async () => {
  const [a, again, b, c, empty, blank] = await rowsOf(
    ["qzxv", "Qzxv!", "qzxw", "\u7b49\u4e00\u4e0b", "", " ..."],
  ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  assert.deepEqual(again, a);
  assert.deepEqual(blank, empty);
  for (const [x, y] of [[a, b], [a, c], [b, c], [a, empty]] as const) {
    assert.ok(Math.abs(cosine(x, y)) < 0.5);
  }
});

Deno.test("staticEmbedder() gives a text the same bytes in every set of texts", async () => {
  const one = await staticEmbedder({ threads: 1 });
  const two = await staticEmbedder({ threads: 2 });
  assert.equal(one.digest, two.digest);
  const text = fc.array(fc.constantFrom("wait", "let's", "check", "qzxv", "the", "sum"), {
    maxLength: 6,
  }).map((words) => words.join(" "));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 20 }), async (texts) => {
      const together = await one.embed(texts);
      for (const [i, each] of texts.entries()) {
        const alone = await two.embed([each]);
        assert.deepEqual(together.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS), alone);
        assert.ok(Math.abs(cosine(alone, alone) - 1) < 1e-6);
      }
    }),
    { numRuns: 50 },
  );
  await one.release();
  await two.release();
});

Deno.test("staticEmbedder() counts every text in its progress and stops when aborted", async () => {
  const embedder = await staticEmbedder();
  const progress: number[][] = [];
  const onProgress = (...numbers: number[]): void => void progress.push(numbers);
  await embedder.embed(["qzxv", "wait", "but wait", "so wait"], { onProgress });
  assert.deepEqual(progress, [[1, 4], [2, 4], [4, 4]]);
  assert.deepEqual(await embedder.embed([]), new Float32Array(0));
  const reason = new Error("enough");
  await assert.rejects(embedder.embed(["wait"], { signal: AbortSignal.abort(reason) }), reason);
  await embedder.release();
});

Deno.test("staticEmbedder() refuses a negative number of threads", async () => {
  await assert.rejects(staticEmbedder({ threads: -1 }), {
    name: "RangeError",
    message: "Cannot embed as threads must be a whole number from 0: current value is -1",
  });
});
