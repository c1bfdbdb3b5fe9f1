/** Programs of the command line that a signal ends while they write, with standard input still open. */
import assert from "node:assert/strict";
import { mkdir, readdir, watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isTemporaryFile } from "../../files/internal.ts";
import { Child } from "../_child.ts";
import { inFolder } from "../_in_folder.ts";

const CLI = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const TOKENIZER = {
  model: { type: "BPE", vocab: { a: 0 }, merges: [] },
  "pre_tokenizer": { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  decoder: { type: "ByteLevel" },
};

const CASES: [command: string, option: string, name: string, signal: NodeJS.Signals][] = [
  ["mask", "--out", "out.jsonl", "SIGINT"],
  ["mask", "--out", "out.jsonl.gz", "SIGTERM"],
  ["inspect", "--html", "out.html", "SIGINT"],
  ["inspect", "--html", "out.html", "SIGTERM"],
];

for (const [command, option, name, signal] of CASES) {
  Deno.test({
    name: `hicra ${command} ${option} ${name} leaves nothing when ${signal} ends it`,
    ignore: process.platform === "win32",
    fn: async () => {
      await inFolder(async (folder) => {
        const tokenizer = join(folder, "tokenizer.json");
        const out = join(folder, "out");
        await writeFile(tokenizer, JSON.stringify(TOKENIZER));
        await mkdir(out);
        const changes = watch(out);
        const child = new Child([
          ...[CLI, command, "-", "--tokenizer", tokenizer, option, join(out, name)],
        ]);
        child.give('{"prompt_id": "p", "token_ids": [0]}\n');
        for await (const { filename } of changes) if (isTemporaryFile(filename!)) break;
        child.signal(signal);
        assert.deepEqual(await child.ended(), { code: null, signal });
        assert.deepEqual(await readdir(out), []);
        assert.equal(child.stderr, "");
      });
    },
  });
}
