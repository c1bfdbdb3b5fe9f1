import type { Lexicon } from "../../sg/mod.ts";
import type { LabeledCorpus } from "./labeled_corpora.ts";
import { countLabeledPhrases, learnPhrases } from "./learned_phrases.ts";
import { coverTraces, scoreSentences, type SentenceScore } from "./score_sentences.ts";

/** The scores of some lexicons on one corpus, as plain JSON. */
export interface CorpusScores {
  readonly corpus: string;
  readonly labeledBy: LabeledCorpus["labeledBy"];
  readonly traces: number;
  /** One for each lexicon. */
  readonly scores: readonly SentenceScore[];
}

/** What lexicons are worth on labeled corpora, as plain JSON. */
export interface CorpusFigures {
  readonly lexicons: readonly string[];
  readonly corpora: readonly CorpusScores[];
}

/**
 * Scores lexicons on labeled corpora, each by itself.
 *
 * @param lexicons The lexicons.
 * @param corpora The corpora.
 * @param options Seed of the bootstrap over traces.
 * @returns A score for each lexicon and corpus.
 */
export function corpusScores(
  lexicons: readonly Lexicon[],
  corpora: readonly LabeledCorpus[],
  { seed }: { readonly seed: number },
): CorpusFigures {
  return {
    lexicons: lexicons.map(({ name }) => name),
    corpora: corpora.map(({ name, labeledBy, texts }) => ({
      corpus: name,
      labeledBy,
      traces: texts.length,
      scores: lexicons.map((lexicon) =>
        scoreSentences(texts, coverTraces(lexicon, texts), { seed })
      ),
    })),
  };
}

/** Lower bounds of precision from which phrases are learned: the points of a curve. */
const BOUNDS = [0.5, 0.6, 0.65, 0.7, 0.8] as const;

/**
 * Scores phrases that are learned from labels, a floor for mining: on each corpus those that are learned
 * from the silver labels of other families.
 *
 * @param corpora The corpora.
 * @param options Seed of the bootstrap over traces.
 * @returns A score for each bound and corpus.
 */
export function learnedScores(
  corpora: readonly LabeledCorpus[],
  { seed }: { readonly seed: number },
): CorpusFigures {
  const silver = corpora.filter(({ name }) => name.startsWith("reasoningflow_silver"));
  const evidence = countLabeledPhrases(silver);
  return {
    lexicons: BOUNDS.map((bound) => `bound ${bound}`),
    corpora: corpora.map(({ name, family, labeledBy, texts }) => {
      const same = silver.flatMap((other, c) => other.family === family ? [c] : []);
      return {
        corpus: name,
        labeledBy,
        traces: texts.length,
        scores: BOUNDS.map((bound) => {
          const lexicon = learnPhrases(evidence, bound, new Set(same));
          const covers = lexicon === undefined
            ? texts.map(({ text }) => new Uint8Array(text.length))
            : coverTraces(lexicon, texts);
          return scoreSentences(texts, covers, { seed });
        }),
      };
    }),
  };
}
