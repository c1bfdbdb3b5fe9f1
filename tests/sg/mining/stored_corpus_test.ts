import assert from "node:assert/strict";
import { access, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { readShard, writeCorpus } from "../../../sg/mining/_corpus_shards.ts";
import { openCorpus, storeCorpus } from "../../../sg/mining/mod.ts";
import { inFolder } from "../../_in_folder.ts";

const SOLUTIONS = [
  { text: "Wait, is that right?", promptId: "p" },
  { text: "line one\nline \u2028 two \ud800 half", promptId: "q" },
  { text: "", promptId: "p" },
];

Deno.test("storeCorpus() gives back what it was given, with its prompts numbered", async () => {
  await inFolder(async (folder) => {
    const stored = await storeCorpus(SOLUTIONS, join(folder, "new"));
    const opened = (await openCorpus(join(folder, "new")))!;
    for (const corpus of [stored, opened]) {
      assert.deepEqual([corpus.numSolutions, corpus.numPrompts], [3, 2]);
      assert.equal(corpus.numCharacters, SOLUTIONS[0]!.text.length + SOLUTIONS[1]!.text.length);
      assert.equal(corpus.shards.length, 1);
      const read = await Array.fromAsync(corpus.solutions());
      assert.deepEqual(read, SOLUTIONS.map((s, i) => ({ ...s, prompt: [0, 1, 0][i] })));
      assert.deepEqual(await Array.fromAsync(corpus.solutions(0)), read);
    }
    assert.equal(opened.digest, stored.digest);
  });
});

Deno.test("storeCorpus() stores any corpus in shards of any size, with one digest", async () => {
  const text = fc.string({ unit: "binary", maxLength: 30 });
  const solution = fc.record({
    text,
    promptId: fc.oneof(
      fc.constantFrom("a", "b", "c".repeat(60), "c".repeat(61), "\ud800".repeat(60)),
      text,
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(solution, { maxLength: 12 }), async (solutions) => {
      await inFolder(async (folder) => {
        const numbers = new Map(
          [...new Set(solutions.map((s) => s.promptId))].map((p, i) => [p, i]),
        );
        const digests = new Set<string>();
        for (const shardCharacters of [1, 40, 1 << 20]) {
          await writeCorpus(solutions, folder, { shardCharacters });
          const corpus = (await openCorpus(folder))!;
          digests.add(corpus.digest);
          assert.equal(corpus.numPrompts, numbers.size);
          assert.deepEqual(
            await Array.fromAsync(corpus.solutions()),
            solutions.map((s) => ({ ...s, prompt: numbers.get(s.promptId)! })),
          );
          // Nothing of the corpus before is left.
          assert.equal((await readdir(folder)).length, corpus.shards.length + 1);
        }
        assert.equal(digests.size, 1);
      });
    }),
    { numRuns: 40 },
  );
});

Deno.test("storeCorpus() gives another digest for other prompts, texts or orders", async () => {
  await inFolder(async (folder) => {
    const [a, b, c] = SOLUTIONS as [typeof SOLUTIONS[0], typeof SOLUTIONS[0], typeof SOLUTIONS[0]];
    const corpora = [[a, b, c], [b, a, c], [a, b], [a, { ...b, promptId: "r" }, c], [a, {
      ...b,
      text: b.text.replace("\ud800", "\ufffd"),
    }, c]];
    const digests = new Set<string>();
    for (const corpus of corpora) digests.add((await storeCorpus(corpus, folder)).digest);
    assert.equal(digests.size, corpora.length);
  });
});

Deno.test("storeCorpus() leaves nothing when it is aborted or its input fails", async () => {
  await inFolder(async (folder) => {
    await writeCorpus(SOLUTIONS, folder, { shardCharacters: 1 });
    const controller = new AbortController();
    async function* failing(): AsyncGenerator<typeof SOLUTIONS[0]> {
      yield* SOLUTIONS;
      await Promise.resolve();
      throw new SyntaxError("no more");
    }
    await assert.rejects(writeCorpus(failing(), folder, { shardCharacters: 1 }), /no more/);
    assert.deepEqual(await readdir(folder), []);
    await writeCorpus(SOLUTIONS, folder, { shardCharacters: 1 });
    const aborted = writeCorpus(SOLUTIONS, folder, {
      shardCharacters: 1,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(aborted, { name: "AbortError" });
    assert.deepEqual(await readdir(folder), []);
    assert.equal(await openCorpus(folder), undefined);
  });
});

const hasFullDevice = await access("/dev/full").then(() => true, () => false);

Deno.test({
  name: "storeCorpus() says why it cannot write, and leaves no manifest",
  ignore: process.platform === "win32",
  fn: async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "file");
      await writeFile(file, "");
      await assert.rejects(storeCorpus(SOLUTIONS, file), {
        name: "Error",
        message: /^Cannot store a corpus as the folder ".*file" must take all its files: E?EXIST/i,
      });
      if (!hasFullDevice) return;
      for (const name of ["shard-00000.jsonl", "corpus.json.partial"]) {
        const full = join(folder, "full");
        await mkdir(full);
        await storeCorpus(SOLUTIONS, full);
        await rm(join(full, name), { force: true });
        await symlink("/dev/full", join(full, name));
        await assert.rejects(
          storeCorpus(SOLUTIONS, full),
          /^Error: Cannot store a corpus as the folder .* must take all its files: ENOSPC/,
        );
        assert.deepEqual(await readdir(full), []);
        await rm(full, { recursive: true });
      }
    });
  },
});

