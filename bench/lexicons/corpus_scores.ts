import type { Lexicon } from "../../sg/mod.ts";
import type { LabeledCorpus } from "./labeled_corpora.ts";
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
