import assert from "node:assert/strict";
import fc from "fast-check";
import { selectGrams } from "../../mining/count/_select_grams.ts";
import { clusterFrequencies, countNgrams, type NgramTable } from "../../mining/mod.ts";

/** A table of which only the prompts matter. */
function tableOf(prompts: readonly (readonly number[])[], numPrompts: number): NgramTable {
  const zeros = new Uint32Array(prompts.length);
  const offsets = [0];
  for (const { length } of prompts) offsets.push(offsets.at(-1)! + length);
  return {
    unit: "word",
    numPrompts,
    numSolutions: numPrompts,
    minPrompts: 1,
    texts: prompts.map((_, g) => `gram ${g}`),
    numWords: new Uint8Array(prompts.length),
    occurrences: zeros,
    solutions: zeros,
    promptOffsets: Float64Array.from(offsets),
    promptIndices: Uint32Array.from(prompts.flat()),
    sentenceStarts: zeros,
    paragraphStarts: zeros,
    mathSentences: zeros,
    followedByMath: zeros,
    examples: prompts.map(() => []),
  };
}

Deno.test("clusterFrequencies() counts a prompt once for a cluster, and noise nowhere", () => {
  const table = tableOf([[0, 1], [1, 2], [3], [0]], 4);
  assert.deepEqual(
    clusterFrequencies(table, Int32Array.of(0, 0, 1, -1)),
    Uint32Array.of(3, 1),
  );
  assert.deepEqual(clusterFrequencies(tableOf([], 0), new Int32Array(0)), new Uint32Array(0));
});

Deno.test("clusterFrequencies() refuses another number of clusters", () => {
  assert.throws(() => clusterFrequencies(tableOf([[0]], 1), new Int32Array(2)), {
    name: "TypeError",
    message:
      "Cannot count prompts as there must be a cluster for each of 1 grams: current length is 2",
  });
});

Deno.test("clusterFrequencies() is the size of the union of prompts", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.integer({ min: 0, max: 3 }), fc.uniqueArray(fc.integer({ min: 0, max: 9 }))),
        { minLength: 1 },
      ),
      (grams) => {
        const clusters = Int32Array.from(grams, ([cluster]) => cluster);
        const found = clusterFrequencies(
          tableOf(grams.map(([, prompts]) => prompts), 10),
          clusters,
        );
        for (const [cluster, frequency] of found.entries()) {
          const union = new Set(grams.flatMap(([c, prompts]) => c === cluster ? prompts : []));
          assert.equal(frequency, union.size);
        }
      },
    ),
  );
});

Deno.test("selectGrams() keeps every column of the grams it is given", async () => {
  const texts = [
    "Wait, let me check $x$.",
    "Wait, let me see.",
    "So, let me check. Wait, let me see.",
  ];
  const table = await countNgrams(texts.map((text, p) => ({ text, promptId: String(p) })), {
    minPrompts: 2,
    minWords: 2,
  });
  const all = Int32Array.from(table.texts.keys());
  assert.deepEqual(selectGrams(table, all), table);
  const some = selectGrams(table, Int32Array.of(1, 3));
  assert.deepEqual(some.texts, [table.texts[1], table.texts[3]]);
  for (const [g, gram] of [1, 3].entries()) {
    const prompts = ({ promptOffsets, promptIndices }: NgramTable, row: number): Uint32Array =>
      promptIndices.slice(promptOffsets[row], promptOffsets[row + 1]);
    assert.deepEqual(prompts(some, g), prompts(table, gram));
    for (const column of ["numWords", "occurrences", "solutions", "mathSentences"] as const) {
      assert.equal(some[column][g], table[column][gram]);
    }
    assert.deepEqual(some.examples[g], table.examples[gram]);
  }
});
