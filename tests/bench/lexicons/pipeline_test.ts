import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AblationRow,
  halfOf,
  isNoLexicon,
  runAblations,
  VARIANTS,
} from "../../../bench/lexicons/ablations.ts";
import { InputRangeError } from "../../../batch/mod.ts";
import { placeSentences } from "../../../bench/lexicons/labeled_sentences.ts";
import {
  allSolutions,
  loadMinedCorpora,
  minedTexts,
  SHIPPED_SOLUTIONS,
  splitSolutions,
  withoutPrompts,
} from "../../../bench/lexicons/mined_corpora.ts";
import { parseMiningOptions } from "../../../bench/lexicons/options.ts";
import { type LexiconFigures, scoreLexicon } from "../../../bench/lexicons/score_lexicon.ts";
import {
  compareScores,
  coverTraces,
  type ScoreDifference,
} from "../../../bench/lexicons/score_sentences.ts";
import { splitStability } from "../../../bench/lexicons/split_stability.ts";
import { miningTables } from "../../../bench/lexicons/tables.ts";
import { transfer } from "../../../bench/lexicons/transfer.ts";
import { type Embedder, mine } from "../../../mining/mod.ts";
import type { Solution } from "../../../files/mod.ts";
import { type Lexicon, lexiconFromGrams } from "../../../sg/mod.ts";

/** Never asked for a vector here; loading the one of the module takes a while. */
const EMBEDDER: Embedder = {
  name: "none",
  digest: "none",
  dimensions: 1,
  embed: () => Promise.reject(new Error("not here")),
  release: () => Promise.resolve(),
};

const lexiconOf = (...grams: string[]): Lexicon => lexiconFromGrams(grams, { name: "t" });

const solutionOf = (promptId: string, text: string, succeeded?: boolean): Solution => ({
  text,
  promptId,
  ...(succeeded !== undefined && { succeeded }),
});

/** A sentence that plans, and one that does not. */
const TRACE = placeSentences([{
  id: "p",
  text: "But wait. So it is.",
  sentences: [[0, 9, "self_checking"] as const, [10, 19, "active_computation"] as const].map((
    [start, end, tag],
  ) => ({ start, end, tags: [tag], importanceAccuracy: 0, importanceKl: undefined })),
}]);

const NOTHING = {
  date: "2026-11-26",
  machine: { cores: 1, memoryGib: 1, runtime: "Deno" },
  lexicons: null,
  corpora: null,
  learned: null,
  ablations: null,
  stability: null,
  transfer: null,
};

