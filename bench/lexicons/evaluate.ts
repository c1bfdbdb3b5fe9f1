import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLexicon, readSolutions, type Solution } from "../../files/mod.ts";
import type { Lexicon } from "../../sg/mod.ts";
import {
  type Embedder,
  mine,
  type MineOptions,
  sentenceTransformer,
  staticEmbedder,
} from "../../mining/mod.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { progress } from "../progress.ts";
import { type AblationRow, runAblations, VARIANTS } from "./ablations.ts";
import { type CorpusFigures, corpusScores, learnedScores } from "./corpus_scores.ts";
import { loadLabeledCorpora } from "./labeled_corpora.ts";
import { SHIPPED_LABELED } from "./labeled_sentences.ts";
import {
  allSolutions,
  loadMinedCorpora,
  type MinedCorpora,
  type MinedCorpus,
  withoutPrompts,
} from "./mined_corpora.ts";
import type { MiningOptions } from "./options.ts";
import { paperLists } from "./paper_lists.ts";
import { type Evidence, type LexiconFigures, loadEvidence, scoreLexicon } from "./score_lexicon.ts";
import { compareScores, coverTraces } from "./score_sentences.ts";
import { type SplitFigures, splitStability } from "./split_stability.ts";
import { transfer, type TransferFigures } from "./transfer.ts";

/** All figures of a run, as plain JSON; null is not measured. */
export interface MiningFigures {
  readonly date: string;
  readonly machine: Machine;
  readonly lexicons: readonly LexiconFigures[] | null;
  readonly corpora: CorpusFigures | null;
  readonly learned: CorpusFigures | null;
  readonly ablations: readonly AblationRow[] | null;
  readonly stability: readonly SplitFigures[] | null;
  readonly transfer: TransferFigures | null;
}

/** Splits into halves, of the prompts and of the solutions. */
const NUM_SPLITS = 5;
/** Milliseconds between two words of the miner on how far it is. */
const PATIENCE = 5_000;

/** What the parts of a run share. */
interface Run {
  readonly options: MiningOptions;
  readonly paper: Lexicon;
  readonly evidence: Evidence;
  readonly corpora: MinedCorpora;
  /** What is mined by default. */
  readonly mined: Lexicon;
  /** Mines all solutions; counts and embeddings are kept for the next time. */
  readonly mineAll: (options: MineOptions) => Promise<Lexicon>;
  /** Mines some solutions by default. */
  readonly mineSome: (solutions: readonly Solution[], name: string) => Promise<Lexicon>;
}

/**
 * Measures what is asked for.
 *
 * @param options As given on the command line.
 * @returns The figures.
 */
