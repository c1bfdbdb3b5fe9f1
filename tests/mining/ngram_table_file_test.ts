import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readNgramTable, writeNgramTable } from "../../mining/count/_ngram_table_file.ts";
import { countNgrams, type NgramTable } from "../../mining/mod.ts";
import { inFolder } from "../_in_folder.ts";

const TEXT = "Wait, let me check \u2014 that\u2019s \ud83d\ude00 odd. Wait, let me check.";
const EMPTY: NgramTable = {
  unit: "character",
  numPrompts: 1,
  numSolutions: 1,
  minPrompts: 3,
  texts: [],
  numWords: new Uint8Array(0),
  occurrences: new Uint32Array(0),
  solutions: new Uint32Array(0),
  promptOffsets: new Float64Array(1),
  promptIndices: new Uint32Array(0),
  sentenceStarts: new Uint32Array(0),
  paragraphStarts: new Uint32Array(0),
  mathSentences: new Uint32Array(0),
  followedByMath: new Uint32Array(0),
  examples: [],
};

Deno.test("readNgramTable() gives back every field of what writeNgramTable() wrote", async () => {
  await inFolder(async (folder) => {
    const solutions = Array.from({ length: 7 }, (_, i) => ({
      text: i % 2 ? TEXT : `${TEXT} ${TEXT}`,
      promptId: `${i % 4}`,
    }));
    const path = join(folder, "table");
    for (const table of [await countNgrams(solutions), EMPTY]) {
      await writeNgramTable(path, table);
      assert.deepEqual(await readNgramTable(path), table);
      assert.deepEqual(await readdir(folder), ["table"]);
    }
  });
});

Deno.test("readNgramTable() refuses a file that is damaged, cut short or another", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "table");
    await writeNgramTable(path, EMPTY);
    const bytes = await readFile(path);
    const flipped = bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte);
    for (
      const damaged of [bytes.subarray(0, -1), flipped, bytes.subarray(1), bytes.subarray(0, 9)]
    ) {
      await writeFile(path, damaged);
      await assert.rejects(readNgramTable(path), {
        name: "SyntaxError",
        message:
          `Cannot read ${JSON.stringify(path)} as it must be a table of n-grams of version 1 ` +
          `that was stored whole: current value is ${damaged.length} bytes with another digest, ` +
          `remove it`,
      });
    }
  });
});

Deno.test("writeNgramTable() says why it cannot write, and leaves the file as it was", async () => {
  await inFolder(async (folder) => {
    await writeFile(join(folder, "file"), "");
    await assert.rejects(writeNgramTable(join(folder, "file", "table"), EMPTY), {
      name: "Error",
      message: /^Cannot write ".*table" as its path must be valid: not a directory$/,
    });
    assert.deepEqual(await readdir(folder), ["file"]);
  });
});
