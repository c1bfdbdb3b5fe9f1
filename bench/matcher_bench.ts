import { SgMatcher } from "../sg/mod.ts";
import { decodeBatch } from "./decode.ts";
import { distinctGrams } from "./grams.ts";
import { joinBatches } from "./join_batches.ts";
import { PEERS } from "./peers.ts";
import { loadSample } from "./sample_batch.ts";

const { tokenizer: { table }, lexicon, batch } = await loadSample();
const matcher = SgMatcher.compile(lexicon, table);
const joined = joinBatches([batch]);
const grams = distinctGrams(lexicon);

Deno.bench("SgMatcher.match", { group: "match", baseline: true }, () => {
  matcher.match(joined);
});

Deno.bench("SgMatcher.stream", { group: "match" }, () => {
  for (let s = 0; s < joined.numSequences; s++) {
    const stream = matcher.stream();
    for (let i = joined.offsets[s]!; i < joined.offsets[s + 1]!; i++) {
      stream.push(joined.tokenIds![i]!);
    }
    stream.end();
  }
});

for (const peer of PEERS) {
  const search = peer.compile(grams);
  const texts = decodeBatch(joined, table).map(peer.prepare);
  Deno.bench(`${peer.name}, text given`, { group: "match" }, () => {
    for (const text of texts) search.count(text);
  });
  Deno.bench(`${peer.name}, decoding counted`, { group: "match" }, () => {
    for (const text of decodeBatch(joined, table)) search.count(peer.prepare(text));
  });
}
