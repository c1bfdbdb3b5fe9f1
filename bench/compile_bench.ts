import { SgMatcher, tokenBytes } from "../sg/mod.ts";
import { distinctGrams } from "./grams.ts";
import { PEERS } from "./peers.ts";
import { loadSample } from "./sample_batch.ts";

const { tokenizer, lexicon } = await loadSample();
const { table } = tokenizer;
const tokenizerJson = await tokenizer.readContent();
const grams = distinctGrams(lexicon);

Deno.bench("tokenBytes", { group: "byte table" }, () => {
  tokenBytes(tokenizerJson);
});

Deno.bench("SgMatcher.compile", { group: "compile", baseline: true }, () => {
  SgMatcher.compile(lexicon, table);
});

// V8 keeps compiled regular expressions, so that a second compilation times nothing.
for (const peer of PEERS.filter(({ allOccurrences }) => allOccurrences)) {
  Deno.bench(peer.name, { group: "compile" }, () => {
    peer.compile(grams);
  });
}
