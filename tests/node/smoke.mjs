// Runs on Node, against the packed tarball installed as an npm user would install it.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHook, hicra, metricValues, SgMatcher } from "@hicra/hicra";
import { loadLexicon, loadTokenizer } from "@hicra/hicra/files";
import { packPadded, unpackPadded } from "@hicra/hicra/batch";
import { baselinePreset } from "@hicra/hicra/advantage";
import { tokenBytes } from "@hicra/hicra/sg";
import { mergeMetrics } from "@hicra/hicra/metrics";
import { readRollouts, rolloutsToBatch } from "@hicra/hicra/files";
import { CreditKernel } from "@hicra/hicra/kernels";
import { countNgrams, storeCorpus } from "@hicra/hicra/mining";

const [tokenizer, rollouts] = process.argv.slice(2);

const { tokens, encode } = await loadTokenizer(tokenizer);
const matcher = SgMatcher.compile(await loadLexicon("paper"), tokens);
const read = [];
for await (const rollout of readRollouts(rollouts)) {
  read.push(rollout);
  if (read.length === 40) break;
}
const { batch } = rolloutsToBatch(read, { encode });
const hook = createHook({ matcher, baseline: "trl", transforms: [hicra({ alpha: 0.2 })] });
const { advantages, planningMask, metrics } = hook(batch);
assert.equal(advantages.length, batch.numTokens);
assert.ok(planningMask.includes(1));
const values = metricValues(mergeMetrics(metrics, metrics));
assert.ok(values["hicra/planning_frac"] > 0.01);

const { layout } = packPadded({ shape: [1, 2], lossMask: Uint8Array.of(0, 1) });
assert.deepEqual(unpackPadded(Float32Array.of(5), layout), Float32Array.of(0, 5));
assert.equal(baselinePreset("trl").group.ddof, 1);
assert.equal(typeof tokenBytes, "function");
// Kernels load without a GPU.
assert.equal(typeof CreditKernel.compile, "function");

const folder = await mkdtemp(join(tmpdir(), "hicra-"));
try {
  const solutions = Array.from({ length: 300 }, (_, i) => ({
    text: `Wait, let me check that sum again: ${i}.`,
    promptId: `${i % 100}`,
  }));
  const corpus = await storeCorpus(solutions, folder);
  const { texts } = await countNgrams(corpus);
  assert.ok(texts.includes("let me check"));
  assert.deepEqual(await readdir(folder), [
    "corpus.json",
    ...corpus.shards.map(({ file }) => file),
  ]);
} finally {
  await rm(folder, { recursive: true });
}
console.log(
  `node ${process.version}: ${batch.numTokens} tokens, planning share ${
    values["hicra/planning_frac"].toFixed(4)
  }`,
);
