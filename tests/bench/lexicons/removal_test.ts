import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baselinePreset } from "../../../advantage/mod.ts";
import { checkBatch } from "../../../batch/mod.ts";
import type { Corpus } from "../../../bench/corpora.ts";
import { loadLabeledTraces } from "../../../bench/lexicons/labeled_sentences.ts";
import { removalEffects, removalTrends } from "../../../bench/lexicons/removal.ts";
import { lexiconFromGrams } from "../../../sg/mod.ts";
import { byteTokens } from "../../sg/byte_tokens.ts";

const corpusOf = (name: string): Corpus => ({
  name,
  rollouts: [],
  characters: 0,
});

/** One rollout that spells words of two letters, " a" to " d", by their ids 0 to 3. */
const rolloutOf = (...tokenIds: number[]) =>
  checkBatch({
    offsets: Int32Array.of(0, tokenIds.length),
    tokenIds: Int32Array.from(tokenIds),
    lossMask: new Uint8Array(tokenIds.length).fill(1),
    rewards: Float32Array.of(1),
    groupIds: Int32Array.of(0),
  });

Deno.test("removalEffects() measures again without a share of the grams", async () => {
  const effects = await removalEffects(
    lexiconFromGrams(["a", "b"], { name: "t" }),
    {
      corpora: [corpusOf("x_step1"), corpusOf("x_step2")],
      batches: [rolloutOf(0, 1, 2, 3), rolloutOf(0, 0, 0, 1, 1, 1, 2, 2)],
      table: byteTokens([" a", " b", " c", " d"].map((word) => new TextEncoder().encode(word))),
      preset: baselinePreset("paper"),
      alpha: 0.2,
    },
    { share: 0.5, seeds: [0, 1, 2] },
  );
  // Either gram is half of the planning tokens of either rollout.
  const shares = effects.filter(({ metric }) => metric === "planning_frac");
  assert.deepEqual(shares, [
    {
      corpus: "x_step1",
      metric: "planning_frac",
      before: 0.5,
      after: [0.25, 0.25, 0.25],
      relativeChange: { value: -0.5, low: -0.5, high: -0.5 },
    },
    {
      corpus: "x_step2",
      metric: "planning_frac",
      before: 0.75,
      after: [0.375, 0.375, 0.375],
      relativeChange: { value: -0.5, low: -0.5, high: -0.5 },
    },
  ]);
  assert.ok(effects.every(({ metric }) => metric !== "length" && metric !== "accuracy"));
  assert.deepEqual(removalTrends(shares, "x_step1", "x_step2"), [{
    metric: "planning_frac",
    before: 0.5,
    after: { value: 0.5, low: 0.5, high: 0.5 },
    sameDirection: 1,
  }]);
  assert.deepEqual(removalTrends([], "x_step1", "x_step2"), []);
});

const sentence = { start: 0, end: 2, tags: ["a"], "counterfactual_importance": 0 };

const BAD_FILES:
  readonly (readonly [what: string, lines: object[], name: string, message: string])[] = [
    [
      "an empty file",
      [],
      "RangeError",
      "Cannot score on FILE as it must hold a rollout: it is empty",
    ],
    [
      "a rollout without sentences",
      [{ prompt_id: "p", completion: "so" }],
      "TypeError",
      "Cannot score on FILE: rollout 0 as sentences must be an array: current value is undefined",
    ],
    [
      "a sentence without importance",
      [{ prompt_id: "p", completion: "so", sentences: [{ start: 0, end: 2, tags: [] }] }],
      "TypeError",
      "Cannot score on FILE: rollout 0 as sentences[0] must have tags and a finite " +
      'counterfactual_importance: current value is {"start":0,"end":2,"tags":[]}',
    ],
    [
      "a sentence outside the completion",
      [{ prompt_id: "p", completion: "s", sentences: [sentence] }],
      "RangeError",
      "Cannot score on FILE: rollout 0 as sentences[0] must lie inside the completion of 1 " +
      "characters: it is [0, 2)",
    ],
  ];

for (const [what, lines, name, message] of BAD_FILES) {
  Deno.test(`loadLabeledTraces() refuses ${what}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "hicra-"));
    try {
      const path = join(folder, "labeled.jsonl");
      await writeFile(path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
      await assert.rejects(loadLabeledTraces(path), {
        name,
        message: message.replace("FILE", path),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

Deno.test("loadLabeledTraces() reads a user's file, with KL or without", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    const path = join(folder, "labeled.jsonl");
    const sentences = [sentence, { ...sentence, counterfactual_importance_kl: 3 }];
    await writeFile(path, JSON.stringify({ prompt_id: "p", completion: "so", sentences }) + "\n");
    const [trace] = await loadLabeledTraces(path);
    assert.deepEqual(trace!.sentences.map(({ importanceKl }) => importanceKl), [undefined, 3]);
    assert.deepEqual(trace!.sentences.map(({ decile }) => decile), [0, 5]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
