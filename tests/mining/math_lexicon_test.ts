/** The built-in lexicon `math` against the pipeline that made it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadLabeledTraces } from "../../bench/lexicons/labeled_sentences.ts";
import { coverTraces, scoreSentences } from "../../bench/lexicons/score_sentences.ts";
import { loadLexicon, readSolutions } from "../../files/mod.ts";
import { mine, sentenceTransformer } from "../../mining/mod.ts";

const math = await loadLexicon("math");

Deno.test("math scores what the documentation says of it on traces it was not mined from", async () => {
  const traces = await loadLabeledTraces();
  const { precision, recall, share } = scoreSentences(traces, coverTraces(math, traces), {
    seed: 0,
    resamples: 1,
  });
  assert.ok(precision.value >= 0.75, `precision ${precision.value}`);
  assert.ok(recall.value >= 0.4, `recall ${recall.value}`);
  assert.ok(share.value >= 0.02 && share.value <= 0.06, `share ${share.value}`);
});

Deno.test("math has a kind with a confidence, counts and an example for every gram", () => {
  for (const { text, confidence, cluster, documentFrequency, statistics, example } of math.grams) {
    assert.ok(confidence! > 0.25 && confidence! <= 1, text);
    assert.ok(cluster! >= 0 && documentFrequency! >= 3, text);
    assert.ok(statistics!.functional! > 0.5 && statistics!.burstiness! > 0, text);
    assert.ok(example!.length > 0, text);
  }
});

const FOLDER = process.env.HICRA_SENTENCE_TRANSFORMER;

Deno.test({
  name: "mine() makes math again from the shipped rollouts",
  // The embedder is too large for the repository: sg/lexicons/README.md says where it is.
  ignore: FOLDER === undefined,
  fn: async () => {
    const files = [
      "r1_distill_14b_math",
      "r1_distill_1p5b_math",
      "llama3b_rlvr_step400",
      "llama3b_rlvr_step800",
      "qwen_math",
    ].map((name) =>
      fileURLToPath(new URL(`../testdata/rollouts/${name}.jsonl.gz`, import.meta.url))
    );
    const embedder = await sentenceTransformer({
      model: join(FOLDER!, "model.onnx"),
      tokenizer: join(FOLDER!, "tokenizer.json"),
      name: "all-MiniLM-L6-v2-int8",
    });
    const { source } = math.provenance;
    const mined = await mine(readSolutions(files, { promptField: "prompt" }), {
      name: "math",
      source,
      embedder,
    });
    await embedder.release();
    assert.equal(mined.provenance.corpusDigest, math.provenance.corpusDigest);
    const [ours, shipped] = [mined.provenance.parameters!, math.provenance.parameters!];
    for (const exact of ["solutions", "prompts", "ngrams", "afterAbsorption", "embedderDigest"]) {
      assert.equal(ours[exact], shipped[exact], exact);
    }
    // Embeddings may differ in their last bits between kinds of processors.
    const texts = new Set(math.grams.map(({ text }) => text));
    const shared = mined.grams.filter(({ text }) => texts.has(text)).length;
    const either = texts.size + mined.grams.length - shared;
    assert.ok(shared / either >= 0.95, `${shared} of ${either} grams are in both`);
  },
});
