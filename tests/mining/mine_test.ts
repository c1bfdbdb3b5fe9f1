import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import fc from "fast-check";
import { isInputError } from "../../batch/mod.ts";
import { TextMatcher } from "../../bench/lexicons/text_matcher.ts";
import { readSolutions, type Solution } from "../../files/mod.ts";
import {
  type Embedder,
  mine,
  type MineOptions,
  type MineProgress,
  removeWorkFolder,
  staticEmbedder,
} from "../../mining/mod.ts";
import { type Lexicon, lexiconFromGrams, parseLexicon, serializeLexicon } from "../../sg/mod.ts";
import { inFolder } from "../_in_folder.ts";
import { fullTest } from "../_scope.ts";

const ROLLOUTS = new URL("../testdata/rollouts/r1_distill_1p5b_math.jsonl.gz", import.meta.url);
/** Real solutions, few enough to mine them many times. */
const SOLUTIONS = (await Array.fromAsync(readSolutions(decodeURIComponent(ROLLOUTS.pathname))))
  .slice(0, 160);
const TEXTS = SOLUTIONS.filter(({ succeeded }) => succeeded).map(({ text }) => text);

async function bytes(
  options: MineOptions = {},
  solutions: Solution[] = SOLUTIONS,
): Promise<string> {
  return serializeLexicon(await mine(solutions, options));
}

const expected = await mine(SOLUTIONS);

