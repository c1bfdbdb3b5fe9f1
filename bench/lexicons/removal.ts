import type { BaselinePreset } from "../../advantage/mod.ts";
import type { CheckedBatch } from "../../batch/mod.ts";
import { dropGrams, type Lexicon, type TokenBytes } from "../../sg/mod.ts";
import type { Corpus } from "../corpora.ts";
import { corpusMetrics } from "./corpus_metrics.ts";
import { type Interval, quantile } from "./bootstrap.ts";

/** What the removal does to one metric on one corpus. */
export interface RemovalEffect {
  readonly corpus: string;
  /** As `metricValues` names it, without prefix. */
  readonly metric: string;
  /** With all grams. */
  readonly before: number;
  /** After each removal; null where the metric is not defined then. */
  readonly after: readonly (number | null)[];
  /** Mean over the seeds of `after / before - 1`, and its percentiles 2.5 and 97.5. */
  readonly relativeChange: Interval;
}

/** What a lexicon is measured on. */
export interface RemovalCorpora {
  readonly corpora: readonly Corpus[];
  /** The corpora under one tokenizer. */
  readonly batches: readonly CheckedBatch[];
  readonly table: TokenBytes;
  readonly preset: BaselinePreset;
  readonly alpha: number;
}

/** Options of {@linkcode removalEffects}. */
export interface RemovalOptions {
  /** Share of the grams that is dropped; the paper's appendix B drops 0.3. */
  readonly share: number;
  /** A removal for each. */
  readonly seeds: readonly number[];
}

/**
 * The paper's sensitivity test (arXiv 2509.03646v3, appendix B): drops a random share of the grams and
 * measures the same rollouts again. Metrics that no removal changes (lengths, rewards) are left out, as
 * are those that are not defined or 0 with all grams. Where a removal leaves a metric undefined, the
 * seed counts as no observation of it.
 *
 * @param lexicon The lexicon, of two grams or more.
 * @param on Rollouts, tokenizer, and how advantages are made.
 * @param options Share and seeds.
 * @returns An effect for every corpus and metric, in the order of the corpora and of `metricValues`.
 */
export async function removalEffects(
  lexicon: Lexicon,
  { corpora, batches, table, preset, alpha }: RemovalCorpora,
  { share, seeds }: RemovalOptions,
): Promise<RemovalEffect[]> {
  const measureWith = (grams: Lexicon): Readonly<Record<string, number | null>>[] =>
    corpusMetrics(corpora, batches, table, grams, { preset, alpha }).map(({ values }) => values);
  const before = measureWith(lexicon);
  const after: ReturnType<typeof measureWith>[] = [];
  for (const seed of seeds) {
    after.push(measureWith(await dropGrams(lexicon, share, { seed })));
  }
  return corpora.flatMap(({ name: corpus }, c) =>
    Object.entries(before[c]!).flatMap(([metric, value]) => {
      if (value === null || value === 0) return [];
      const changed = after.map((values) => values[c]![metric] ?? null);
      const changes = changed.filter((figure) => figure !== null).map((figure) =>
        figure / value - 1
      );
      if (changes.every((change) => change === 0)) return [];
      return [{ corpus, metric, before: value, after: changed, relativeChange: spread(changes) }];
    })
  );
}

/** How one metric moves from one corpus to another, such as two steps of a run. */
export interface RemovalTrend {
  readonly metric: string;
  /** `last / first - 1` with all grams. */
  readonly before: number;
  /** The same after the removals: mean over the seeds, percentiles 2.5 and 97.5. */
  readonly after: Interval;
  /** Share of the removals after which the metric moves in the same direction. */
  readonly sameDirection: number;
}

/**
 * Compares how metrics move between two corpora with all grams and after the removals: the paper calls
 * its curves over training qualitatively identical.
 *
 * @param effects Effects from {@linkcode removalEffects}.
 * @param first Name of the earlier corpus.
 * @param last Name of the later one.
 * @returns A trend for every metric that has an effect on both, in their order.
 */
export function removalTrends(
  effects: readonly RemovalEffect[],
  first: string,
  last: string,
): RemovalTrend[] {
  return effects.filter(({ corpus }) => corpus === first).flatMap((early) => {
    const late = effects.find(({ corpus, metric }) => corpus === last && metric === early.metric);
    if (late === undefined) return [];
    const before = late.before / early.before - 1;
    const moves = early.after.flatMap((start, s) => {
      const end = late.after[s]!;
      return start === null || start === 0 || end === null ? [] : [end / start - 1];
    });
    if (moves.length === 0) return [];
    const numSame = moves.filter((move) => Math.sign(move) === Math.sign(before)).length;
    return [{
      metric: early.metric,
      before,
      after: spread(moves),
      sameDirection: numSame / moves.length,
    }];
  });
}

function spread(changes: readonly number[]): Interval {
  const sorted = Float64Array.from(changes).sort();
  return {
    value: changes.reduce((sum, change) => sum + change, 0) / changes.length,
    low: quantile(sorted, 0.025),
    high: quantile(sorted, 0.975),
  };
}
