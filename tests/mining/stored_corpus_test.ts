import assert from "node:assert/strict";
import {
  access,
  copyFile,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { readShard, writeCorpus } from "../../mining/corpus/_corpus_shards.ts";
import { openCorpus, storeCorpus } from "../../mining/mod.ts";
import { inFolder } from "../_in_folder.ts";
import { fullTest } from "../_scope.ts";

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

fullTest("storeCorpus() stores any corpus in shards of any size, with one digest", async () => {
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
    { numRuns: 15 },
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
        message:
          /^Cannot store a corpus as the folder ".*file" must take all its files: file already/,
      });
      if (!hasFullDevice) return;
      const full = join(folder, "full");
      const shard = join(full, "shard-00000.jsonl");
      await storeCorpus(SOLUTIONS, full);
      await rm(shard);
      await symlink("/dev/full", shard);
      await assert.rejects(storeCorpus(SOLUTIONS, full), {
        name: "Error",
        message: `Cannot write ${JSON.stringify(shard)} as all of it must be taken: ` +
          "no space left on device",
      });
      assert.deepEqual(await readdir(full), []);
    });
  },
});

Deno.test("storeCorpus() touches no file of others, whatever it is named", async () => {
  await inFolder(async (folder) => {
    const [shard, manifest] = [join(folder, "shard-00007.jsonl"), join(folder, "corpus.json")];
    await writeFile(shard, "precious");
    await assert.rejects(storeCorpus(SOLUTIONS, folder), {
      name: "RangeError",
      message:
        `Cannot store a corpus as the folder ${JSON.stringify(folder)} must hold no file that is ` +
        "named as a shard and is none: current file is shard-00007.jsonl, name another folder",
    });
    await writeFile(manifest, "{}");
    await assert.rejects(storeCorpus(SOLUTIONS, folder), {
      name: "SyntaxError",
      message:
        `Cannot read ${JSON.stringify(manifest)} as it must be a file of format hicra-corpus, ` +
        `version 2, as it was kept: it is of another format, remove ${JSON.stringify(folder)} ` +
        "and store the corpus again",
    });
    assert.deepEqual((await readdir(folder)).sort(), ["corpus.json", "shard-00007.jsonl"]);
    assert.equal(await readFile(shard, "utf8"), "precious");
    await rm(manifest);
    await rm(shard);
    // One that came later stands beside the corpus.
    await storeCorpus(SOLUTIONS, folder);
    await writeFile(shard, "precious");
    await assert.rejects(storeCorpus(SOLUTIONS, folder), /current file is shard-00007.jsonl/);
    assert.equal((await openCorpus(folder))!.numSolutions, 3);
    assert.equal(await readFile(shard, "utf8"), "precious");
  });
});

Deno.test("storeCorpus() takes over from a process that was killed", async () => {
  await inFolder(async (folder) => {
    async function* killed(): AsyncGenerator<typeof SOLUTIONS[0]> {
      yield* SOLUTIONS;
      for (const name of await readdir(folder)) {
        await copyFile(join(folder, name), join(folder, `${name}.copy`));
      }
      throw new Error("killed");
    }
    await assert.rejects(writeCorpus(killed(), folder, { shardCharacters: 1 }), /killed/);
    // What lay there when it was killed, before it could clean up.
    for (const name of await readdir(folder)) {
      await rename(join(folder, name), join(folder, name.replace(".copy", "")));
    }
    assert.ok((await readdir(folder)).includes("shard-00001.jsonl"));
    assert.equal(await openCorpus(folder), undefined);
    await storeCorpus(SOLUTIONS, folder);
    assert.deepEqual((await readdir(folder)).sort(), ["corpus.json", "shard-00000.jsonl"]);
    assert.equal((await openCorpus(folder))!.numSolutions, 3);
  });
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
      [
        json.slice(0, 50),
        /^Cannot read ".*corpus.json" as it must be .*: .*JSON.*, remove ".*" and/,
      ],
      [json.replace('"version":2', '"version":1'), /as it was kept: its version is 1, remove/],
      [json.replace('"prompts":2', '"prompts":1'), /its content has another digest, remove/],
      [json.replace("content", "contend"), /its content has another digest, remove/],
      ["null", /it is of another format, remove/],
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
        } bytes, remove ".*" and store the corpus again$`,
    );
    await assert.rejects(openCorpus(folder), { name: "SyntaxError", message: short });
    bytes[10]! ^= 1;
    await writeFile(shard, bytes);
    const opened = (await openCorpus(folder))!;
    const wrong = {
      name: "SyntaxError",
      message: /bytes with CRC-32 \d+, remove ".*" and store the corpus again$/,
    };
    await assert.rejects(Array.fromAsync(opened.solutions()), wrong);
    await rm(shard);
    await assert.rejects(openCorpus(folder), {
      name: "SyntaxError",
      message: /current value is no such file or directory, remove/,
    });
    await assert.rejects(
      readShard(folder, corpus.shards[0]!),
      /is no such file or directory, remove/,
    );
    await assert.rejects(
      Array.fromAsync(corpus.solutions(1)),
      /^RangeError: Cannot read a shard as its number must be below 1: current value is 1$/,
    );
  });
});
