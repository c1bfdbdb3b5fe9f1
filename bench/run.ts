import { type BaselinePreset, baselinePreset } from "../advantage/mod.ts";
import { type CheckedBatch, InputRangeError } from "../batch/mod.ts";
import { type Lexicon, placeboLexicon } from "../sg/mod.ts";
import { loadLexicon } from "../files/mod.ts";
import { advantageMasses } from "./advantage_mass.ts";
import { type Corpus, loadCorpora } from "./corpora.ts";
import { corpusMetrics } from "./corpus_metrics.ts";
import type { Figures } from "./figures.ts";
import { gramGrowth, tokenGrowth } from "./growth.ts";
import { joinBatches } from "./join_batches.ts";
import { describeMachine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { peerAgreements } from "./peer_agreement.ts";
import { peerSpeeds } from "./peer_speed.ts";
import { measurePython, type PythonFigures } from "./python/measure_python.ts";
import { missingPython } from "./python/place.ts";
import type { SuiteInput } from "./python/suite.ts";
import { planningShares } from "./planning_share.ts";
import { endProgress, progress } from "./progress.ts";
import { stageSpeeds } from "./stage_speed.ts";
import { tokenizeCorpora } from "./tokenize.ts";
import { type BenchTokenizer, loadTokenizers } from "./tokenizers.ts";

/** What was measured, and what it was measured on: the report shows some of the rollouts. */
export interface BenchRun {
  readonly figures: Figures;
  readonly corpora: readonly Corpus[];
  /** The corpora under the first tokenizer. */
  readonly batches: readonly CheckedBatch[];
  readonly tokenizer: BenchTokenizer;
  readonly lexicon: Lexicon;
  readonly preset: BaselinePreset;
}

/** Grams of the growing lexicons. */
const GRAM_SIZES = { full: [250, 2_500, 25_000], quick: [250, 2_500] } as const;
/** Times the corpus of the largest batch. */
const COPIES = 10;
/** Rounds of the speed tables, and of the tables of growth. */
const REPETITIONS = { full: 9, quick: 3 } as const;
const GROWTH_REPETITIONS = { full: 5, quick: 2 } as const;
const PLACEBO_SEED = 1;

/**
 * Measures everything.
 *
 * @param options As given on the command line.
 * @returns The figures, and what they were measured on.
 */
export async function runBench(options: BenchOptions): Promise<BenchRun> {
  const size = options.quick ? "quick" : "full";
  const repetitions = REPETITIONS[size];
  const preset = baselinePreset(options.baseline);
  const lexicons = await Promise.all(
    (options.lexicon ? [options.lexicon] : ["paper", "paper-3to5"]).map((name) =>
      loadLexicon(name)
    ),
  );
  const lexicon = lexicons[0]!;
  progress("reading rollouts and tokenizers");
  const corpora = await loadCorpora(options.rollouts, options);
  const tokenizers = await loadTokenizers(options.tokenizers, options);
  checkIdsHaveOneTokenizer(corpora, tokenizers);
  const batches: CheckedBatch[][] = [];
  for (const tokenizer of tokenizers) {
    batches.push(await tokenizeCorpora(corpora, tokenizer, options.cacheFolder));
  }
  const tokenizer = tokenizers[0]!;
  const { table } = tokenizer;
  const own = batches[0]!;

  progress("planning share");
  const shares = planningShares(lexicons, tokenizers, corpora, batches);
  progress("advantage mass");
  const notes: string[] = [];
  const placebo = await drawPlacebo(lexicon, corpora, notes);
  const masses = advantageMasses(own, table, { lexicon, placebo }, { ...options, preset });
  notes.push(...whatIsMissing(corpora, own));
  progress("metrics");
  const metrics = corpusMetrics(corpora, own, table, lexicon, { ...options, preset });

  const joined = joinBatches(own);
  progress("what the peers find");
  const agreements = peerAgreements(joined, table, lexicon);
  progress("speed of the stages");
  const stages = await stageSpeeds(corpora, own, tokenizer, lexicon, {
    ...options,
    preset,
    repetitions,
  });
  progress("speed beside the peers");
  const peers = peerSpeeds(joined, table, lexicon, repetitions);
  progress("growth of the lexicon");
  const grams = gramGrowth(joined, table, lexicon, {
    sizes: GRAM_SIZES[size],
    repetitions: GROWTH_REPETITIONS[size],
  });
  progress("growth of the batch");
  const tokens = tokenGrowth(joined, table, lexicon, {
    copies: COPIES,
    repetitions: GROWTH_REPETITIONS[size],
  });
  const python = await besidePython({ batch: joined, tokenizer, lexicon }, options, notes);
  endProgress();

  const figures: Figures = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    settings: {
      tokenizers: tokenizers.map(({ name }) => name),
      lexicons: lexicons.map(({ name, grams }) => ({ name, grams: grams.length })),
      baseline: options.baseline,
      alpha: options.alpha,
      quick: options.quick,
      repetitions,
    },
    notes,
    corpora: corpora.map(({ name, rollouts }) => ({ name, rollouts: rollouts.length })),
    planningShares: shares,
    advantageMasses: masses,
    corpusMetrics: metrics,
    peerAgreements: agreements,
    stageSpeeds: stages,
    peerSpeeds: peers,
    gramGrowth: grams,
    tokenGrowth: tokens,
    python,
  };
  return { figures, corpora, batches: own, tokenizer, lexicon, preset };
}

