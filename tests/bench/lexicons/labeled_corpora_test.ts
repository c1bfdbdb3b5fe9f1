import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { corpusScores } from "../../../bench/lexicons/corpus_scores.ts";
import { loadLabeledCorpora } from "../../../bench/lexicons/labeled_corpora.ts";
import { lexiconFromGrams } from "../../../sg/mod.ts";
import { inFolder } from "../../_in_folder.ts";

Deno.test("loadLabeledCorpora() reads what is shipped, a corpus for each model", async () => {
  const corpora = await loadLabeledCorpora();
  assert.deepEqual(
    corpora.map(({ name, labeledBy, texts }) => [
      name,
      labeledBy,
      texts.length,
      texts.reduce((sum, { sentences }) => sum + sentences.length, 0),
    ]),
    [
      ["reasoningflow_human, QwQ-32B-Preview", "people", 16, 1210],
      ["r1_distill_8b_labelled, DeepSeek-R1-Distill-Llama-8B", "a language model", 20, 2929],
      ["reasoningflow_silver, DeepSeek-R1", "a language model", 154, 43848],
      ["reasoningflow_silver, DeepSeek-V3", "a language model", 209, 13171],
      ["reasoningflow_silver, QwQ-32B", "a language model", 99, 29482],
      ["reasoningflow_silver, Qwen2.5-32B-Instruct", "a language model", 216, 4964],
      ["reasoningflow_silver, gpt-oss-120b", "a language model", 195, 18239],
    ],
  );
});

Deno.test("corpusScores() counts matched and planning sentences of a user's file", () =>
  inFolder(async (folder) => {
    const completion = "But wait. So x is 2. Wait, so is y.";
    const path = join(folder, "mine.jsonl");
    await writeFile(
      path,
      JSON.stringify({
        "prompt_id": "p",
        completion,
        sentences: [
          { start: 0, end: 9, tags: ["planning"] },
          { start: 10, end: 20, tags: ["reasoning"] },
          { start: 21, end: 35, tags: ["reflection"] },
        ],
      }),
    );
    const mine = (await loadLabeledCorpora([path])).at(-1)!;
    assert.deepEqual([mine.name, mine.labeledBy], ["mine", ""]);
    const lexicon = lexiconFromGrams(["but wait", "so"], { name: "two" });
    const { lexicons, corpora: [figures] } = corpusScores([lexicon], [mine], { seed: 0 });
    assert.deepEqual(lexicons, ["two"]);
    // Matched are all three sentences, by hand: two of them plan, and two are all that plan.
    const { precision, recall, matchedSentences } = figures!.scores[0]!;
    assert.deepEqual([precision.value, recall.value, matchedSentences], [2 / 3, 1, 3]);
  }));

const WRONG: [what: string, line: object, message: RegExp][] = [
  [
    "no sentences",
    { completion: "a" },
    /rollout 0 as sentences must be an array: current value is/,
  ],
  [
    "a sentence without tags",
    { completion: "a", sentences: [{ start: 0, end: 1 }] },
    /sentences\[0\] must have tags: current value is {"start":0,"end":1}/,
  ],
  [
    "a sentence outside its completion",
    { completion: "a", sentences: [{ start: 0, end: 2, tags: [] }] },
    /sentences\[0\] must lie inside the completion of 1 characters: it is \[0, 2\)/,
  ],
];

for (const [what, line, message] of WRONG) {
  Deno.test(`loadLabeledCorpora() refuses ${what}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "mine.jsonl");
      await writeFile(path, JSON.stringify({ "prompt_id": "p", ...line }));
      await assert.rejects(loadLabeledCorpora([path]), { message });
    }));
}
