import { measure, mergeMetrics, metricValues } from "../metrics/mod.ts";
import { SgMatcher } from "../sg/mod.ts";
import { loadSample } from "./sample_batch.ts";

const { tokenizer: { table }, lexicon, batch } = await loadSample();
const { planningMask, spans } = SgMatcher.compile(lexicon, table).match(batch);
const after = batch.advantages;
const sums = measure(batch, { planningMask, spans }, { after });

Deno.bench("measure, mask alone", { group: "metrics", baseline: true }, () => {
  measure(batch, { planningMask });
});

Deno.bench("measure, mask, spans and shift", { group: "metrics" }, () => {
  measure(batch, { planningMask, spans }, { after });
});

Deno.bench("mergeMetrics", { group: "metrics" }, () => {
  mergeMetrics(sums, sums);
});

Deno.bench("metricValues", { group: "metrics" }, () => {
  metricValues(sums);
});
