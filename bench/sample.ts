import {
  applyTransforms,
  baselineAdvantages,
  type BaselinePreset,
  baselinePreset,
  createTransform,
  type Credit,
  type Transform,
} from "../advantage/mod.ts";
import {
  type CheckedBatch,
  InputRangeError,
  type PlanningTokens,
  tokenAdvantages,
} from "../batch/mod.ts";
import { loadLexicon, loadTokenizer } from "../files/mod.ts";
import { DEFAULT_LEXICON, SgMatcher } from "../sg/mod.ts";
import { type Corpus, type CorpusSize, loadCorpora } from "./corpora.ts";
import {
  BUILT_IN_TOKENIZERS,
  encodeCorpus,
  loadBuiltInTokenizer,
  type NamedTokenizer,
} from "./tokenizers.ts";

/** What a sample is made of; every part has a default. */
export interface SampleOptions {
  /** Rollout files; empty for those that the repository ships. */
  readonly rollouts?: readonly string[];
  /** As for `loadTokenizer`. */
  readonly tokenizer?: string;
  /** Built-in name or file. */
  readonly lexicon?: string;
  /** Name of the baseline preset. */
  readonly baseline?: string;
  /** Alpha of HICRA. */
  readonly alpha?: number;
  /** How much of each file. */
  readonly size?: CorpusSize;
}

/** Rollouts under a tokenizer, with the lexicon's matcher: what everything is measured on. */
export interface Sample {
  readonly corpora: readonly Corpus[];
  /** `[corpora]`, each with an advantage per token where its rollouts have rewards or advantages. */
  readonly batches: readonly CheckedBatch[];
  readonly tokenizer: NamedTokenizer;
  readonly matcher: SgMatcher;
  readonly baseline: string;
  readonly alpha: number;
}

/** A batch with an advantage per token. */
export type CreditedBatch = CheckedBatch & { readonly advantages: Float32Array };

/** Loads the sample. */
export async function loadSample(
  {
    rollouts = [],
    tokenizer: source,
    lexicon = DEFAULT_LEXICON,
    baseline = "paper",
    alpha = 0.2,
    size = "default",
  }: SampleOptions = {},
): Promise<Sample> {
  const preset = baselinePreset(baseline);
  const grams = await loadLexicon(lexicon);
  const corpora = await loadCorpora(rollouts, size);
  const withIds = corpora.find(({ rollouts }) => rollouts.some(({ token_ids: ids }) => ids));
  if (withIds !== undefined && source === undefined) {
    throw new InputRangeError(
      `Cannot measure ${withIds.name} as its rollouts have token_ids: pass the tokenizer that ` +
        "sampled them with --tokenizer",
    );
  }
  const tokenizer = source === undefined
    ? await loadBuiltInTokenizer(Object.keys(BUILT_IN_TOKENIZERS)[0]!)
    : { name: source, ...await loadTokenizer(source) };
  const batches = corpora.map((corpus) =>
    withHostAdvantages(encodeCorpus(corpus, tokenizer), preset)
  );
  const matcher = SgMatcher.compile(grams, tokenizer.tokens);
  return { corpora, batches, tokenizer, matcher, baseline, alpha };
}

/** The batches of a sample that have advantages. */
export function creditedBatches({ batches }: Pick<Sample, "batches">): CreditedBatch[] {
  return batches.filter(hasAdvantages);
}

/** Whether a batch has an advantage per token. */
export function hasAdvantages(batch: CheckedBatch): batch is CreditedBatch {
  return batch.advantages !== undefined;
}

/**
 * Returns the batch with the advantages that the transforms start from: those of the preset where the
 * rollouts have rewards, else those recorded with them, if any.
 */
export function withHostAdvantages(batch: CheckedBatch, preset: BaselinePreset): CheckedBatch {
  if (batch.rewards !== undefined) {
    return { ...batch, advantages: baselineAdvantages(batch, preset), advantagesPer: "token" };
  }
  if (batch.advantages === undefined) return batch;
  return { ...batch, advantages: tokenAdvantages(batch), advantagesPer: "token" };
}

/** Applies transforms to a batch with the planning tokens that a matcher found. */
export function credited(
  batch: CreditedBatch,
  { spans, ...planning }: Required<PlanningTokens>,
  transforms: readonly Transform[],
): Credit {
  const context = { batch, spans, step: 0, signals: {} };
  return applyTransforms(transforms, { ...planning, advantages: batch.advantages }, context);
}

/** HICRA as published, with the alpha of a sample. */
export function hicraOf({ alpha }: Pick<Sample, "alpha">): Transform[] {
  return [createTransform({ name: "hicra", alpha })];
}
