import { Tokenizer } from "@huggingface/tokenizers";
import {
  applyTransforms,
  baselineAdvantages,
  type BaselinePreset,
  createTransform,
} from "../advantage/mod.ts";
import type { CheckedBatch } from "../batch/mod.ts";
import { createHook } from "../hooks/mod.ts";
import { batchFromSafetensors, batchToSafetensors, loadTokenizer } from "../files/mod.ts";
import { measure } from "../metrics/mod.ts";
import { type Lexicon, SgMatcher, tokenBytes } from "../sg/mod.ts";
import type { Corpus } from "./corpora.ts";
import { decodeBatch } from "./decode.ts";
import { withHostAdvantages } from "./host_advantages.ts";
import { joinBatches, thinBatch } from "./join_batches.ts";
import { timeInTurns } from "./timing.ts";
import type { BenchTokenizer } from "./tokenizers.ts";

/** How fast one stage is. */
export interface StageSpeed {
  readonly stage: string;
  /** What is done, in a few words. */
  readonly what: string;
  readonly samplesMs: readonly number[];
  /** What went through. */
  readonly unit: "tokens" | "vocabulary entries";
  readonly items: number;
  /** UTF-8 bytes of the text of these items. */
  readonly bytes: number;
}

/** Tokens on which the two slow stages, those of the tokenizer package, are timed. */
const SAMPLE_TOKENS = 50_000;

/** What a stage does, once, and how much goes through. */
interface Stage extends Omit<StageSpeed, "stage" | "samplesMs"> {
  run(): number;
}

/**
 * Times every stage between a rollout file and its tensors, in turns.
 *
 * @param batches The corpora under the tokenizer.
 * @param options Baseline preset, alpha and number of repetitions.
 * @returns A figure per stage, in the order of the data path.
 */
export async function stageSpeeds(
  corpora: readonly Corpus[],
  batches: readonly CheckedBatch[],
  tokenizer: BenchTokenizer,
  lexicon: Lexicon,
  options: {
    readonly preset: BaselinePreset;
    readonly alpha: number;
    readonly repetitions: number;
  },
): Promise<StageSpeed[]> {
  const { table } = tokenizer;
  const tokenizerJson = await tokenizer.readContent();
  const { encode } = await loadTokenizer(tokenizerJson);
  const reference = new Tokenizer(tokenizerJson, {});
  const stages = {
    ...tokenizerStages(tokenizerJson, tokenizer, lexicon),
    ...textStages(joinBatches(batches), table, encode, reference),
    ...batchStages(batches, tokenizer, lexicon, options),
  };
  const runs = Object.fromEntries(Object.entries(stages).map(([name, { run }]) => [name, run]));
  const timings = timeInTurns(runs, options.repetitions);
  return [
    ...readStage(corpora, batches),
    ...Object.entries(stages).map(([stage, { run: _, ...rest }]) => ({
      stage,
      ...rest,
      samplesMs: timings[stage]!.samplesMs,
    })),
  ];
}

/** Timed once, while the corpora were loaded; left out where only a part of the files was kept. */
function readStage(corpora: readonly Corpus[], batches: readonly CheckedBatch[]): StageSpeed[] {
  if (corpora.some(({ bytes, readBytes }) => bytes !== readBytes)) return [];
  return [{
    stage: "read",
    what: "unpack, parse and check rollout files",
    samplesMs: [corpora.reduce((sum, { readMs }) => sum + readMs, 0)],
    unit: "tokens",
    items: batches.reduce((sum, { numTokens }) => sum + numTokens, 0),
    bytes: corpora.reduce((sum, { readBytes }) => sum + readBytes, 0),
  }];
}

function tokenizerStages(
  tokenizerJson: unknown,
  { table }: BenchTokenizer,
  lexicon: Lexicon,
): Record<string, Stage> {
  const size = {
    unit: "vocabulary entries",
    items: table.vocabSize,
    bytes: table.bytes.length,
  } as const;
  return {
    "byte table": {
      what: "bytes of every token, from parsed tokenizer.json",
      ...size,
      run: () => tokenBytes(tokenizerJson).bytes.length,
    },
    "compile": {
      what: `lexicon of ${lexicon.grams.length} grams, lifted to tokens`,
      ...size,
      run: () => SgMatcher.compile(lexicon, table).lexicon.grams.length,
    },
  };
}

