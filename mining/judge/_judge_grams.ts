import type { NgramTable } from "../count/ngram_table.ts";
import type { Embedder } from "../embed/embedder.ts";
import type { MineParameters } from "../_mine_parameters.ts";
import { type GramFunctions, judgeFunctions, type PrototypeVectors } from "./judge_functions.ts";
import { mathematicsLogRatio } from "./mathematics_log_ratio.ts";
import type { Prototypes } from "./prototypes.ts";

/** What grams do in a solution. */
export interface JudgedGrams {
  /** By the prototypes alone. */
  readonly functions: GramFunctions;
  /** Log-odds that each gram guides the solution, `[G]`. */
  readonly scores: Float64Array;
}

/** Judges grams by their vectors, the mathematics around them and their clusters. */
export async function judgeGrams(
  table: NgramTable,
  { vectors, clusters }: { readonly vectors: Float32Array; readonly clusters: Int32Array },
  { prototypes, embedder }: { readonly prototypes: Prototypes; readonly embedder: Embedder },
  options: MineParameters,
): Promise<JudgedGrams> {
  const { temperature } = options;
  const functions = judgeFunctions(
    vectors,
    await embedPrototypes(prototypes, embedder),
    temperature === undefined ? {} : { temperature },
  );
  return { functions, scores: functionScores(table, clusters, functions, options) };
}

async function embedPrototypes(
  { kinds, execution }: Prototypes,
  embedder: Embedder,
): Promise<PrototypeVectors> {
  const embedded: Record<string, Float32Array> = {};
  for (const [kind, phrases] of Object.entries(kinds)) {
    embedded[kind] = await embedder.embed(phrases);
  }
  return {
    dimensions: embedder.dimensions,
    kinds: embedded,
    execution: await embedder.embed(execution),
  };
}

/** Log-odds that each gram guides the solution, half its own and half the mean of its cluster. */
function functionScores(
  table: NgramTable,
  clusters: Int32Array,
  { logOdds }: GramFunctions,
  { prior, mathWeight }: MineParameters,
): Float64Array {
  const ratios = mathematicsLogRatio(table.occurrences, table.mathSentences);
  const own = logOdds.map((odds, gram) =>
    odds - mathWeight * ratios[gram]! + Math.log(prior / (1 - prior))
  );
  const sums = new Float64Array(own.length);
  const sizes = new Uint32Array(own.length);
  for (const [gram, score] of own.entries()) {
    sums[clusters[gram]!]! += score;
    sizes[clusters[gram]!]!++;
  }
  return own.map((score, gram) => {
    const cluster = clusters[gram]!;
    return (score + sums[cluster]! / sizes[cluster]!) / 2;
  });
}