Deno.test("openCorpus() says what is damaged", async () => {
  await inFolder(async (folder) => {
    assert.equal(await openCorpus(folder), undefined);
    const corpus = await storeCorpus(SOLUTIONS, folder);
    const manifest = join(folder, "corpus.json");
    const shard = join(folder, "shard-00000.jsonl");
    const json = await readFile(manifest, "utf8");
    const bytes = await readFile(shard);

    const manifests: [string, RegExp][] = [
      [json.slice(0, 50), /^Cannot open ".*corpus.json" as it must be the manifest .*: .*, store/],
      [
        json.replace('"version": 1', '"version": 2'),
        /manifest of a stored corpus: version: Invalid/,
      ],
      [
        json.replace('"solutions": 3', '"solutions": 4'),
        /corpus: its shards have other sums, store/,
      ],
      [json.replace("shard-00000", "../shard-00000"), /shards: 0: file: Invalid/],
    ];
    for (const [damaged, message] of manifests) {
      await writeFile(manifest, damaged);
      await assert.rejects(openCorpus(folder), { name: "SyntaxError", message });
    }
    await writeFile(manifest, json);

    await writeFile(shard, bytes.subarray(0, -1));
    const short = new RegExp(
      `^Cannot read ".*shard-00000.jsonl" as it must be the shard that was stored, ${bytes.length} ` +
        `bytes with CRC-32 \\d+: current value is ${
          bytes.length - 1
        } bytes, store the corpus again$`,
    );
    await assert.rejects(openCorpus(folder), { name: "SyntaxError", message: short });
    bytes[10]! ^= 1;
    await writeFile(shard, bytes);
    const opened = (await openCorpus(folder))!;
    const wrong = {
      name: "SyntaxError",
      message: /bytes with CRC-32 \d+, store the corpus again$/,
    };
    await assert.rejects(Array.fromAsync(opened.solutions()), wrong);
    await rm(shard);
    await assert.rejects(openCorpus(folder), {
      name: "SyntaxError",
      message: /ENOENT|No such file/,
    });
    await assert.rejects(readShard(folder, corpus.shards[0]!), /ENOENT|No such file/);
    await assert.rejects(
      Array.fromAsync(corpus.solutions(1)),
      /^RangeError: Cannot read a shard as its number must be below 1: current value is 1$/,
    );
  });
});
