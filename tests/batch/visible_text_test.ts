import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { visibleLine, visibleText } from "../../batch/internal.ts";
import { inFolder } from "../_in_folder.ts";

// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

Deno.test("visibleText() shows what steers a terminal or turns the direction of text", () => {
  assert.equal(visibleText("a\tb\nc"), "a\tb\nc");
  assert.equal(visibleText("\x00\x1b[31m\r\x7f\x9b"), "␀␛[31m␍␡\ufffd");
  assert.equal(visibleText("\u202eab\u2066\u200f\u061c"), "\\u202eab\\u2066\\u200f\\u061c");
  assert.equal(visibleText("\ud800 \udc00 \u{1f600}"), "\ufffd \ufffd \u{1f600}");
  assert.equal(visibleText("e\u0301 \u200d \u0e01\u0e33"), "e\u0301 \u200d \u0e01\u0e33");
  for (let code = 0; code < 0x10000; code++) {
    assert.doesNotMatch(visibleText(String.fromCharCode(code)), UNSAFE);
  }
});

Deno.test("visibleLine() is one line, and keeps both ends of a long one", () => {
  assert.equal(visibleLine("a\n  b\u2028c"), "a b c");
  const long = visibleLine(`Cannot read ${"x".repeat(3e6)}, pass another`);
  assert.ok(long.length < 2_100);
  assert.match(long, /^Cannot read x+ \.\.\. \(3000026 characters\) \.\.\. x+, pass another$/);
});

const EVIL = "\x1b]0;title\x07\x9b31m\u202eab\ud800";
const TOKENIZER = {
  model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] },
  decoder: { type: "ByteLevel" },
};
const json = JSON.stringify;

/** Files that hold what a terminal must not see as it stands, and what is done with them. */
const FILES: Readonly<Record<string, string>> = {
  "good.json": json(TOKENIZER),
  "good.jsonl": json({ prompt_id: "p", token_ids: [0], reward: 1 }),
  "id.jsonl": json({ prompt_id: EVIL, token_ids: "x" }),
  "value.jsonl": json({ prompt_id: "p", token_ids: [EVIL] }),
  "text.jsonl": `{${EVIL}`,
  "missing.jsonl": json({ prompt_id: EVIL }),
  "model.json": json({ ...TOKENIZER, model: { type: EVIL, vocab: {} } }),
  "decoder.json": json({ ...TOKENIZER, decoder: { type: EVIL } }),
  "twice.json": json({ ...TOKENIZER, model: { type: "BPE", vocab: { [EVIL]: 0, b: 0 } } }),
  "other.json": json({ [EVIL]: 1, model: 2 }),
  "kind.json": json([{ text: "wait", kind: EVIL }]),
  "field.json": json([{ text: "wait", [EVIL]: 1 }]),
  "transform.json": json({ transforms: [{ name: EVIL }] }),
  "key.json": json({ [EVIL]: 1 }),
};
const rollouts = (name: string): string[] => ["mask", name, "--tokenizer", "good.json"];
const tokenizer = (name: string): string[] => ["mask", "good.jsonl", "--tokenizer", name];
const FAILING: readonly (readonly string[])[] = [
  ...["id.jsonl", "value.jsonl", "text.jsonl", "missing.jsonl", `${EVIL}.jsonl`].map(rollouts),
  ...["model.json", "decoder.json", "twice.json", "other.json", `${EVIL}.json`].map(tokenizer),
  ...["kind.json", "field.json", EVIL].map((
    name,
  ) => [...rollouts("good.jsonl"), "--lexicon", name]),
  ...["transform.json", "key.json", EVIL].map((name) => [
    ...["apply", "good.jsonl", "--tokenizer", "good.json", "--step", "0", "--config", name],
  ]),
  ["apply", "good.jsonl", "--tokenizer", "good.json", "--transform", EVIL],
  ["apply", "good.jsonl", "--tokenizer", "good.json", "--signal", EVIL],
  [...rollouts("good.jsonl"), `--${EVIL}`],
  [EVIL, "--help"],
];

Deno.test("hicra lets nothing steer the terminal that stands in its input", () =>
  inFolder(async (folder) => {
    for (const [name, content] of Object.entries(FILES)) {
      await writeFile(join(folder, name), content);
    }
    const cli = json(new URL("../../cli/main.ts", import.meta.url).href);
    // One process for all, as starting it is what takes the time.
    const program = `const { main } = await import(${cli});
      for (const args of ${json(FAILING)}) {
        const code = await main(args);
        process.stderr.write("code " + code + "\\n");
      }`;
    const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
    const { stderr, stdout } = spawnSync(
      process.execPath,
      ["eval", "--config", config, "--ext=ts", program],
      { cwd: folder, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
    );
    const codes = stderr.split("\n").filter((line) => /^code \d$/.test(line));
    assert.equal(codes.length, FAILING.length, stderr);
    assert.ok(!codes.includes("code 0"), stderr);
    assert.equal(stdout, "");
    assert.doesNotMatch(stderr, UNSAFE);
    assert.ok(stderr.split("␛]0;title␇").length > 12, stderr); // it was there
  }));
