// Counting n-grams: the engine of the module beside a count in plain maps, on the shipped rollouts.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
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

assert.deepEqual(await countNgrams(corpus), await plainNgrams(corpus.solutions()));

Deno.bench({ name: "plain maps", group, baseline: true, warmup: 0, n: 3 }, async () => {
  await plainNgrams(corpus.solutions());
});

Deno.bench({ name: "countNgrams", group, warmup: 0, n: 3 }, async () => {
  await countNgrams(corpus);
});

Deno.bench({ name: "countNgrams, 16 MiB", group, warmup: 0, n: 3 }, async () => {
  await countNgrams(corpus, { memoryBytes: 2 ** 24 });
});