function textStages(
  joined: CheckedBatch,
  table: BenchTokenizer["table"],
  encode: (text: string) => Int32Array,
  reference: Tokenizer,
): Record<string, Stage> {
  const sample = thinBatch(joined, SAMPLE_TOKENS);
  const texts = decodeBatch(sample, table);
  const rows = texts.map((_, s) =>
    Array.from(sample.tokenIds!.subarray(sample.offsets[s]!, sample.offsets[s + 1]!))
  );
  const sampleSize = {
    unit: "tokens",
    items: sample.numTokens,
    bytes: spelledBytes(sample, table),
  } as const;
  return {
    "encode": {
      what: "text to ids by @huggingface/tokenizers, on a sample",
      ...sampleSize,
      run: () => texts.reduce((sum, text) => sum + encode(text).length, 0),
    },
    "decode, package": {
      what: "ids to text by @huggingface/tokenizers, on a sample; only peers need it",
      ...sampleSize,
      run: () => rows.reduce((sum, ids) => sum + reference.decode(ids).length, 0),
    },
    "decode, fast": {
      what: "ids to text by TextDecoder over token bytes; only peers need it",
      unit: "tokens",
      items: joined.numTokens,
      bytes: spelledBytes(joined, table),
      run: () => decodeBatch(joined, table).reduce((sum, text) => sum + text.length, 0),
    },
  };
}

function batchStages(
  batches: readonly CheckedBatch[],
  { table }: BenchTokenizer,
  lexicon: Lexicon,
  { preset, alpha }: { readonly preset: BaselinePreset; readonly alpha: number },
): Record<string, Stage> {
  const matcher = SgMatcher.compile(lexicon, table);
  const transforms = [createTransform({ name: "hicra", alpha })];
  const stageOf = (
    what: string,
    of: readonly CheckedBatch[],
    run: (batch: CheckedBatch, index: number) => number,
  ): Stage => ({
    what,
    unit: "tokens",
    items: of.reduce((sum, { numTokens }) => sum + numTokens, 0),
    bytes: of.reduce((sum, batch) => sum + spelledBytes(batch, table), 0),
    run: () => of.reduce((sum, batch, index) => sum + run(batch, index), 0),
  });
  const stages: Record<string, Stage> = {
    "match": stageOf(
      "ids to planning mask, kinds and spans",
      batches,
      (batch) => matcher.match(batch).spans.length,
    ),
  };

  const rewarded = batches.filter(({ rewards }) => rewards !== undefined);
  if (rewarded.length > 0) {
    stages["baseline"] = stageOf(
      "rewards to token advantages",
      rewarded,
      (batch) => baselineAdvantages(batch, preset).length,
    );
  }
  const hosts = batches.map((batch) => withHostAdvantages(batch, preset))
    .filter((batch) => batch !== null);
  if (hosts.length === 0) return stages;
  const marks = hosts.map((batch) => matcher.match(batch));
  const transform = (index: number): Float32Array => {
    const batch = hosts[index]!;
    const { spans, ...planning } = marks[index]!;
    const credit = { ...planning, advantages: batch.advantages };
    const context = { batch, spans, step: 0, signals: {} };
    return applyTransforms(transforms, credit, context).advantages;
  };
  const after = hosts.map((_, index) => transform(index));
  const files = hosts.map((batch) => batchToSafetensors(batch));
  const hook = createHook({ matcher, transforms });
  return {
    ...stages,
    "transform": stageOf("HICRA, checks included", hosts, (_, index) => transform(index).length),
    "metrics": stageOf(
      "all metrics of a step",
      hosts,
      (batch, index) =>
        Object.keys(measure(batch, marks[index]!, { after: after[index]! }).pairs).length,
    ),
    "hook": stageOf(
      "check, match, transform, metrics: one call of createHook's hook",
      hosts,
      (batch) => hook(batch).planningMask.length,
    ),
    "to safetensors": stageOf(
      "batch to bytes",
      hosts,
      (batch) => batchToSafetensors(batch).length,
    ),
    "from safetensors": stageOf(
      "bytes to checked batch",
      hosts,
      (_, index) => batchFromSafetensors(files[index]!).batch.numTokens,
    ),
  };
}

function spelledBytes(batch: CheckedBatch, { offsets }: BenchTokenizer["table"]): number {
  return batch.tokenIds!.reduce((sum, id) => sum + offsets[id + 1]! - offsets[id]!, 0);
}
