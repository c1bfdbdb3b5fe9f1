import { fullTest } from "../_scope.ts";
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { InputSyntaxError } from "../../batch/mod.ts";
import { readSolutions } from "../../files/mod.ts";
import { writeCorpus } from "../../mining/corpus/_corpus_shards.ts";
import { countCorpus } from "../../mining/count/_count_corpus.ts";
import type { CountCorpusOptions } from "../../mining/count/_count_options.ts";
import { countNgrams, openCorpus, type StoredCorpus } from "../../mining/mod.ts";
import { plainNgrams } from "./_plain_ngrams.ts";

interface Text {
  readonly text: string;
  readonly promptId: string;
}

const DEFAULTS: CountCorpusOptions = {
  unit: "word",
  minWords: 3,
  maxWords: 5,
  minPrompts: 3,
  memoryBytes: 2 ** 26,
};

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "hicra-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withCorpus<T>(
  solutions: readonly Text[],
  shardCharacters: number,
  use: (corpus: StoredCorpus) => Promise<T>,
): Promise<T> {
  return await inFolder(async (folder) => {
    await writeCorpus(solutions, folder, { shardCharacters });
    return await use((await openCorpus(folder))!);
  });
}

async function rollouts(names: readonly string[]): Promise<Text[]> {
  const folder = fileURLToPath(new URL("../testdata/rollouts/", import.meta.url));
  return await Array.fromAsync(readSolutions(names.map((name) => `${folder}${name}.jsonl.gz`)));
}

/** Chinese with some Latin, as no rollout is shipped that has much of it. */
function chinese(): Text[] {
  const parts = [
    "让我们",
    "看看",
    "这个问题",
    "，",
    "。",
    "wait",
    " ",
    "e\u0301",
    "我们需要",
    "检查",
    "$x$",
  ];
  let state = 1;
  return Array.from({ length: 60 }, (_, i) => {
    const text = Array.from({ length: 40 }, () => {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      return parts[(state >>> 8) % parts.length]!;
    }).join("");
    return { text, promptId: `p${i % 23}` };
  });
}

fullTest(
  "countNgrams() equals a plain count on rollouts, with any memory",
  async () => {
    const all = await rollouts(["r1_distill_1p5b_math", "qwen_math", "llama3b_rlvr_step400"]);
    const solutions = all.filter((_, i) => i % 4 === 0);
    const expected = await plainNgrams(solutions);
    assert.ok(expected.texts.length > 500);
    await withCorpus(solutions, 50_000, async (corpus) => {
      assert.ok(corpus.shards.length > 5);
      for (const memoryBytes of [2 ** 30, 2 ** 22, 2 ** 20]) {
        const progress: [string, number][] = [];
        const table = await countNgrams(corpus, {
          memoryBytes,
          onProgress: ({ stage, solutions }) => progress.push([stage, solutions]),
        });
        assert.deepEqual(table, expected);
        for (const stage of ["filter", "count"]) {
          assert.ok(progress.some(([s, n]) => s === stage && n === solutions.length));
        }
      }
    });
    assert.deepEqual(await countNgrams(solutions), expected);
  },
);

Deno.test("countNgrams() equals a plain count of letters of scripts without spaces", async () => {
  const solutions = [...chinese(), ...(await rollouts(["qwen_math"])).slice(0, 20)];
  const options = { unit: "character", minWords: 2, maxWords: 4, minPrompts: 2 } as const;
  const expected = await plainNgrams(solutions, options);
  assert.ok(expected.texts.length > 30);
  await withCorpus(solutions, 700, async (corpus) => {
    assert.deepEqual(await countNgrams(corpus, options), expected);
  });
});

const WORDS = "wait let me check so we see if it is I don't a the sum $x$ x . \n\n , -".split(" ");
const solution = fc.record({
  text: fc.array(fc.constantFrom(...WORDS), { maxLength: 120 }).map((words) => words.join(" ")),
  promptId: fc.constantFrom("p", "q", "r", "s"),
});

