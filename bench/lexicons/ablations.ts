import { isInputError } from "../../batch/mod.ts";
import type { Lexicon } from "../../sg/mod.ts";
import {
  defaultPrototypes,
  type Embedder,
  type MineOptions,
  type Prototypes,
} from "../../mining/mod.ts";
import { seededRandom } from "../seeded_random.ts";
import type { LexiconFigures } from "./score_lexicon.ts";
import { kmeansClustering } from "./kmeans.ts";
import type { ScoreDifference } from "./score_sentences.ts";

/** The miner with one thing changed. */
export interface Variant {
  readonly name: string;
  /** Whether a step is taken away or replaced, or a threshold moved to its neighborhood. */
  readonly group: "steps" | "sensitivity";
  readonly options: MineOptions;
  /** Needs the sentence-transformer. */
  readonly needsMiniLm?: true;
}

/** A variant and what came of it. */
export interface AblationRow {
  readonly variant: string;
  readonly group: Variant["group"];
  /** Null where there is no lexicon. */
  readonly figures: Omit<LexiconFigures, "removal"> | null;
  /** Of the sentences' score to that of the first variant; null for that one, and without figures. */
  readonly difference: ScoreDifference | null;
  /** Why there is no lexicon. */
  readonly reason: string | null;
}

/** The paper's section 2.1 as far as it goes; nested n-grams that never stand alone are dropped. */
const PAPERS_RULE: MineOptions = {
  minWords: 3,
  maxWords: 5,
  keepClusters: 0.2,
  keepSparse: 1,
  functional: false,
  maxShare: 1,
  absorbShare: 1,
};

const STEPS: readonly (readonly [name: string, options: MineOptions, needsMiniLm?: true])[] = [
  ["default", {}],
  ["no clusters", { clustering: "none" }],
  ["average linkage", { clustering: "agglomerative" }],
  ["k-means, 100 clusters", { clustering: kmeansClustering(100, 0) }],
  ["no frequency filter", { keepClusters: 1 }],
  ["no sparsity filter", { keepSparse: 1 }],
  ["no function filter", { functional: false }],
  ["no function filter, no cap", { functional: false, maxShare: 1 }],
  ["no mathematics weight", { mathWeight: 0 }],
  ["no cap", { maxShare: 1 }],
  ["3 to 5 words", { minWords: 3 }],
  ["1 to 5 words", { minWords: 1 }],
  ["MiniLM", {}, true],
  ["paper's rule", PAPERS_RULE],
  ["paper's rule, MiniLM", PAPERS_RULE, true],
];

const SENSITIVITY: readonly (readonly [name: string, options: MineOptions])[] = [
  ["default", {}],
  ["cap 3 %", { maxShare: 0.03 }],
  ["cap 4 %", { maxShare: 0.04 }],
  ["cap 6 %", { maxShare: 0.06 }],
  ["prior 0.06", { prior: 0.06 }],
  ["prior 0.24", { prior: 0.24 }],
  ["prior 0.06, no cap", { prior: 0.06, maxShare: 1 }],
  ["prior 0.12, no cap", { maxShare: 1 }],
  ["prior 0.24, no cap", { prior: 0.24, maxShare: 1 }],
  ["mathematics weight 0.25", { mathWeight: 0.25 }],
  ["mathematics weight 1", { mathWeight: 1 }],
  ["top 10 % of clusters", { keepClusters: 0.1 }],
  ["top 40 % of clusters", { keepClusters: 0.4 }],
  ["80 % least bursty", { keepSparse: 0.8 }],
  ["half of the prototypes, draw 1", { prototypes: halfOf(defaultPrototypes(), 1) }],
  ["half of the prototypes, draw 2", { prototypes: halfOf(defaultPrototypes(), 2) }],
  ["half of the prototypes, draw 3", { prototypes: halfOf(defaultPrototypes(), 3) }],
];

/** What is tried, the default first in either group. */
export const VARIANTS: readonly Variant[] = [
  ...STEPS.map(([name, options, needsMiniLm]): Variant => ({
    name,
    group: "steps",
    options,
    ...(needsMiniLm && { needsMiniLm }),
  })),
  ...SENSITIVITY.map(([name, options]): Variant => ({ name, group: "sensitivity", options })),
];

/** What the ablations do with a variant. */
export interface AblationWork {
  /** Mines from the one corpus of all variants. */
  readonly mine: (options: MineOptions) => Promise<Lexicon>;
  readonly score: (lexicon: Lexicon) => Promise<LexiconFigures>;
  /** Subtracts the score of the second. */
  readonly compare: (lexicon: Lexicon, other: Lexicon) => ScoreDifference;
  /** The sentence-transformer, where the user has one. */
  readonly miniLm: Embedder | undefined;
}

/**
 * Mines a lexicon for every variant, scores it and sets it against the first. A variant that leaves no gram is a row without figures.
 *
 * @param variants The variants.
 * @param work How to mine and score.
 * @returns A row for each.
 */
export async function runAblations(
  variants: readonly Variant[],
  { mine, score, compare, miniLm }: AblationWork,
): Promise<AblationRow[]> {
  const rows: AblationRow[] = [];
  let first: Lexicon | undefined;
  for (const { name, group, options, needsMiniLm } of variants) {
    const row = { variant: name, group, figures: null, difference: null };
    if (needsMiniLm && miniLm === undefined) {
      rows.push({ ...row, reason: "not measured: --minilm names no folder" });
      continue;
    }
    try {
      const lexicon = await mine({
        ...options,
        name,
        ...(needsMiniLm && { embedder: miniLm! }),
      });
      const { removal: _, ...figures } = await score(lexicon);
      const difference = first === undefined ? null : compare(lexicon, first);
      first ??= lexicon;
      rows.push({ ...row, figures, difference, reason: null });
    } catch (error) {
      if (!isNoLexicon(error)) throw error;
      rows.push({ ...row, reason: "no gram is left" });
    }
  }
  return rows;
}

/** Whether `mine` found nothing, which is a result here. */
export function isNoLexicon(error: unknown): boolean {
  return isInputError(error) && error.code === "nothing_left";
}

/**
 * Draws half of the prototypes of every class, at least two.
 *
 * @param prototypes The prototypes.
 * @param seed Seed of the draw.
 * @returns The half, in their order.
 */
export function halfOf({ kinds, execution }: Prototypes, seed: number): Prototypes {
  const random = seededRandom(seed);
  const draw = (phrases: readonly string[]): string[] => {
    const order = phrases.map((phrase) => ({ phrase, at: random() })).sort((a, b) => a.at - b.at);
    const half = order.slice(0, Math.max(2, Math.ceil(phrases.length / 2)));
    const drawn = new Set(half.map(({ phrase }) => phrase));
    return phrases.filter((phrase) => drawn.has(phrase));
  };
  return {
    kinds: Object.fromEntries(
      Object.entries(kinds).map(([kind, phrases]) => [kind, draw(phrases)]),
    ),
    execution: draw(execution),
  };
}
