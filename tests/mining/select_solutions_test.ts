import assert from "node:assert/strict";
import fc from "fast-check";
import { normalizeText } from "../../sg/_normalize.ts";
import { minHash } from "../../mining/corpus/_min_hash.ts";
import {
  type SelectionCounts,
  selectSolutions,
  type SelectSolutionsOptions,
} from "../../mining/corpus/select_solutions.ts";
import type { Solution } from "../../files/solution.ts";
import { drawIndex, splitMix64 } from "../../sg/_random.ts";

async function select(
  solutions: Iterable<Solution> | AsyncIterable<Solution>,
  options: SelectSolutionsOptions = {},
): Promise<{ texts: string[]; counts: SelectionCounts }> {
  let counts: SelectionCounts | undefined;
  const kept = await Array.fromAsync(
    selectSolutions(solutions, { ...options, onCount: (value) => counts = value }),
  );
  return { texts: kept.map(({ text }) => text), counts: counts! };
}

const succeeded = (...texts: string[]): Solution[] =>
  texts.map((text, p) => ({ text, promptId: String(p), succeeded: true }));

function shingles(text: string): Set<string> {
  const words = normalizeText(text).split(/[ \n]/);
  return new Set(words.slice(4).map((_, w) => words.slice(w, w + 5).join(" ")));
}

/** The exact similarity that signatures estimate. */
function jaccard(a: string, b: string): number {
  const [left, right] = [shingles(a), shingles(b)];
  const both = left.intersection(right).size;
  return both / (left.size + right.size - both);
}

/** Random words, and the same with some of them replaced. */
function randomPair(seed: number): [string, string] {
  const next = splitMix64(BigInt(seed));
  const word = (): string => `w${drawIndex(next, 1000)}`;
  const words = Array.from({ length: 30 + drawIndex(next, 400) }, word);
  const changed = [...words];
  const numChanges = drawIndex(next, 12);
  for (let c = 0; c < numChanges; c++) changed[drawIndex(next, words.length)] = word();
  return [words.join(" "), changed.join(" ")];
}

Deno.test("selectSolutions() keeps what succeeded, each text once", async () => {
  const cases: [name: string, texts: string[], kept: string[]][] = [
    ["nothing", [], []],
    ["one solution", ["a"], ["a"]],
    ["one repeated text", ["a b c d e f", "a b c d e f", "A  b c\nd e f "], ["a b c d e f"]],
    ["empty texts", ["", " "], [""]],
    ["short texts that differ", ["a b c d", "a b c e"], ["a b c d", "a b c e"]],
    ["a repeated sentence, once and twice", ["a b c d e", "a b c d e a b c d e"], [
      "a b c d e",
      "a b c d e a b c d e",
    ]],
    // Two distinct shingles in both: the sets are equal, and so are the texts to us.
    ["a loop of another length", ["a b ".repeat(10), "a b ".repeat(20)], ["a b ".repeat(10)]],
  ];
  for (const [name, texts, kept] of cases) {
    const { texts: actual, counts } = await select(succeeded(...texts));
    assert.deepEqual(actual, kept, name);
    const duplicates = texts.length - kept.length;
    assert.deepEqual(counts, {
      read: texts.length,
      failed: 0,
      unlabeled: 0,
      duplicates,
      kept: kept.length,
    }, name);
  }
});

Deno.test("selectSolutions() drops failures before it looks for duplicates", async () => {
  const solutions = [
    { text: "a", promptId: "p", succeeded: false },
    { text: "a", promptId: "p", succeeded: true },
  ];
  assert.deepEqual(await Array.fromAsync(selectSolutions(solutions)), solutions.slice(1));
});

Deno.test("selectSolutions() keeps or drops what has no label", async () => {
  const solutions = [{ text: "a", promptId: "p" }, ...succeeded("b"), { text: "a", promptId: "q" }];
  const none = { read: 3, failed: 0, unlabeled: 2 };
  assert.deepEqual(await select(solutions, { unlabeled: "keep" }), {
    texts: ["a", "b"],
    counts: { ...none, duplicates: 1, kept: 2 },
  });
  assert.deepEqual(await select(solutions, { unlabeled: "drop" }), {
    texts: ["b"],
    counts: { ...none, duplicates: 0, kept: 1 },
  });
});