Deno.test("countCorpus() equals a plain count on any texts, in many ranges, on collisions", async () => {
  let passes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(solution, { minLength: 1, maxLength: 25 }),
      fc.record({
        minWords: fc.integer({ min: 1, max: 3 }),
        minPrompts: fc.integer({ min: 1, max: 3 }),
        memoryBytes: fc.constantFrom(2 ** 12, 2 ** 15, 2 ** 26),
        hashMask: fc.constantFrom(~0, 0x7f, 1, 0),
      }),
      async (solutions, options) => {
        const expected = await plainNgrams(solutions, options);
        await withCorpus(solutions, 300, async (corpus) => {
          const counted = await countCorpus(corpus, { ...DEFAULTS, ...options });
          assert.deepEqual(counted.table, expected);
          passes = Math.max(passes, counted.countPasses);
        });
      },
    ),
    { numRuns: 100 },
  );
  assert.ok(passes > 1, `only ${passes} passes`);
});

fullTest(
  "countCorpus() equals a plain count of rollouts in several passes, on collisions",
  async () => {
    const all = await rollouts(["qwen_math", "gsm8k_gpt3"]);
    const solutions = all.filter((_, i) => i % 3 === 0);
    for (const hashMask of [~0, 0xff]) {
      for (const minPrompts of [2, 4]) {
        const expected = await plainNgrams(solutions, { minPrompts });
        await withCorpus(solutions, 20_000, async (corpus) => {
          const options = { ...DEFAULTS, minPrompts, hashMask, memoryBytes: 2 ** 18 };
          const { table, countPasses } = await countCorpus(corpus, options);
          assert.ok(countPasses > 1, `${countPasses} passes`);
          assert.deepEqual(table, expected);
        });
      }
    }
  },
);

Deno.test("countCorpus() counts each of more runs than there are tags", async () => {
  const text = "wait let me";
  const solutions = [
    { text, promptId: "first" },
    ...Array.from({ length: 70_000 }, (_, i) => ({ text: "", promptId: `p${i}` })),
    { text, promptId: "last" },
  ];
  await withCorpus(solutions, 1 << 20, async (corpus) => {
    const { table } = await countCorpus(corpus, { ...DEFAULTS, minPrompts: 2 });
    assert.deepEqual(table.texts, [text]);
    assert.deepEqual([...table.promptIndices], [0, 70_001]);
  });
});

fullTest("countNgrams() removes its files when aborted", async () => {
  const solutions = await rollouts(["r1_distill_1p5b_math"]);
  await inFolder(async (scratchFolder) => {
    for (const stage of ["store", "filter", "count", "examples"]) {
      const controller = new AbortController();
      const counting = countNgrams(repeat(solutions, 2), {
        scratchFolder,
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.stage === stage) controller.abort(new Error(`stopped in ${stage}`));
        },
      });
      await assert.rejects(counting, { message: `stopped in ${stage}` });
      assert.deepEqual(await readdir(scratchFolder), []);
    }
  });
});

function* repeat(solutions: readonly Text[], times: number): Generator<Text> {
  for (let i = 0; i < times; i++) {
    for (const { text, promptId } of solutions) yield { text, promptId: `${promptId} ${i}` };
  }
}

Deno.test("countNgrams() heeds a signal and timers in the middle of a shard", async () => {
  const solutions = await rollouts(["r1_distill_1p5b_math", "qwen_math"]);
  await withCorpus([...repeat(solutions, 3)], 1 << 30, async (corpus) => {
    assert.equal(corpus.shards.length, 1);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const options = { signal: controller.signal, onProgress: () => assert.fail() };
    await assert.rejects(countNgrams(corpus, options), { name: "AbortError" });
  });
});

Deno.test("countNgrams() says which shard is damaged", async () => {
  const solutions = await rollouts(["qwen_math"]);
  await withCorpus(solutions, 20_000, async (corpus) => {
    const path = join(corpus.folder, corpus.shards[1]!.file);
    const bytes = await readFile(path);
    bytes[100]! ^= 1;
    await writeFile(path, bytes);
    await assert.rejects(countNgrams(corpus), (error: Error) => {
      assert.ok(error instanceof InputSyntaxError);
      assert.match(
        error.message,
        /^Cannot read ".*shard-00001.jsonl" as it must be the shard that was stored/,
      );
      return true;
    });
  });
});

Deno.test("countNgrams() says that the scratch folder does not take a corpus", async () => {
  await inFolder(async (folder) => {
    const scratchFolder = join(folder, "missing");
    const counting = countNgrams([{ text: "wait", promptId: "p" }], { scratchFolder });
    await assert.rejects(
      counting,
      /^Error: Cannot store a corpus as .*missing.* must .*no such file/,
    );
  });
});
