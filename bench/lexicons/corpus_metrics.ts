import { applyTransforms, type BaselinePreset, createTransform } from "../../advantage/mod.ts";
import type { CheckedBatch } from "../../batch/mod.ts";
import { measure, metricValues } from "../../metrics/mod.ts";
import { type Lexicon, SgMatcher, type TokenBytes } from "../../sg/mod.ts";
import type { Corpus } from "../corpora.ts";
import { withHostAdvantages } from "../sample.ts";

/** The metrics of one corpus as a step of training, after HICRA as published. */
export interface CorpusMetrics {
  readonly corpus: string;
  /** As `metricValues` names them, without prefix; null is not measured or not defined. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** The k of pass@k: every shipped corpus has groups of 2, most of 8, the largest of 16 and more. */
export const PASS_AT: readonly number[] = [1, 2, 8, 16];

/**
 * Computes the metrics of each corpus.
 *
 * @param batches The corpora under one tokenizer.
 * @param options Baseline preset and alpha.
 * @returns The metrics, in the order of the corpora.
 */
export function corpusMetrics(
  corpora: readonly Corpus[],
  batches: readonly CheckedBatch[],
  table: TokenBytes,
  lexicon: Lexicon,
  { preset, alpha }: { readonly preset: BaselinePreset; readonly alpha: number },
): CorpusMetrics[] {
  const matcher = SgMatcher.compile(lexicon, table);
  const transforms = [createTransform({ name: "hicra", alpha })];
  return corpora.map(({ name }, c) => {
    const batch = withHostAdvantages(batches[c]!, preset);
    const { spans, ...planning } = matcher.match(batches[c]!);
    const marks = { planningMask: planning.planningMask, spans };
    const options = { prefix: "", lexiconSize: lexicon.grams.length, passAt: PASS_AT };
    if (batch.advantages === undefined) {
      return { corpus: name, values: metricValues(measure(batches[c]!, marks), options) };
    }
    const { advantages: after } = applyTransforms(
      transforms,
      { ...planning, advantages: batch.advantages as Float32Array },
      { batch, spans, step: 0, signals: {} },
    );
    return { corpus: name, values: metricValues(measure(batch, marks, { after }), options) };
  });
}
