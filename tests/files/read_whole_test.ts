import assert from "node:assert/strict";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGzip, gzipSync } from "node:zlib";
import { Buffer } from "node:buffer";
import { loadLexicon } from "../../files/load_lexicon.ts";
import { loadTokenizer } from "../../files/load_tokenizer.ts";
import { readWhole } from "../../files/read_whole.ts";
import { inFolder } from "../_in_folder.ts";

/** Spaces that unpack to so many bytes. */
async function bomb(megabytes: number): Promise<Uint8Array> {
  const gzip = createGzip();
  const chunk = Buffer.alloc(2 ** 20, " ");
  const packed: Uint8Array[] = [];
  gzip.on("data", (bytes: Uint8Array) => packed.push(bytes));
  for (let i = 0; i < megabytes; i++) {
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  await new Promise((resolve) => gzip.end(resolve));
  return Buffer.concat(packed);
}

const READERS = [
  { kind: "tokenizer", bound: 256, read: loadTokenizer },
  { kind: "lexicon", bound: 64, read: loadLexicon },
] as const;

Deno.test("readWhole() takes no more of a file than its kind may hold, packed or not", async () => {
  await inFolder(async (folder) => {
    const packed = join(folder, "packed.json.gz");
    await writeFile(packed, await bomb(257));
    const plain = join(folder, "plain.json");
    await writeFile(plain, "{}");
    await truncate(plain, 2 ** 33); // a hole, which takes no room on the disk
    for (const { kind, bound, read } of READERS) {
      const rule = `as a file of this kind, ${kind}, must hold at most ${bound * 2 ** 20} bytes`;
      for (const [path, found] of [[packed, "unpacks to more"], [plain, "holds 8589934592"]]) {
        await assert.rejects(read(path!), (error: Error) => {
          assert.equal(error.name, "RangeError");
          assert.ok(
            error.message.startsWith(`Cannot read ${JSON.stringify(path)} ${rule}: it ${found}, `),
            error.message,
          );
          return true;
        });
      }
    }
  });
});

Deno.test("readWhole() reads what tells no size up to the bound", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await assert.rejects(readWhole("/dev/zero", "settings"), {
    name: "RangeError",
    message:
      /^Cannot read "\/dev\/zero" as a file of this kind, settings, must hold at most 16777216/,
  });
});

Deno.test("readWhole() knows gzip by its bytes and says where it is damaged", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "name");
    const packed = gzipSync("grams");
    await writeFile(path, packed);
    assert.equal(new TextDecoder().decode(await readWhole(path, "lexicon")), "grams");
    await writeFile(path, packed.subarray(0, -4));
    await assert.rejects(readWhole(path, "lexicon"), {
      name: "SyntaxError",
      message: /^Cannot read ".*name" as its gzip data must be whole: /,
    });
  });
});
