import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { staticWords } from "../../../sg/mining/_static_words.ts";
import { staticEmbedder } from "../../../sg/mining/static_embedder.ts";

const WORDS: readonly [text: string, words: string][] = [
  ["", ""],
  ["Wait, THEN", "wait then"],
  ["let\u2019s", "let us"],
  ["doesn't can't won't shan't ain't", "does not cannot will not shall not is not"],
  ["I'm we'll you're i've he'd", "i am we will you are i have he would"],
  ["it's that's what's", "it is that is what is"],
  ["euler's x's", "euler x"],
  ["shouldn't've", "should not have"],
  ["o'clock", "o clock"],
  ["double-check step-by-step", "double check step by step"],
  ["na\u00efve \u7b49\u4e00\u4e0b 2", "na\u00efve \u7b49\u4e00\u4e0b 2"],
  ["... -- '", ""],
];

for (const [text, words] of WORDS) {
  Deno.test(`staticWords() writes out ${JSON.stringify(text)}`, () => {
    assert.equal(staticWords(text).join(" "), words);
  });
}

const DIMENSIONS = 100;

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
      new URL("../../testdata/mining/transformers/static.json", import.meta.url),
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

Deno.test("staticEmbedder() does not see spelling variants, order or unknown words", async () => {
  const [row, ...others] = await rowsOf([
    "let's check, but wait",
    "Let\u2019s CHECK but wait",
    "wait, but let us check",
    "let's check qzxv, but i wait",
  ]);
  // Another order of the sum rounds otherwise.
  for (const other of others) assert.ok(cosine(row!, other) > 1 - 1e-6);
  assert.deepEqual(others[0], row);
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