Deno.test("loadMinedCorpora() joins the steps of a run and names the state of the files", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    const files = ["run_step2.jsonl", "other.jsonl", "run_step10.jsonl"]
      .map((name) => join(folder, name));
    for (const [f, file] of files.entries()) {
      const record = { problem: `p${f}`, completion: `text ${f}`, correct: f !== 1 };
      await writeFile(file, JSON.stringify(record) + "\n");
    }
    const loaded = await loadMinedCorpora(files, "problem");
    assert.deepEqual(loaded.corpora, [
      {
        name: "run",
        solutions: [solutionOf("p0", "text 0", true), solutionOf("p2", "text 2", true)],
      },
      { name: "other", solutions: [solutionOf("p1", "text 1", false)] },
    ]);
    assert.deepEqual(allSolutions(loaded).map(({ promptId }) => promptId), ["p0", "p2", "p1"]);
    assert.equal((await loadMinedCorpora(files, "problem")).key, loaded.key);
    await writeFile(files[1]!, '{"problem": "q", "completion": "longer", "correct": true}\n');
    assert.notEqual((await loadMinedCorpora(files, "problem")).key, loaded.key);
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("what is mined by default is not what is scored", () => {
  assert.equal(SHIPPED_SOLUTIONS.length, 5);
  assert.ok(SHIPPED_SOLUTIONS.every((file) => !file.includes("labeled")));
});

Deno.test("minedTexts() leaves failures out", () => {
  const solutions = [solutionOf("p", "a", true), solutionOf("p", "b", false), solutionOf("p", "c")];
  assert.deepEqual(minedTexts(solutions).map(({ text }) => text), ["a", "c"]);
});

Deno.test("splitSolutions() keeps the solutions of a prompt together, in halves", () => {
  const solutions = Array.from({ length: 21 }, (_, i) => solutionOf(`p${i % 7}`, String(i)));
  const splits = Array.from(
    { length: 20 },
    (_, seed) => splitSolutions(solutions, "prompts", seed),
  );
  for (const [seed, [one, other]] of splits.entries()) {
    const prompts = [one, other].map((half) => new Set(half.map(({ promptId }) => promptId)));
    assert.deepEqual(prompts.map(({ size }) => size), [4, 3]);
    assert.ok(prompts[0]!.isDisjointFrom(prompts[1]!));
    assert.equal(one.length + other.length, 21);
    assert.deepEqual(splitSolutions(solutions, "prompts", seed), [one, other]);
  }
  assert.ok(new Set(splits.map(([one]) => one.map(({ text }) => text).join())).size > 5);
  assert.deepEqual(splitSolutions([], "prompts", 0), [[], []]);
});

Deno.test("splitSolutions() draws each solution for itself where it is asked to", () => {
  const solutions = Array.from({ length: 21 }, (_, i) => solutionOf(`p${i % 2}`, String(i)));
  const [one, other] = splitSolutions(solutions, "solutions", 0);
  assert.deepEqual([one.length, other.length], [11, 10]);
  const sorted = [...one, ...other].sort((a, b) => Number(a.text) - Number(b.text));
  assert.deepEqual(sorted, solutions);
  assert.ok([one, other].every((half) => new Set(half.map((s) => s.promptId)).size === 2));
});

Deno.test("withoutPrompts() compares letters and digits alone", () => {
  const solutions = [solutionOf("What is $1 + x$?", "a"), solutionOf("What is $2 + x$?", "b")];
  assert.deepEqual(withoutPrompts(solutions, ["what is 1+x"]), [solutions[1]]);
  assert.deepEqual(withoutPrompts(solutions, []), solutions);
});

Deno.test("halfOf() draws half of every class, at least two, the same for one seed", () => {
  const prototypes = { kinds: { deduction: ["a", "b", "c", "d", "e"] }, execution: ["f", "g"] };
  for (const seed of [1, 2, 3]) {
    const half = halfOf(prototypes, seed);
    assert.equal(half.kinds.deduction!.length, 3);
    assert.deepEqual(half.kinds.deduction, half.kinds.deduction!.toSorted());
    assert.deepEqual(half.execution, ["f", "g"]);
    assert.deepEqual(halfOf(prototypes, seed), half);
  }
});

const score = (lexicon: Lexicon): Promise<LexiconFigures> =>
  scoreLexicon(lexicon, lexiconOf("so"), {
    traces: TRACE,
    labels: undefined,
    reference: undefined,
    removal: undefined,
  }, { seed: 0 });

const compare = (lexicon: Lexicon, other: Lexicon): ScoreDifference =>
  compareScores(TRACE, coverTraces(lexicon, TRACE), coverTraces(other, TRACE), { seed: 0 });

Deno.test("compareScores() subtracts precision and recall, draw by draw", () => {
  // Of the first: precision 1, recall 1; of the other: precision 1/2, recall 1.
  const { precision, recall } = compare(lexiconOf("wait"), lexiconOf("wait", "so"));
  assert.deepEqual(precision, { value: 1 / 2, low: 1 / 2, high: 1 / 2 }); // one trace only
  assert.deepEqual(recall, { value: 0, low: 0, high: 0 });
  // The same lexicon does not differ, whatever is drawn.
  const twice = [...TRACE, ...placeSentences([{ id: "q", text: "so", sentences: [] }])];
  const covers = coverTraces(lexiconOf("so"), twice);
  assert.deepEqual(compareScores(twice, covers, covers, { seed: 1 }).precision, {
    value: 0,
    low: 0,
    high: 0,
  });
});

/** What `mine()` throws of a corpus without grams, as a test further down holds. */
const noGramLeft = () =>
  new InputRangeError("Cannot make a lexicon as at least one gram must be left: none", {
    code: "nothing_left",
  });

Deno.test("runAblations() has a row for every variant, with the reason where it has no figures", async () => {
  const rows = await runAblations([
    { name: "default", group: "steps", options: { maxShare: 0.5 } },
    { name: "wide", group: "steps", options: { maxShare: 1 } },
    { name: "none", group: "steps", options: { minPrompts: 9 } },
    { name: "MiniLM", group: "steps", options: {}, needsMiniLm: true },
  ], {
    mine: ({ name, minPrompts, maxShare }) => {
      assert.notEqual(name, "MiniLM");
      if (maxShare === 1) return Promise.resolve(lexiconOf("but wait", "so"));
      if (minPrompts === undefined) return Promise.resolve(lexiconOf("but wait"));
      throw noGramLeft();
    },
    score,
    compare,
    miniLm: undefined,
  });
  assert.deepEqual(
    rows.map(({ variant, figures, difference, reason }) => [
      variant,
      figures?.sentences.recall.value,
      difference?.precision.value,
      reason,
    ]),
    [
      ["default", 1, undefined, null],
      ["wide", 1, -1 / 2, null],
      ["none", undefined, undefined, "no gram is left"],
      ["MiniLM", undefined, undefined, "not measured: --minilm names no folder"],
    ],
  );
  const [steps, sensitivity] = miningTables({ ...NOTHING, ablations: rows });
  assert.deepEqual(sensitivity!.rows, []);
  assert.deepEqual(steps!.rows.map(([name]) => name), [
    "default",
    "wide",
    "none (no gram is left)",
    "MiniLM (not measured: --minilm names no folder)",
  ]);
  assert.equal(steps!.rows[0]![steps!.columns.indexOf("recall")], "1.00 [1.00, 1.00]");
});

Deno.test("runAblations() hands the sentence-transformer to the variants that need it", async () => {
  const given: unknown[] = [];
  await runAblations([
    { name: "MiniLM", group: "steps", options: {}, needsMiniLm: true },
    { name: "default", group: "steps", options: {} },
  ], {
    mine: ({ embedder }) => {
      given.push(embedder);
      return Promise.resolve(lexiconOf("but wait"));
    },
    score,
    compare,
    miniLm: EMBEDDER,
  });
  assert.deepEqual(given, [EMBEDDER, undefined]);
});

Deno.test("runAblations() passes other errors on", async () => {
  await assert.rejects(
    runAblations([{ name: "a", group: "steps", options: {} }], {
      mine: () => Promise.reject(new RangeError("Cannot mine as prior must be a share")),
      score,
      compare,
      miniLm: undefined,
    }),
    RangeError,
  );
});

Deno.test("isNoLexicon() knows what mine() says of a corpus without grams or solutions", async () => {
  for (const solutions of [[], [solutionOf("p", "It is so.", true)]]) {
    await assert.rejects(mine(solutions, { embedder: EMBEDDER }), (error) => isNoLexicon(error));
  }
  assert.ok(!isNoLexicon(new TypeError("no")));
});

Deno.test("VARIANTS are options that mine() takes, each under one name of its group", async () => {
  const names = VARIANTS.map(({ group, name }) => `${group} ${name}`);
  assert.equal(new Set(names).size, names.length);
  for (const { options } of VARIANTS) {
    // Bad options are refused before the corpus is found to be empty.
    await assert.rejects(
      mine([], { ...options, embedder: EMBEDDER }),
      (error) => isNoLexicon(error),
    );
  }
});

/** Says `phrase` in four prompts of its own. */
const corpusOf = (name: string, phrase: string) => ({
  name,
  solutions: Array.from(
    { length: 4 },
    (_, p) => solutionOf(`${name} ${p}`, `${phrase}. ${"x".repeat(p + 1)} done`, true),
  ),
});

Deno.test("splitStability() compares what the lexicons of two halves match", async () => {
  const { solutions } = corpusOf("a", "but wait");
  const lexicons = [lexiconOf("but wait", "so it"), lexiconOf("but wait")];
  const halves: Solution[][] = [];
  const [split] = await splitStability("prompts", [3], {
    solutions,
    traces: TRACE,
    mine: (half) => {
      halves.push([...half]);
      return Promise.resolve(lexicons[halves.length - 1]!);
    },
  });
  assert.deepEqual(halves, splitSolutions(solutions, "prompts", 3));
  // "But wait" has 8 code units, "So it" 5; the corpus has only the first.
  assert.deepEqual(split, {
    unit: "prompts",
    seed: 3,
    grams: [2, 1],
    sameGrams: 1 / 2,
    onTraces: 8 / 13,
    onCorpus: 1,
  });
  const [table] = miningTables({ ...NOTHING, stability: [split!, { ...split!, onTraces: 1 }] });
  assert.deepEqual(table!.rows.at(-2), ["prompts, mean", "", "0.50", "0.81", "1.00"]);
  assert.deepEqual(table!.rows.at(-1), ["prompts, least", "", "0.50", "0.62", "1.00"]);
});

Deno.test("transfer() applies the lexicon of every source everywhere", async () => {
  const corpora = [corpusOf("a", "but wait"), corpusOf("b", "so it"), corpusOf("c", "no")];
  const { rows, without } = await transfer({
    corpora,
    others: [{ name: "list", corpora: [], from: lexiconOf("done") }],
    traces: TRACE,
    seed: 0,
    mine: ([first]) => {
      const phrase = first!.text.split(".")[0]!;
      if (phrase !== "no") return Promise.resolve(lexiconOf(phrase));
      throw noGramLeft();
    },
  });
  assert.deepEqual(without, ["c"]);
  assert.deepEqual(rows.map(({ source }) => source), ["a", "b", "list"]);
  assert.deepEqual(rows.map(({ recall }) => recall.value), [1, 0, 0]);
  const total = corpora[0]!.solutions.reduce((sum, { text }) => sum + text.length, 0);
  assert.deepEqual(rows[0]!.elsewhere, [
    { corpus: "a", isOwn: true, share: 32 / total, jaccardWithOwn: 1 },
    { corpus: "b", isOwn: false, share: 0, jaccardWithOwn: 0 },
    { corpus: "c", isOwn: false, share: 0, jaccardWithOwn: null },
  ]);
  const [table] = miningTables({ ...NOTHING, transfer: { rows, without } });
  assert.match(table!.note, /No gram is left of c\.$/);
  assert.equal(table!.rows[1]![table!.columns.indexOf("a")], "0.0 %, 0.00");
  assert.match(table!.rows[0]![table!.columns.indexOf("a")]!, /%, 1\.00 \*$/);
});

Deno.test("miningTables() shows functional grams where there are labels", () => {
  const rows = [{
    variant: "v",
    group: "steps",
    reason: null,
    difference: null,
    figures: {
      functional: { precision: { value: 0.5, low: 0.1, high: 0.9 } },
      sentences: {},
    },
  }] as unknown as AblationRow[];
  const interval = { value: 0.5, low: 0.1, high: 0.9 };
  const figures = rows[0]!.figures as unknown as Record<string, unknown>;
  Object.assign(figures, {
    grams: 1,
    recall: null,
    liftAccuracy: { lift: interval },
    sentences: Object.fromEntries(
      ["precision", "recall", "share", "shareInside", "shareOutside"].map((
        name,
      ) => [name, interval]),
    ),
  });
  const [table] = miningTables({ ...NOTHING, ablations: rows });
  assert.equal(table!.columns.at(-1), "functional grams");
  assert.equal(table!.rows[0]!.at(-1), "0.50 [0.10, 0.90]");
});

Deno.test("parseMiningOptions() keeps the parts in their order and refuses others", () => {
  const partsOf = (...args: string[]) => parseMiningOptions(args)!.parts;
  assert.deepEqual(partsOf(), [
    "scores",
    "corpora",
    "learned",
    "ablations",
    "stability",
    "transfer",
  ]);
  assert.deepEqual(partsOf("--part", "transfer", "--part", "scores"), ["scores", "transfer"]);
  assert.deepEqual(partsOf("--quick"), ["scores", "corpora"]);
  assert.throws(() => partsOf("--part", "all"), {
    name: "RangeError",
    message: "Cannot score lexicons as --part must be one of scores, corpora, learned, " +
      'ablations, stability, transfer: current value is "all"',
  });
  assert.throws(() => partsOf("--part", "transfer", "--quick"), {
    name: "RangeError",
    message: "Cannot score lexicons as --quick must go with no other part than scores and " +
      "corpora: nothing is mined",
  });
  assert.throws(() => partsOf("--solutions", "a", "--readme"), {
    name: "RangeError",
    message: "Cannot write figures into the README as they must be of a full run on what is " +
      "shipped: --solutions is given",
  });
});
