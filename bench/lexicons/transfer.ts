import type { Lexicon } from "../../sg/mod.ts";
import type { Solution } from "../../files/mod.ts";
import { distinctGrams } from "../grams.ts";
import { isNoLexicon } from "./ablations.ts";
import type { Interval } from "./bootstrap.ts";
import type { LabeledTrace } from "./labeled_sentences.ts";
import { type MinedCorpus, minedTexts } from "./mined_corpora.ts";
import { coverTraces, scoreSentences } from "./score_sentences.ts";
import { jaccardOfCovers } from "./stability.ts";

/** What a lexicon matches in the solutions of one corpus. */
export interface TransferCell {
  readonly corpus: string;
  /** Whether it was mined from this corpus, alone or among others. */
  readonly isOwn: boolean;
  /** Matched code units over code units. */
  readonly share: number;
  /** Jaccard similarity to what the corpus's own lexicon matches there; null where it has none. */
  readonly jaccardWithOwn: number | null;
}

/** A lexicon of one source, elsewhere. */
export interface TransferRow {
  readonly source: string;
  readonly grams: number;
  /** On the labeled traces. */
  readonly precision: Interval;
  readonly recall: Interval;
  readonly share: Interval;
  readonly elsewhere: readonly TransferCell[];
}

/** What a lexicon is mined from, or a lexicon that was not mined. */
export interface TransferSource {
  readonly name: string;
  /** Names of the corpora that are in it. */
  readonly corpora: readonly string[];
  readonly from: readonly Solution[] | Lexicon;
}

/** What transfer is measured with. */
export interface TransferWork {
  /** Where the lexicons are applied; each is a source of its own as well. */
  readonly corpora: readonly MinedCorpus[];
  /** More sources, behind the single corpora. */
  readonly others: readonly TransferSource[];
  readonly traces: readonly LabeledTrace[];
  readonly seed: number;
  readonly mine: (solutions: readonly Solution[]) => Promise<Lexicon>;
}

/** What came of all sources. */
export interface TransferFigures {
  readonly rows: readonly TransferRow[];
  /** Sources from which no gram is left. */
  readonly without: readonly string[];
}

/**
 * Mines a lexicon from every corpus alone and applies it to the labeled traces and to all corpora.
 *
 * @param work Corpora, traces, and how to mine.
 * @returns A row for each source that gives a lexicon.
 */
export async function transfer(
  { corpora, others, traces, seed, mine }: TransferWork,
): Promise<TransferFigures> {
  const sources: readonly TransferSource[] = [
    ...corpora.map(({ name, solutions }) => ({ name, corpora: [name], from: solutions })),
    ...others,
  ];
  const lexicons = new Map<TransferSource, Lexicon>();
  for (const source of sources) {
    try {
      lexicons.set(source, "grams" in source.from ? source.from : await mine(source.from));
    } catch (error) {
      if (!isNoLexicon(error)) throw error;
    }
  }
  const columns = corpora.map(({ name, solutions }) => {
    const texts = minedTexts(solutions);
    const covers = new Map(
      Array.from(lexicons, ([source, lexicon]) => [source, coverTraces(lexicon, texts)]),
    );
    return { corpus: name, covers, own: covers.get(sources.find((one) => one.name === name)!) };
  });
  return {
    rows: Array.from(lexicons, ([source, lexicon]) => {
      const score = scoreSentences(traces, coverTraces(lexicon, traces), { seed });
      return {
        source: source.name,
        grams: distinctGrams(lexicon).length,
        precision: score.precision,
        recall: score.recall,
        share: score.share,
        elsewhere: columns.map(({ corpus, covers, own }) => ({
          corpus,
          isOwn: source.corpora.includes(corpus),
          share: shareOf(covers.get(source)!),
          jaccardWithOwn: own === undefined ? null : jaccardOfCovers(covers.get(source)!, own),
        })),
      };
    }),
    without: sources.filter((source) => !lexicons.has(source)).map(({ name }) => name),
  };
}

function shareOf(covers: readonly Uint8Array[]): number {
  let covered = 0;
  let total = 0;
  for (const cover of covers) {
    for (const bit of cover) covered += bit;
    total += cover.length;
  }
  return covered / total;
}
