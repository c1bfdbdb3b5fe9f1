import { baselinePreset } from "../advantage/mod.ts";
import type { CheckedBatch } from "../batch/mod.ts";
import type { Lexicon } from "../sg/mod.ts";
import { loadLexicon } from "../files/mod.ts";
import { loadCorpora } from "./corpora.ts";
import { withHostAdvantages } from "./host_advantages.ts";
import { defaultCacheFolder } from "./options.ts";
import { withStandIns } from "./stand_in.ts";
import { tokenizeCorpora } from "./tokenize.ts";
import { type BenchTokenizer, loadTokenizers } from "./tokenizers.ts";

/** What the micro-benchmarks run on: the quick sample of one corpus, under one tokenizer. */
export interface Sample {
  readonly tokenizer: BenchTokenizer;
  readonly lexicon: Lexicon;
  /** With advantages, and stand-ins for entropies and log-probabilities. */
  readonly batch: CheckedBatch & { readonly advantages: Float32Array };
}

/** Loads the sample: about 80,000 tokens of long reasoning traces. */
export async function loadSample(): Promise<Sample> {
  const corpora = await loadCorpora([], { quick: true });
  const corpus = corpora.find(({ name }) => name === "r1_distill_14b_math")!;
  const [tokenizer] = await loadTokenizers([], { quick: true });
  const [batch] = await tokenizeCorpora([corpus], tokenizer!, defaultCacheFolder());
  const [filled] = withStandIns([batch!]);
  return {
    tokenizer: tokenizer!,
    lexicon: await loadLexicon("paper"),
    batch: withHostAdvantages(filled!, baselinePreset("paper"))!,
  };
}
