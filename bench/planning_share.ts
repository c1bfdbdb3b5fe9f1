import type { CheckedBatch } from "../batch/mod.ts";
import { GRAM_KINDS, type GramKind, type Lexicon, SgMatcher } from "../sg/mod.ts";
import type { Corpus } from "./corpora.ts";
import type { BenchTokenizer } from "./tokenizers.ts";

/** How much of one corpus is planning, under one tokenizer and lexicon. */
export interface PlanningShare {
  readonly lexicon: string;
  readonly tokenizer: string;
  readonly corpus: string;
  readonly sequences: number;
  readonly characters: number;
  /** Trained tokens. */
  readonly tokens: number;
  readonly planningTokens: number;
  readonly spans: number;
  /** Planning tokens by kind. */
  readonly kinds: Readonly<Record<GramKind, number>>;
}

/**
 * Measures the planning share of every corpus under every tokenizer and lexicon.
 *
 * @param batches `[tokenizers][corpora]`.
 * @returns A figure for each combination, by lexicon, then tokenizer, then corpus.
 */
export function planningShares(
  lexicons: readonly Lexicon[],
  tokenizers: readonly BenchTokenizer[],
  corpora: readonly Corpus[],
  batches: readonly (readonly CheckedBatch[])[],
): PlanningShare[] {
  return lexicons.flatMap((lexicon) =>
    tokenizers.flatMap(({ name: tokenizer, table }, t) => {
      const matcher = SgMatcher.compile(lexicon, table);
      return corpora.map(({ name: corpus, characters }, c) => {
        const batch = batches[t]![c]!;
        const { kinds, spans } = matcher.match(batch);
        const counts = countCodes(kinds);
        const byKind = GRAM_KINDS.map((kind, k) => [kind, counts[k + 1]!] as const);
        return {
          lexicon: lexicon.name,
          tokenizer,
          corpus,
          sequences: batch.numSequences,
          characters,
          tokens: batch.lossMask.reduce((sum, trained) => sum + trained, 0),
          planningTokens: byKind.reduce((sum, [, count]) => sum + count, 0),
          spans: spans.length / 3,
          kinds: Object.fromEntries(byKind) as Record<GramKind, number>,
        };
      });
    })
  );
}

function countCodes(kinds: Uint8Array): number[] {
  const counts = new Array<number>(GRAM_KINDS.length + 1).fill(0);
  for (const code of kinds) counts[code]!++;
  return counts;
}