export async function evaluate(options: MiningOptions): Promise<MiningFigures> {
  const { parts, work } = options;
  const lists = await paperLists();
  const math = await loadLexicon("math");
  const asked = await Promise.all(options.lexicons.map((name) => loadLexicon(name)));
  const evidence = await loadEvidence(options, lists[2]);
  const onCorpora = async (lexicons: readonly Lexicon[]): Promise<CorpusFigures | null> => {
    if (!parts.includes("corpora")) return null;
    progress("scoring on labeled corpora");
    return corpusScores(lexicons, await loadLabeledCorpora(options.corpora), options);
  };
  const scoreAll = (lexicons: readonly Lexicon[]): Promise<LexiconFigures[]> =>
    inTurn(lexicons, (lexicon) => {
      progress(`scoring ${lexicon.name}`);
      return scoreLexicon(lexicon, lists[0], evidence, options);
    });
  const nothing: MiningFigures = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    lexicons: null,
    corpora: null,
    learned: null,
    ablations: null,
    stability: null,
    transfer: null,
  };
  if (options.quick) {
    const lexicons = [...lists, math, ...asked];
    return {
      ...nothing,
      lexicons: parts.includes("scores") ? await scoreAll(lexicons) : null,
      corpora: await onCorpora(lexicons),
    };
  }

  const folder = work ?? await mkdtemp(join(tmpdir(), "hicra-bench-mining-"));
  const embedder = await staticEmbedder();
  try {
    progress("reading solutions");
    const corpora = await loadMinedCorpora(options.solutions, options.promptField);
    const run = await prepare(options, { paper: lists[0], evidence, corpora }, folder, embedder);
    return {
      ...nothing,
      lexicons: parts.includes("scores")
        ? await scoreAll([...lists, math, run.mined, ...asked])
        : null,
      corpora: await onCorpora([lists[0], math, run.mined, ...asked]),
      learned: await learned(options),
      ablations: parts.includes("ablations") ? await ablations(run) : null,
      stability: parts.includes("stability") ? await stability(run) : null,
      transfer: parts.includes("transfer") ? await transfers(run) : null,
    };
  } finally {
    await embedder.release();
    if (work === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function learned({ parts, corpora, seed }: MiningOptions): Promise<CorpusFigures | null> {
  if (!parts.includes("learned")) return null;
  progress("learning phrases from labels");
  return learnedScores(await loadLabeledCorpora(corpora), { seed });
}

async function prepare(
  options: MiningOptions,
  given: Pick<Run, "paper" | "evidence" | "corpora">,
  workFolder: string,
  embedder: Embedder,
): Promise<Run> {
  const all = allSolutions(given.corpora);
  const mineAll = (changed: MineOptions): Promise<Lexicon> =>
    mineAloud(all, { embedder, workFolder, corpusKey: given.corpora.key, ...changed });
  const mineSome = (solutions: readonly Solution[], name: string): Promise<Lexicon> =>
    mineAloud(solutions, { embedder, name });
  return { options, ...given, mineAll, mineSome, mined: await mineAll({}) };
}

/** Mines, and says so on standard error. */
async function mineAloud(solutions: readonly Solution[], options: MineOptions): Promise<Lexicon> {
  const { name = "mined" } = options;
  progress(`mining: ${name}`);
  let told = performance.now();
  return await mine(solutions, {
    ...options,
    onProgress: ({ stage, done, total }) => {
      if (performance.now() < told + PATIENCE) return;
      told = performance.now();
      progress(`mining: ${name}, ${stage} ${done}${total === undefined ? "" : ` of ${total}`}`);
    },
  });
}

async function ablations({ options, paper, evidence, mineAll }: Run): Promise<AblationRow[]> {
  const { miniLm: folder } = options;
  const miniLm = folder === undefined ? undefined : await sentenceTransformer({
    model: join(folder, "model.onnx"),
    tokenizer: join(folder, "tokenizer.json"),
  });
  if (miniLm === undefined) progress("rows with MiniLM are left out: --minilm names no folder");
  try {
    return await runAblations(VARIANTS, {
      mine: mineAll,
      score: (lexicon) =>
        scoreLexicon(lexicon, paper, { ...evidence, removal: undefined }, options),
      compare: (lexicon, other) =>
        compareScores(
          evidence.traces,
          coverTraces(lexicon, evidence.traces),
          coverTraces(other, evidence.traces),
          options,
        ),
      miniLm,
    });
  } finally {
    await miniLm?.release();
  }
}

async function stability({ options, corpora, evidence, mineSome }: Run): Promise<SplitFigures[]> {
  const seeds = Array.from({ length: NUM_SPLITS }, (_, split) => options.seed + split);
  const work = {
    solutions: allSolutions(corpora),
    traces: evidence.traces,
    mine: (solutions: readonly Solution[]) => mineSome(solutions, "a half"),
  };
  return [
    ...await splitStability("prompts", seeds, work),
    ...await splitStability("solutions", seeds, work),
  ];
}

async function transfers(
  { options, corpora: { corpora }, paper, evidence, mined, mineSome }: Run,
): Promise<TransferFigures> {
  const names = corpora.map(({ name }) => name);
  const apart = await withoutScoredPrompts(corpora, options);
  return await transfer({
    corpora,
    others: [
      ...apart === undefined ? [] : [{
        name: "all without prompts of the labeled traces",
        corpora: apart.map(({ name }) => name),
        from: apart.flatMap(({ solutions }) => solutions),
      }],
      { name: "all", corpora: names, from: mined },
      { name: "the paper's list", corpora: [], from: paper },
    ],
    traces: evidence.traces,
    seed: options.seed,
    mine: (solutions) => mineSome(solutions, "for transfer"),
  });
}

/** The corpora without prompts on which is scored, if those that are shipped are; undefined: none is. */
async function withoutScoredPrompts(
  corpora: readonly MinedCorpus[],
  { labeled }: MiningOptions,
): Promise<MinedCorpus[] | undefined> {
  if (labeled !== undefined) return undefined;
  const scored = await Array.fromAsync(
    readSolutions([SHIPPED_LABELED], { promptField: "prompt" }),
  );
  const prompts = scored.map(({ promptId }) => promptId);
  const apart = corpora.map(({ name, solutions }) => ({
    name,
    solutions: withoutPrompts(solutions, prompts),
  }));
  if (apart.every(({ solutions }, c) => solutions.length === corpora[c]!.solutions.length)) {
    return undefined;
  }
  return apart.filter(({ solutions }) => solutions.length > 0);
}

async function inTurn<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
