/**
 * Why the matcher reads bytes: encoding each phrase once and searching for its ids, as the public TRL
 * port of HICRA does, finds next to nothing, because a phrase has other tokens after a space, with a
 * capital, or at the start of a line. README.md quotes the figure over all shipped traces.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { loadLexicon, loadTokenizer } from "../../files/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { fullTest } from "../_scope.ts";
import { tokenizerSource } from "../_tokenizers.ts";

const file = new URL("../testdata/rollouts/r1_distill_8b_labelled.jsonl.gz", import.meta.url);

fullTest(
  "searching for the ids of encoded phrases finds less than 1 % of planning tokens",
  async () => {
    const { tokens, encode } = await loadTokenizer(tokenizerSource("qwen3"));
    const lexicon = await loadLexicon("paper");
    const matcher = SgMatcher.compile(lexicon, tokens);
    const phrases = lexicon.grams.map(({ text }) => encode(text));
    let planning = 0;
    let found = 0;
    for (const line of gunzipSync(readFileSync(file)).toString().trim().split("\n")) {
      const tokenIds = encode(JSON.parse(line).completion);
      const { planningMask } = matcher.match({
        offsets: Int32Array.of(0, tokenIds.length),
        tokenIds,
        lossMask: new Uint8Array(tokenIds.length).fill(1),
      });
      const encoded = new Uint8Array(tokenIds.length);
      for (let i = 0; i < tokenIds.length; i++) {
        for (const phrase of phrases) {
          const window = tokenIds.subarray(i, i + phrase.length);
          if (window.length === phrase.length && window.every((id, k) => id === phrase[k])) {
            encoded.fill(1, i, i + phrase.length);
          }
        }
      }
      for (let i = 0; i < tokenIds.length; i++) {
        planning += planningMask[i]!;
        found += encoded[i]!;
        assert.ok(encoded[i]! <= planningMask[i]!, `token ${i} is planning for the ids alone`);
      }
    }
    assert.ok(planning > 2000, `${planning} planning tokens`);
    assert.ok(found < 0.01 * planning, `${found} of ${planning}`);
  },
);
