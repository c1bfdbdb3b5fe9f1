import {
  applyTransforms,
  baselineAdvantages,
  baselinePreset,
  builtinTransforms,
} from "../advantage/mod.ts";
import { SgMatcher } from "../sg/mod.ts";
import { creditChains } from "./credit_chains.ts";
import { loadSample } from "./sample_batch.ts";

const { tokenizer: { table }, lexicon, batch } = await loadSample();
const { spans, ...planning } = SgMatcher.compile(lexicon, table).match(batch);
const credit = { ...planning, advantages: batch.advantages };
const context = { batch, spans, step: 0, signals: {} };

for (const { name, transforms: configs, placeboMask } of creditChains(0.2)) {
  if (placeboMask) continue; // the same work on another mask
  const transforms = configs.map((config) => builtinTransforms().create(config));
  Deno.bench(name, { group: "transforms", baseline: name === "none" }, () => {
    applyTransforms(transforms, credit, context);
  });
}

for (const name of ["paper", "verl", "nemo-rl", "areal"]) {
  Deno.bench(name, { group: "baselines", baseline: name === "paper" }, () => {
    baselineAdvantages(batch, baselinePreset(name));
  });
}
