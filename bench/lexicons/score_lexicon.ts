import { baselinePreset } from "../../advantage/mod.ts";
import type { Lexicon } from "../../sg/mod.ts";
import { type Corpus, loadCorpora } from "../corpora.ts";
import { distinctGrams } from "../grams.ts";
import { progress } from "../progress.ts";
import { withStandIns } from "../stand_in.ts";
import { encodeCorpus, loadBuiltInTokenizer } from "../tokenizers.ts";
import {
  type FunctionalLabels,
  type FunctionalScore,
  loadLabels,
  scoreFunction,
} from "./functional_labels.ts";
import { type ImportanceLift, importanceLift } from "./importance_lift.ts";
import { type LabeledTrace, loadLabeledTraces } from "./labeled_sentences.ts";
import type { MiningOptions } from "./options.ts";
import {
  findReference,
  type ReferenceOccurrences,
  type ReferenceRecall,
  referenceRecall,
} from "./recall_of_paper.ts";
import { type RemovalCorpora, type RemovalEffect, removalEffects } from "./removal.ts";
import { coverTraces, scoreSentences, type SentenceScore } from "./score_sentences.ts";
import { jaccardOfCovers } from "./stability.ts";

/** All that is said of one lexicon, as plain JSON; null is not measured. */
export interface LexiconFigures {
  readonly lexicon: string;
  /** Distinct grams. */
  readonly grams: number;
  readonly sentences: SentenceScore;
  readonly liftAccuracy: ImportanceLift;
  readonly liftKl: ImportanceLift | null;
  /** Jaccard similarity to the paper's list in matched code units of the labeled traces. */
  readonly jaccardWithPaper: number;
  readonly functional: FunctionalScore | null;
  readonly recall: ReferenceRecall | null;
  readonly removal: readonly RemovalEffect[] | null;
}

/** What the lexicons are scored on; undefined is not measured. */
export interface Evidence {
  readonly traces: readonly LabeledTrace[];
  readonly labels: FunctionalLabels | undefined;
  readonly reference: ReferenceOccurrences | undefined;
  readonly removal: RemovalCorpora | undefined;
}

/** Removals per lexicon. */
const REMOVAL = { share: 0.3, seeds: Array.from({ length: 20 }, (_, seed) => seed) };
/** The corpora that are steps of one run. */
const STEPS = /_step\d+$/;
/** That of the model which was trained. */
const TOKENIZER = "Llama 3.1";
const ALPHA = 0.2;

/**
 * Computes every figure of one lexicon.
 *
 * @param lexicon The lexicon.
 * @param paper The paper's list, for the Jaccard similarity.
 * @param evidence What it is scored on.
 * @param options Seed of the bootstrap.
 * @returns The figures.
 */
export async function scoreLexicon(
  lexicon: Lexicon,
  paper: Lexicon,
  { traces, labels, reference, removal }: Evidence,
  { seed }: { readonly seed: number },
): Promise<LexiconFigures> {
  const covers = coverTraces(lexicon, traces);
  const hasKl = traces.every(({ sentences }) =>
    sentences.every(({ importanceKl }) => importanceKl !== undefined)
  );
  return {
    lexicon: lexicon.name,
    grams: distinctGrams(lexicon).length,
    sentences: scoreSentences(traces, covers, { seed }),
    liftAccuracy: importanceLift(traces, covers, { seed, measure: "accuracy" }),
    liftKl: hasKl ? importanceLift(traces, covers, { seed, measure: "kl" }) : null,
    jaccardWithPaper: jaccardOfCovers(covers, coverTraces(paper, traces)),
    functional: labels === undefined ? null : scoreFunction(lexicon, labels),
    recall: reference === undefined ? null : referenceRecall(lexicon, reference),
    removal: removal === undefined || distinctGrams(lexicon).length < 2
      ? null
      : await removalEffects(lexicon, removal, REMOVAL),
  };
}

/**
 * Reads what lexicons are scored on.
 *
 * @param options Files, and whether recall and removal are measured.
 * @param paper3To5 The paper's entries of three to five words.
 * @returns The evidence.
 */
export async function loadEvidence(
  options: Pick<MiningOptions, "labeled" | "rollouts" | "quick">,
  paper3To5: Lexicon,
): Promise<Evidence> {
  progress("reading traces and labels");
  const traces = await loadLabeledTraces(options.labeled);
  const labels = await loadLabels();
  if (options.quick) return { traces, labels, reference: undefined, removal: undefined };
  const corpora = await loadCorpora(options.rollouts);
  progress("finding the paper's entries");
  const texts = corpora.flatMap(({ rollouts }) => rollouts.flatMap((r) => r.completion ?? []));
  const reference = findReference(paper3To5, texts);
  return { traces, labels, reference, removal: await tokenizeSteps(corpora) };
}

/** Tokenizes the steps of a training run. */
async function tokenizeSteps(all: readonly Corpus[]): Promise<RemovalCorpora | undefined> {
  const corpora = all.filter(({ name }) => STEPS.test(name));
  if (corpora.length === 0) return undefined;
  const tokenizer = await loadBuiltInTokenizer(TOKENIZER);
  const batches = corpora.map((corpus) => encodeCorpus(corpus, tokenizer));
  return {
    corpora,
    // Recorded without log-probabilities: perplexity and entropies need the stand-in.
    batches: withStandIns(batches),
    table: tokenizer.tokens,
    preset: baselinePreset("paper"),
    alpha: ALPHA,
  };
}