Deno.test("mine() finds phrases that guide and none of mathematics", () => {
  const texts = expected.grams.map(({ text }) => text);
  for (const gram of ["let me double-check", "but wait", "maybe i", "step by step"]) {
    assert.ok(texts.includes(gram), gram);
  }
  for (const text of texts) assert.match(text, /^[\p{L}\p{M}' ,\u2013\u2014-]+$/u);
  for (const content of ["equal to", "the sum of", "is equal to the", "the value of"]) {
    assert.ok(!texts.includes(content), content);
  }
});

fullTest("mine() gives grams that match in as many solutions as they count", () => {
  for (const { text, documentFrequency } of expected.grams) {
    const matcher = new TextMatcher(lexiconFromGrams([text], { name: text }));
    const matched = TEXTS.filter((solution) => matcher.spans(solution).length > 0).length;
    // More where a gram matches across what parts n-grams, such as a bracket.
    assert.ok(matched >= documentFrequency!, `${text}: ${matched} < ${documentFrequency}`);
  }
});

Deno.test("mine() writes its parameters, and clusters from the most frequent", () => {
  assert.deepEqual(parseLexicon(serializeLexicon(expected), { name: "" }), expected);
  const { parameters, corpusDigest } = expected.provenance;
  assert.match(corpusDigest!, /^sha256:[0-9a-f]{64}$/);
  assert.equal(parameters!.solutionsRead, 160);
  assert.equal(parameters!.solutions, TEXTS.length);
  assert.equal(parameters!.afterShare, expected.grams.length);
  assert.ok(Number(parameters!.coveredShare) <= 0.045);
  const clusters = expected.grams.map(({ cluster }) => cluster!);
  assert.deepEqual(clusters, clusters.toSorted((a, b) => a - b));
  assert.equal(new Set(clusters).size, clusters.at(-1)! + 1);
  const frequencies = expected.grams.map(({ statistics }) => statistics!.clusterFrequency!);
  assert.deepEqual(frequencies, frequencies.toSorted((a, b) => b - a));
});

fullTest(
  "mine() gives the same bytes with any number of threads and little memory",
  async () => {
    const same = serializeLexicon(expected);
    assert.equal(await bytes({ threads: 1 }), same);
    assert.equal(await bytes({ threads: 2, memoryBytes: 2 ** 20 }), same);
  },
);

/** Each stage, and those that are not begun again once it has begun. */
const STAGES: [MineProgress["stage"], finished: MineProgress["stage"][]][] = [
  ["read", []],
  ["filter", []],
  ["count", []],
  ["examples", []],
  ["embed", ["filter", "count", "examples"]],
  ["cluster", ["filter", "count", "examples"]],
  ["cover", ["filter", "count", "examples", "cluster"]],
];

for (const [stop, finished] of STAGES) {
  Deno.test(`mine() goes on after an interruption at "${stop}", to the same bytes`, async () => {
    await inFolder(async (folder) => {
      const controller = new AbortController();
      const options = { workFolder: folder, corpusKey: "solutions" };
      const interrupted = mine(SOLUTIONS, {
        ...options,
        signal: controller.signal,
        onProgress: ({ stage }) => {
          if (stage === stop) controller.abort(new Error(stop));
        },
      });
      await assert.rejects(interrupted, new Error(stop));
      const begun = new Set<string>();
      const onProgress = ({ stage }: MineProgress) => void begun.add(stage);
      assert.equal(await bytes({ ...options, onProgress }), serializeLexicon(expected));
      assert.deepEqual(finished.filter((stage) => begun.has(stage)), []);
      const names = await readdir(folder, { recursive: true });
      assert.deepEqual(names.filter((name) => name.includes(".tmp")), []);
    });
  });
}

Deno.test("mine() reads solutions again only where their name is another", async () => {
  await inFolder(async (folder) => {
    await mine(SOLUTIONS, { workFolder: folder, corpusKey: "a" });
    const unread: Iterable<Solution> = {
      [Symbol.iterator]: () => assert.fail("the solutions were read"),
    };
    const again = await mine(unread, { workFolder: folder, corpusKey: "a" });
    assert.equal(serializeLexicon(again), serializeLexicon(expected));
    await assert.rejects(mine(unread, { workFolder: folder, corpusKey: "b" }), /were read/);
    await assert.rejects(mine(unread, { workFolder: folder }), /were read/);
  });
});

fullTest("mine() says which file of the work folder is damaged", async () => {
  await inFolder(async (folder) => {
    const options = { workFolder: folder, corpusKey: "a" };
    await mine(SOLUTIONS, options);
    for (const name of await readdir(folder)) {
      if (!/^(clusters|ngrams)/.test(name)) continue;
      await truncate(join(folder, name), 40);
      await assert.rejects(
        mine(SOLUTIONS, options),
        (error: Error) =>
          error.name === "SyntaxError" && error.message.includes(name) &&
          error.message.includes("remove it"),
      );
      await rm(join(folder, name));
    }
    assert.equal(await bytes(options), serializeLexicon(expected));
  });
});

/** Vectors that depend on the text alone, and cost nothing. */
const CHEAP_EMBEDDER: Embedder = {
  name: "cheap",
  digest: "sha256:cheap",
  dimensions: 4,
  embed: (texts) =>
    Promise.resolve(Float32Array.from(texts.flatMap((text) => {
      const angle = text.length + text.charCodeAt(0);
      return [
        Math.cos(angle) / 2,
        Math.sin(angle) / 2,
        Math.cos(3 * angle) / 2,
        Math.sin(3 * angle) / 2,
      ]
        .map((value) => value * Math.SQRT2);
    }))),
  release: () => Promise.resolve(),
};

Deno.test("mine() never gives another lexicon from a work folder of which a byte was changed", async () => {
  await inFolder(async (folder) => {
    const options: MineOptions = {
      workFolder: folder,
      corpusKey: "a",
      embedder: CHEAP_EMBEDDER,
      functional: false,
      keepClusters: 1,
      maxShare: 1,
      minPrompts: 1,
    };
    const solutions = sentences(
      "Wait, let me check that again. The sum is four.",
      "Let me check that again, but wait. The sum is five.",
      "But wait, the sum is six. Let me think step by step.",
    );
    const same = await bytes(options, solutions);
    const files = (await readdir(folder, { recursive: true })).filter((name) => /[.-]/.test(name));
    const kept = new Map(
      await Promise.all(
        files.map(async (name) => [name, await readFile(join(folder, name))] as const),
      ),
    );
    assert.deepEqual(files.map((name) => name.replace(/[0-9a-f]{64}/, "*")).sort(), [
      "clusters-*.json",
      "corpus/corpus.json",
      "corpus/shard-00000.jsonl",
      "embeddings/cheap.embeddings",
      "hicra-work.json",
      "ngrams-*",
      "selection.json",
    ]);
    const change = fc.constantFrom(...files).chain((name) =>
      fc.record({
        name: fc.constant(name),
        place: fc.nat(kept.get(name)!.length - 1),
        mask: fc.integer({ min: 1, max: 255 }),
      })
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ name, place, mask }) => {
        const changed = Uint8Array.from(kept.get(name)!);
        changed[place]! ^= mask;
        await writeFile(join(folder, name), changed);
        try {
          assert.equal(await bytes(options, solutions), same);
        } catch (error) {
          assert.ok(isInputError(error), String(error));
          assert.ok(error.message.includes(basename(name)), error.message);
          assert.match(error.message, /remove /);
          refused++;
        }
        for (const [name, content] of kept) await writeFile(join(folder, name), content);
      }),
      { numRuns: 200 },
    );
    assert.ok(refused > 100, `${refused} were refused`);
  });
});