/** The comparison with Python, as part of everything or alone. */
export interface PythonRun {
  readonly date: string;
  readonly machine: Machine;
  readonly quick: boolean;
  /** Null where it was skipped. */
  readonly python: PythonFigures | null;
  /** Why it was skipped. */
  readonly notes: readonly string[];
}

/**
 * Measures only what stands beside Python, on the first tokenizer.
 *
 * @param options As given on the command line.
 * @returns The figures.
 */
export async function runOnlyPython(options: BenchOptions): Promise<PythonRun> {
  const notes: string[] = [];
  const about = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    quick: options.quick,
    notes,
  };
  const missing = await missingPython(options.python);
  if (missing !== undefined) {
    notes.push(missing);
    return { ...about, python: null };
  }
  const lexicon = await loadLexicon(options.lexicon ?? "paper");
  progress("reading rollouts and a tokenizer");
  const corpora = await loadCorpora(options.rollouts, options);
  const [tokenizer] = await loadTokenizers(options.tokenizers, { quick: true });
  const batches = await tokenizeCorpora(corpora, tokenizer!, options.cacheFolder);
  const batch = joinBatches(batches);
  return {
    ...about,
    python: await measurePython({ batch, tokenizer: tokenizer!, lexicon }, options),
  };
}

async function besidePython(
  input: SuiteInput,
  options: BenchOptions,
  notes: string[],
): Promise<PythonFigures | null> {
  const missing = options.quick
    ? "SKIPPED: the comparison with Python, as --quick leaves it out; " +
      "`deno task bench --only python --quick` runs it on a small sample"
    : await missingPython(options.python);
  if (missing === undefined) return await measurePython(input, options);
  endProgress();
  console.error(missing);
  notes.push(missing);
  return null;
}

/** Ids mean something to the tokenizer that made them only. */
function checkIdsHaveOneTokenizer(
  corpora: readonly Corpus[],
  tokenizers: readonly BenchTokenizer[],
): void {
  const corpus = corpora.find(({ rollouts }) => rollouts.some(({ token_ids: ids }) => ids));
  if (corpus !== undefined && tokenizers.length > 1) {
    throw new InputRangeError(
      `Cannot measure ${corpus.name} under ${tokenizers.length} tokenizers as its rollouts have ` +
        `token_ids: pass the tokenizer that sampled them, once, with --tokenizer`,
    );
  }
}

/** The placebo is drawn from the very texts that are marked; null where that is not possible. */
async function drawPlacebo(
  lexicon: Lexicon,
  corpora: readonly Corpus[],
  notes: string[],
): Promise<Lexicon | null> {
  const texts = corpora.flatMap(({ rollouts }) =>
    rollouts.flatMap(({ completion }) => completion ?? [])
  );
  try {
    return await placeboLexicon(lexicon, texts, { seed: PLACEBO_SEED });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    notes.push(`No placebo lexicon: ${error.message}.`);
    return null;
  }
}

function whatIsMissing(corpora: readonly Corpus[], batches: readonly CheckedBatch[]): string[] {
  const notes: string[] = [];
  const unrewarded = corpora.filter((_, c) => !batches[c]!.rewards && !batches[c]!.advantages);
  if (unrewarded.length > 0) {
    const names = unrewarded.map(({ name }) => name).join(", ");
    notes.push(`No advantages for ${names}: the rollouts have neither rewards nor advantages.`);
  }
  if (batches.some(({ entropies, oldLogprobs }) => !entropies || !oldLogprobs)) {
    notes.push(
      "The rollouts were recorded without entropies or log-probabilities. Controls marked * run on a " +
        "stand-in, the surprisal of each token by its frequency in these corpora: they show what the " +
        "control does to credit, and nothing of any policy. Perplexity and entropy are left out.",
    );
  }
  return notes;
}
