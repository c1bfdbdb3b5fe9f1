import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { MAX_RECORD_LENGTH, readLines } from "../../files/_read_lines.ts";
import { inFolder } from "../_in_folder.ts";

const COPY = fileURLToPath(new URL("_copy_rollouts.ts", import.meta.url));

function read(path: string, maxLength: number): Promise<string[]> {
  return Array.fromAsync(readLines(path, "a.jsonl", maxLength));
}

Deno.test("readLines() takes lines up to the bound, in characters, and no longer one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.jsonl`;
    for (const lines of [["12345"], ["éé€é\r", "", "\ud83d\ude00\ud83d\ude00"], [""]]) {
      await Deno.writeTextFile(path, lines.join("\n"));
      assert.deepEqual(await read(path, 5), lines);
    }
    for (
      const [lines, number] of [[["123456"], 1], [["", "123456", ""], 2], [
        ["1", "12345\r"],
        2,
      ]] as const
    ) {
      await Deno.writeTextFile(path, lines.join("\n"));
      await assert.rejects(read(path, 5), {
        name: "RangeError",
        message:
          `Cannot read a.jsonl line ${number} as a line must be at most 5 characters long: it has ` +
          "6 so far, write one record a line and leave out longer ones",
      });
    }
  }));

Deno.test("readLines() reads what stands before a line that is too long", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.jsonl`;
    await Deno.writeTextFile(path, "one\ntoo long\ntwo");
    const lines: string[] = [];
    await assert.rejects(async () => {
      for await (const line of readLines(path, path, 5)) lines.push(line);
    }, RangeError);
    assert.deepEqual(lines, ["one"]);
  }));

/** A line without an end; it counts the bytes that were asked for. */
function endlessLine(asked: { bytes: number }): Readable {
  const chunk = new Uint8Array(65536).fill(0x78);
  return Readable.from((function* () {
    while (true) {
      asked.bytes += chunk.length;
      yield chunk;
    }
  })());
}

for (const name of ["plain", "gzip"]) {
  Deno.test(`readRollouts() ends at a line without an end, not in want of memory: ${name}`, async () => {
    const asked = { bytes: 0 };
    const child = spawn(process.execPath, [
      "run",
      "-A",
      "--v8-flags=--max-old-space-size=256",
      COPY,
    ]);
    const source = endlessLine(asked);
    const input = name === "gzip" ? source.pipe(createGzip({ level: 1 })) : source;
    // The reader leaves before it has taken everything.
    child.stdin.on("error", () => source.destroy());
    input.pipe(child.stdin);
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    const [code] = await once(child, "close");
    source.destroy();
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /RangeError: Cannot read standard input line 1 as a line must be at most 33554432 characters/,
    );
    assert.ok(asked.bytes > MAX_RECORD_LENGTH);
  });
}