Deno.test("mine() refuses a folder of others, and what version 0.1 kept, before it reads a solution", async () => {
  const unread: Iterable<Solution> = {
    [Symbol.iterator]: () => assert.fail("the solutions were read"),
  };
  await inFolder(async (folder) => {
    const old = join(folder, "old");
    await mkdir(old);
    await writeFile(join(old, "selection.json"), '{"key":"a"}');
    const file = join(folder, "file");
    await writeFile(file, "precious");
    const rule = "as it must be empty or of an earlier run of this version:";
    for (
      const [workFolder, current] of [
        [old, 'it holds "selection.json", remove'],
        [folder, 'it holds "file" and 1 more, remove'],
        [file, "it is a file, remove"],
      ] as const
    ) {
      await assert.rejects(mine(unread, { workFolder, corpusKey: "a" }), (error: Error) => {
        assert.equal(error.name, "RangeError");
        const start = `Cannot keep work in ${JSON.stringify(workFolder)} ${rule} ${current}`;
        assert.ok(error.message.startsWith(start), error.message);
        assert.match(error.message, /, remove it or name another work folder$/);
        return true;
      });
    }
    assert.equal(await readFile(file, "utf8"), "precious");
    assert.deepEqual(await readdir(old), ["selection.json"]);
  });
});

Deno.test("removeWorkFolder() removes what mine() kept and nothing else", async () => {
  await inFolder(async (folder) => {
    const options = {
      corpusKey: "a",
      embedder: CHEAP_EMBEDDER,
      functional: false,
      keepClusters: 1,
    };
    const solutions = sentences("Wait, let me see.", "Wait, let me go.", "Wait, let me ask.");
    const work = async (name: string): Promise<string> => {
      const workFolder = join(folder, name);
      await mine(solutions, { ...options, workFolder, maxShare: 1 });
      return workFolder;
    };

    assert.deepEqual(await removeWorkFolder(await work("made")), []);
    await mkdir(join(folder, "given"));
    assert.deepEqual(await removeWorkFolder(await work("given")), []);
    // The one that was made is gone, the one that was given is empty.
    assert.deepEqual(await readdir(folder), ["given"]);
    assert.deepEqual(await readdir(join(folder, "given")), []);

    const mixed = await work("mixed");
    await writeFile(join(mixed, "notes.txt"), "precious");
    await writeFile(join(mixed, "selection.json"), "precious");
    await writeFile(join(mixed, `ngrams-${"a".repeat(64)}`), "precious");
    await writeFile(join(mixed, "corpus", "shard-00009.jsonl"), "precious");
    await writeFile(join(mixed, "embeddings", "mine.embeddings"), "precious");
    await writeFile(join(mixed, `.hicra-${crypto.randomUUID()}.tmp`), "half");
    const left = [
      "corpus",
      "embeddings",
      `ngrams-${"a".repeat(64)}`,
      "notes.txt",
      "selection.json",
    ];
    assert.deepEqual(await removeWorkFolder(mixed), left);
    assert.deepEqual((await readdir(mixed, { recursive: true })).sort(), [
      "corpus",
      "corpus/shard-00009.jsonl",
      "embeddings",
      "embeddings/mine.embeddings",
      "hicra-work.json",
      `ngrams-${"a".repeat(64)}`,
      "notes.txt",
      "selection.json",
    ]);

    const other = join(folder, "other");
    await mkdir(other);
    await writeFile(join(other, "selection.json"), "precious");
    assert.deepEqual(await removeWorkFolder(other), ["selection.json"]);
    assert.deepEqual(await readdir(other), ["selection.json"]);
    assert.deepEqual(await removeWorkFolder(join(folder, "none")), []);
  });
});

fullTest("mine() switches each filter off", async () => {
  await inFolder(async (workFolder) => {
    const counts = async (options: MineOptions): Promise<Lexicon["provenance"]["parameters"]> => {
      const kept = { workFolder, corpusKey: "a" };
      return (await mine(SOLUTIONS, { ...kept, ...options })).provenance.parameters;
    };
    const all = await counts({
      keepClusters: 1,
      keepSparse: 1,
      functional: false,
      maxShare: 1,
      clustering: "none",
    });
    assert.equal(all!.afterShare, all!.afterAbsorption);
    assert.equal(all!.clusters, all!.afterAbsorption);
    const { ngrams, afterAbsorption } = await counts({ absorbShare: 1 }) as Record<string, number>;
    assert.ok(afterAbsorption! > Number(all!.afterAbsorption) && afterAbsorption! < ngrams!);
    assert.equal((await counts({ clustering: "agglomerative" }))!.clustering, "agglomerative");
    const own = {
      name: "all in one",
      cluster: (vectors: Float32Array, dimensions: number) =>
        Promise.resolve(new Int32Array(vectors.length / dimensions)),
    };
    const one = await counts({ clustering: own });
    assert.deepEqual([one!.clustering, one!.clusters], ["all in one", 1]);
  });
});

