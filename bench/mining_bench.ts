// Counting n-grams: the engine of the module beside a count in plain maps, on the shipped rollouts.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSolutions } from "../files/mod.ts";
import { countNgrams, storeCorpus } from "../mining/mod.ts";
import { plainNgrams } from "../tests/mining/_plain_ngrams.ts";

const rollouts = fileURLToPath(new URL("../tests/testdata/rollouts/", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "hicra-"));
addEventListener("unload", () => rmSync(folder, { recursive: true, force: true }));

const corpus = await storeCorpus(readSolutions(rollouts), folder);
const group = `n-grams of ${(corpus.numCharacters / 1e6).toFixed(1)} million characters`;
const threads = [1, 2, 4, 8, 16].filter((workers) => workers <= availableParallelism());

const expected = await plainNgrams(corpus.solutions());
for (const workers of threads) assert.deepEqual(await countNgrams(corpus, { workers }), expected);

Deno.bench({ name: "plain maps", group, baseline: true, warmup: 0, n: 3 }, async () => {
  await plainNgrams(corpus.solutions());
});

for (const workers of threads) {
  const name = `countNgrams, ${workers} thread${workers > 1 ? "s" : ""}`;
  Deno.bench({ name, group, warmup: 0, n: 3 }, async () => {
    await countNgrams(corpus, { workers });
  });
}

Deno.bench({ name: "countNgrams, 1 thread, 16 MiB", group, warmup: 0, n: 3 }, async () => {
  await countNgrams(corpus, { workers: 1, memoryBytes: 2 ** 24 });
});