Deno.test("minHash() estimates the exact Jaccard similarity", () => {
  let worst = 0;
  let squares = 0;
  let variances = 0;
  for (let seed = 0; seed < 400; seed++) {
    const [a, b] = randomPair(seed);
    const [left, right] = [minHash(a)!, minHash(b)!];
    const estimate = left.filter((value, i) => value === right[i]).length / left.length;
    const exact = jaccard(a, b);
    const variance = exact * (1 - exact) / left.length;
    if (exact === 1) assert.equal(estimate, 1);
    else worst = Math.max(worst, Math.abs(estimate - exact) / Math.sqrt(variance));
    squares += (estimate - exact) ** 2;
    variances += variance;
  }
  // 400 draws of a unit normal exceed 5 with probability 2e-4. The mean of 400 squares of one has a
  // standard deviation of 0.07.
  assert.ok(worst < 5, `worst estimate is ${worst} standard errors off`);
  assert.ok(Math.abs(squares / variances - 1) < 0.3, `variance ratio ${squares / variances}`);
});

Deno.test("selectSolutions() agrees with the exact Jaccard similarity away from the threshold", async () => {
  for (const similarity of [0.5, 0.8, 0.9]) {
    // Four standard errors of the estimate at the threshold.
    const margin = 4 * Math.sqrt(similarity * (1 - similarity) / 64);
    let checked = 0;
    for (let seed = 0; seed < 300; seed++) {
      const pair = randomPair(seed);
      const exact = jaccard(...pair);
      if (Math.abs(exact - similarity) < Math.min(margin, 1 - similarity)) continue;
      checked++;
      const { counts } = await select(succeeded(...pair), { similarity });
      assert.equal(counts.kept, exact > similarity ? 1 : 2, `${seed}: ${exact}`);
    }
    assert.ok(checked > 50, `only ${checked} pairs at ${similarity}`);
  }
});

Deno.test("selectSolutions() finds near-duplicates among many solutions", async () => {
  const texts = Array.from({ length: 500 }, (_, seed) => randomPair(seed)[0]);
  const again = texts.map((text) => `${text} .`); // similarity (n - 4) / (n - 3), at least 26 / 27
  const { texts: kept, counts } = await select(succeeded(...texts, ...again));
  assert.deepEqual(kept.slice(0, 500), texts);
  // At 26 / 27 the estimate stays under 58 of 64 with probability 0.01, and most texts are longer.
  assert.ok(counts.duplicates >= 495, `${counts.duplicates} found`);
});

Deno.test("selectSolutions() is deterministic, idempotent and keeps the order", async () => {
  const text = fc.array(fc.constantFrom("a", "b", "C", "wait,"), { maxLength: 12 })
    .map((words) => words.join(" "));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 30 }), async (texts) => {
      const solutions = succeeded(...texts);
      const once = await Array.fromAsync(selectSolutions(solutions));
      assert.deepEqual(await Array.fromAsync(selectSolutions(solutions)), once);
      assert.deepEqual(await Array.fromAsync(selectSolutions(once)), once);
      const indices = once.map((solution) => solutions.indexOf(solution));
      assert.deepEqual(indices, indices.toSorted((a, b) => a - b));
      const kept = new Set(once.map((solution) => normalizeText(solution.text)));
      assert.equal(kept.size, once.length);
    }),
  );
});

Deno.test("selectSolutions() throws when a solution has no label", async () => {
  await assert.rejects(select([...succeeded("a"), { text: "b", promptId: 'p"' }]), {
    name: "TypeError",
    message:
      'Cannot select solution 1 (prompt "p\\"") as succeeded must be true or false: its label is ' +
      'null or missing, name another field of the label when reading, or pass unlabeled "keep" or ' +
      '"drop"',
  });
});

Deno.test("selectSolutions() throws when an option is out of range", async () => {
  const cases: [SelectSolutionsOptions, string][] = [
    [{ similarity: 0 }, "similarity must be above 0 and at most 1: current value is 0"],
    [{ similarity: NaN }, "similarity must be above 0 and at most 1: current value is NaN"],
    [
      { unlabeled: "skip" as "drop" },
      'unlabeled must be "error", "keep" or "drop": current value is "skip"',
    ],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(select([], options), {
      name: "RangeError",
      message: `Cannot select solutions as ${message}`,
    });
  }
});