function sentences(...texts: string[]): Solution[] {
  return texts.map((text, p) => ({ text, promptId: String(p), succeeded: true }));
}

const CHINESE = [
  "等一下，让我们再检查一遍。",
  "等一下，让我们再检查一遍结果。",
  "等一下，我们再算。",
];

Deno.test("mine() finds character n-grams of a script without spaces", async () => {
  const lexicon = await mine(sentences(...CHINESE), {
    unit: "character",
    minWords: 3,
    keepClusters: 1,
    functional: false,
    maxShare: 1,
  });
  assert.deepEqual(lexicon.grams.map(({ text }) => text), ["我们再", "等一下"]);
  assert.equal(lexicon.provenance.matching, 2);
});

const REFUSED: [
  what: string,
  run: () => Promise<unknown>,
  name: string,
  message: string | RegExp,
][] = [
  [
    "no solution",
    () => mine([]),
    "RangeError",
    "Cannot mine as at least one solution must be left: of 0 that were read 0 did not succeed, " +
    "0 had no label and 0 were repetitions",
  ],
  [
    "failures only",
    () => mine([{ text: "No.", promptId: "a", succeeded: false }]),
    "RangeError",
    "Cannot mine as at least one solution must be left: of 1 that were read 1 did not succeed, " +
    "0 had no label and 0 were repetitions; a number as label says succeeded from minReward on, by " +
    "default 1",
  ],
  [
    "a solution without a label",
    () => mine([{ text: "Wait, let me check.", promptId: "a" }]),
    "TypeError",
    /^Cannot select solution 0 \(prompt "a"\) as succeeded must be true or false/,
  ],
  [
    "one solution",
    () => mine(sentences("Wait, let me check. Wait, let me check.")),
    "RangeError",
    /as one must occur in at least 3 prompts: none does in 1 solutions of 1 prompts/,
  ],
  [
    "one text repeated",
    () => mine(sentences(...Array(9).fill("Wait, let me check."))),
    "RangeError",
    /none does in 1 solutions of 1 prompts/,
  ],
  [
    "words of a script without spaces",
    () => mine(sentences(...CHINESE), { minWords: 3 }),
    "RangeError",
    /most letters are of a script without spaces, pass unit: "character"/,
  ],
  [
    "a corpus in which nothing guides",
    () =>
      mine(sentences(...["sum", "set", "root"].map((x) => `The ${x} of the first number.`)), {
        keepClusters: 1,
      }),
    "RangeError",
    /^Cannot make a lexicon as at least one gram must be left: the steps left ngrams \d+, .*afterFunction 0/,
  ],
  [
    "characters with prototypes of another language",
    () => mine(sentences(...CHINESE), { unit: "character" }),
    "RangeError",
    "Cannot mine characters as prototypes must be of the language that is mined: those by default are " +
    "English, pass prototypes, or functional false",
  ],
  [
    "a share of 0",
    () => mine([], { keepClusters: 0 }),
    "RangeError",
    "Cannot mine as keepClusters must be a share above 0 and at most 1: current value is 0",
  ],
  [
    "a prior of 1",
    () => mine([], { prior: 1 }),
    "RangeError",
    "Cannot mine as prior must be a share above 0 and below 1: current value is 1",
  ],
  [
    "an epsilon of 3",
    () => mine([], { epsilon: 3 }),
    "RangeError",
    "Cannot mine as epsilon must be above 0 and at most 2: current value is 3",
  ],
];

for (const [what, run, name, message] of REFUSED) {
  Deno.test(`mine() refuses ${what}`, async () => {
    await assert.rejects(run, { name, message });
  });
}

Deno.test("mine() refuses an embedder that gives vectors of another length", async () => {
  const embedder: Embedder = {
    name: "broken",
    digest: "sha256:0",
    dimensions: 4,
    embed: (texts) => Promise.resolve(new Float32Array(3 * texts.length)),
    release: () => Promise.resolve(),
  };
  await assert.rejects(mine(SOLUTIONS, { embedder }), /"broken" must give 4 numbers a text/);
});

Deno.test("mine() does not release an embedder that it was given", async () => {
  const embedder = await staticEmbedder();
  assert.equal(await bytes({ embedder }), serializeLexicon(expected));
  assert.equal((await embedder.embed(["still there"])).length, embedder.dimensions);
  await embedder.release();
});
