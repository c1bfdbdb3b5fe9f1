import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { countNgrams } from "../../mining/count/count_ngrams.ts";
import { JOIN_TEXTS } from "../../mining/corpus/_cut_text.ts";
import { SentenceCutter } from "../../mining/corpus/_sentences.ts";
import { findMatches, normalizeGram } from "../sg/oracle.ts";

const cutter = new SentenceCutter("word");
const characterCutter = new SentenceCutter("character");

/** The runs of joined words of a text. */
function runs(text: string, by: SentenceCutter = cutter): string[] {
  const cut = by.cut(text);
  const out: string[] = [];
  let run = "";
  for (let word = 0; word < cut.numWords; word++) {
    run += String.fromCharCode(...cut.folded.subarray(cut.starts[word], cut.ends[word]));
    if (cut.joins[word] === 0) {
      out.push(run);
      run = "";
    } else run += JOIN_TEXTS[cut.joins[word]!];
  }
  return out;
}

const CASES: [text: string, runs: string[]][] = [
  ["", []],
  ["Okay", ["okay"]],
  ["Let\u2019s double-check, step-by-step", ["let's double-check, step-by-step"]],
  ["Wait,  maybe \u2014 I should", ["wait, maybe \u2014 i should"]],
  ["wait\u2014maybe we, - do", ["wait", "maybe we", "do"]],
  ["so we get $x + 1$ and \\(y\\) then", ["so we get", "and", "then"]],
  ["costs $5 or $10 today", ["costs", "or", "today"]],
  ["one \\frac{a b}{c d} two \\begin{x} a \\end{x} three", ["one", "two", "three"]],
  ["use `a b` or\n```py\nc d\n```\nthen go", ["use", "or", "then go"]],
  ["let x be the x-axis of foo_bar and camelCase", ["let", "be the", "of", "and"]],
  ["the AMC test is 2nd at https://a.example/b c.", ["the", "test is", "at"]],
  ["see http://a.example/b'c so and 'http://b.example' then", ["see", "so and", "then"]],
  ["one. two! three? four: five; six\nseven\r\neight", [
    ..."one two three four five six seven eight".split(" "),
  ]],
  ['he (so we) said "let me" go', ["he", "so we", "said", "let me", "go"]],
  ["an unclosed $ here\n\nand \\( there", ["an unclosed", "here", "and", "there"]],
  ["e\u0301 \u0301 te\u0301a \ud800 b\u{1d465}", ["te\u0301a"]],
];

for (const [text, expected] of CASES) {
  Deno.test(`SentenceCutter cuts ${JSON.stringify(text)}`, () => {
    assert.deepEqual(runs(text).filter((run) => run !== "e\u0301"), expected);
  });
}

Deno.test("SentenceCutter takes letters of scripts without spaces one by one when asked", () => {
  assert.deepEqual(runs("让我们，x 试 go 试", characterCutter), ["让我们", "试", "试"]);
  assert.equal(characterCutter.cut("让我们").numWords, 3);
});

function checkMatches(text: string): void {
  const bytes = new TextEncoder().encode(text);
  const grams = [...new Set(runs(text))];
  const found = new Set(findMatches(bytes, grams.map(normalizeGram)).map(({ gram }) => gram));
  assert.deepEqual(grams.filter((_, gram) => !found.has(gram)), []);
}

Deno.test("SentenceCutter joins words only to what matches there, on any text", () => {
  const part = fc.constantFrom(
    ..."a|I|x|Wait|wait|don|let|_|'|\u2019|-| - | |  |, |,|.|\n|\n\n|\r\n|$|`|```|\\(|\\)|\\[|\\]"
      .split("|"),
    ..."\\frac{|}|\\begin{a}|5|*|<|>|<think>|\u0301|\u4e2d|\u{1d465}|\ud800|\u0130|\u00df|\u00a0|://"
      .split("|"),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => checkMatches(parts.join(""))),
    { numRuns: 3000 },
  );
});

Deno.test("SentenceCutter joins words only to what matches there, on real traces", async () => {
  for (const name of ["r1_distill_1p5b_math", "qwen_math", "llama3b_rlvr_step400"]) {
    const url = new URL(`../testdata/rollouts/${name}.jsonl.gz`, import.meta.url);
    const lines = gunzipSync(await readFile(url)).toString().trim().split("\n");
    for (const line of lines.slice(0, 8)) checkMatches(JSON.parse(line).completion.slice(0, 3000));
  }
});

Deno.test("countNgrams() counts prompts, solutions, places and mathematics", async () => {
  const table = await countNgrams([
    { text: "Let me check $x$. So let me check.", promptId: "p" },
    { text: "Let me check:\n\\[x\\]", promptId: "p" },
    { text: "We let me check", promptId: "q" },
  ], { minPrompts: 2 });
  assert.deepEqual(table.texts, ["let me check"]);
  assert.deepEqual([table.numPrompts, table.numSolutions], [2, 3]);
  assert.deepEqual([...table.numWords], [3]);
  assert.deepEqual([...table.occurrences], [4]);
  assert.deepEqual([...table.solutions], [3]);
  assert.deepEqual([...table.promptOffsets], [0, 2]);
  assert.deepEqual([...table.promptIndices], [0, 1]);
  assert.deepEqual([...table.sentenceStarts], [2]);
  assert.deepEqual([...table.paragraphStarts], [2]);
  assert.deepEqual([...table.mathSentences], [1]);
  assert.deepEqual([...table.followedByMath], [2]);
  assert.equal(table.examples[0]!.length, 3);
});

Deno.test("countNgrams() says why it cannot count", async () => {
  const one = [{ text: "let me check", promptId: "p" }];
  const chinese = [{ text: "让我们看看", promptId: "p" }];
  const cases: [Parameters<typeof countNgrams>, RegExp][] = [
    [[one, { minWords: 0 }], /minWords must be a whole number from 1: current value is 0$/],
    [[one, { minWords: 4, maxWords: 3 }], /maxWords must be .* 4, to 255: current value is 3$/],
    [[one, { minPrompts: 0 }], /minPrompts must be a whole number from 1: current value is 0$/],
    [[[]], /there must be at least one solution$/],
    [[one], /at least 3 prompts: none does in 1 solutions of 1 prompts, pass more solutions/],
    [[chinese], /without spaces, pass unit: "character"$/],
  ];
  for (const [args, message] of cases) {
    await assert.rejects(() => countNgrams(...args), { name: "RangeError", message });
  }
  await assert.rejects(() => countNgrams(one, { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
});
