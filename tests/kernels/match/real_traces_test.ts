/** The GPU matcher against the CPU matcher on real traces under real tokenizers, with the paper's list. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { loadLexicon, loadTokenizer } from "../../../files/mod.ts";
import { MatchKernel } from "../../../kernels/mod.ts";
import { SgMatcher } from "../../../sg/mod.ts";
import { gpuTest } from "../_device.ts";
import { tokenizerSource } from "../../_tokenizers.ts";

// All 20 traces of one corpus and some of another, which quote a lot and write formulas.
const texts = ["r1_distill_8b_labelled", "qwen_math"].flatMap((name) =>
  gunzipSync(readFileSync(new URL(`../../testdata/rollouts/${name}.jsonl.gz`, import.meta.url)))
    .toString().trim().split("\n").slice(0, 30).map((line) => JSON.parse(line).completion as string)
);

const lexicon = await loadLexicon("paper");

for (const name of ["qwen3", "gemma3"]) {
  gpuTest(
    `MatchKernel.run() equals SgMatcher on real traces under ${name}`,
    async (device) => {
      const { tokens, encode } = await loadTokenizer(tokenizerSource(name));
      const matcher = SgMatcher.compile(lexicon, tokens);
      const sequences = texts.map((text) => encode(text));
      const offsets = [0];
      for (const { length } of sequences) offsets.push(offsets.at(-1)! + length);
      const numTokens = offsets.at(-1)!;
      const tokenIds = new Int32Array(numTokens);
      sequences.forEach((ids, s) => tokenIds.set(ids, offsets[s]));
      const batch = {
        offsets: Int32Array.from(offsets),
        tokenIds,
        lossMask: Uint8Array.from({ length: numTokens }, (_, t) => Number(t % 501 !== 500)),
        segmentIds: Int32Array.from({ length: numTokens }, (_, t) => Math.floor(t / 333)),
      };
      const expected = matcher.match(batch);
      const planning = expected.planningMask.reduce((sum, bit) => sum + bit, 0);
      assert.ok(planning > 3_000, `only ${planning} planning tokens`);
      const kernel = await MatchKernel.compile(device, matcher);
      assert.deepEqual(await kernel.run(batch), expected);
      kernel.destroy();
    },
  );
}
