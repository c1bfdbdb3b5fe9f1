import type { CorpusSize } from "./corpora.ts";
import { type AdvantageMass, advantageMasses, massTable } from "./advantage_mass.ts";
import { decodeBatch } from "./decode.ts";
import { growLexicon } from "./grams.ts";
import { joinBatches } from "./join_batches.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { normalize } from "./normalize.ts";
import type { BenchOptions } from "./options.ts";
import { type PlanningShare, planningShares, shareTables } from "./planning_share.ts";
import { progress } from "./progress.ts";
import { PythonSession } from "./python/session.ts";
import type { Sample } from "./sample.ts";
import { runSuite, type Suite, type SuiteFigures, suiteTable } from "./suite.ts";
import { matcherSuite } from "./suites/matcher.ts";
import { metricsSuite } from "./suites/metrics.ts";
import { stepSuite } from "./suites/step.ts";
import { transformSuite } from "./suites/transforms.ts";
import type { Table } from "./table.ts";
import { SgMatcher } from "../sg/mod.ts";
import { BUILT_IN_TOKENIZERS, encodeCorpus, loadBuiltInTokenizer } from "./tokenizers.ts";

/** Everything that a run measured, as plain JSON. */
export interface Figures {
  /** Day of the run, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly size: CorpusSize;
  readonly lexicon: string;
  readonly baseline: string;
  readonly alpha: number;
  readonly suites: readonly SuiteFigures[];
  readonly shares: readonly PlanningShare[];
  /** Empty where no rollout has rewards or advantages. */
  readonly masses: readonly AdvantageMass[];
  /** Versions of Python and its packages; empty without them. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Rounds in which each suite is timed. */
const ROUNDS = { quick: 1, default: 3, full: 9 };

/** Grams of the larger lexicons of `--full`. */
const GRAM_SIZES = [2_500, 25_000];

/** Measures everything. */
export async function measureAll(sample: Sample, options: BenchOptions): Promise<Figures> {
  const { tokenizer, matcher, corpora, batches, baseline, alpha } = sample;
  const { size } = options;
  const python = options.python === undefined ? null : await PythonSession.start(options.python);
  const suites: SuiteFigures[] = [];
  const run = async (suite: Suite): Promise<void> => {
    progress(suite.name);
    suites.push(await runSuite(suite, ROUNDS[size]));
  };
  try {
    const joined = joinBatches(batches);
    await run(await matcherSuite(joined, tokenizer.tokens, matcher.lexicon, python));
    if (size === "full") {
      const texts = decodeBatch(joined, tokenizer.tokens).map(normalize);
      for (const size of GRAM_SIZES) {
        const grown = growLexicon(matcher.lexicon, texts, size);
        await run(await matcherSuite(joined, tokenizer.tokens, grown, python));
      }
    }
    if (batches.some(({ advantages }) => advantages)) {
      await run(stepSuite(sample));
      await run(await transformSuite(sample, python));
    }
    await run(metricsSuite(sample));
    if (python !== null) {
      // Named at run time: Deno would fetch onnxruntime-node, 288 MB, before the program runs.
      const module = "./suites/logits.ts";
      const { logitsSuite } = await import(module) as typeof import("./suites/logits.ts");
      const logits = await logitsSuite(python, size === "quick" ? 1_500 : 151_936);
      await run(logits).finally(logits.release);
    }
  } finally {
    await python?.close();
  }
  progress("what transforms do to the advantages");
  const masses = advantageMasses(sample);
  progress("planning share");
  const shares = planningShares(tokenizer.name, matcher, corpora, batches);
  if (size === "full") shares.push(...await otherShares(sample));
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    size,
    lexicon: matcher.lexicon.name,
    baseline,
    alpha,
    suites,
    shares,
    masses,
    versions: python?.versions ?? {},
  };
}

/** The planning shares under every other tokenizer. */
async function otherShares({ corpora, matcher, tokenizer }: Sample): Promise<PlanningShare[]> {
  const shares: PlanningShare[] = [];
  for (const name of Object.keys(BUILT_IN_TOKENIZERS)) {
    if (name === tokenizer.name) continue;
    const other = await loadBuiltInTokenizer(name);
    const batches = corpora.map((corpus) => encodeCorpus(corpus, other));
    const own = SgMatcher.compile(matcher.lexicon, other.tokens);
    shares.push(...planningShares(name, own, corpora, batches));
  }
  return shares;
}

/** Every table of a run, in the order in which it is told. */
export function allTables(figures: Figures): Table[] {
  return [
    ...figures.suites.map(suiteTable),
    ...shareTables(figures.shares, figures.lexicon),
    ...(figures.masses.length > 0 ? [massTable(figures.masses, figures)] : []),
  ];
}

/** Day, machine and versions, in one line. */
export function machineLine({ date, machine, size, versions }: Figures): string {
  const packages = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`);
  return `${date}, ${machine.cores} cores (one used), ${machine.memoryGib} GiB of memory, ` +
    `${machine.runtime}${packages.join("")}${
      size === "quick" ? "; a quick run on a small sample, no figure to quote" : ""
    }`;
}
