import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { BLOCKS, replaceBlock } from "../../bench/report/readme.ts";

const MARKERS = { file: "X.md", start: "<!-- a -->", end: "<!-- /a -->" };

Deno.test("replaceBlock() replaces what stands between two markers, and nothing else", () => {
  const text = "one <!-- /a -->\n<!-- a -->\nold\n<!-- /a -->\ntwo";
  const once = replaceBlock(text, MARKERS, "new $& text");
  assert.equal(once, "one <!-- /a -->\n<!-- a -->\n\nnew $& text\n\n<!-- /a -->\ntwo");
  assert.equal(replaceBlock(once, MARKERS, "new $& text"), once);
});

Deno.test("replaceBlock() throws when a marker is missing", () => {
  for (const text of ["", "<!-- a -->", "<!-- /a --><!-- a -->"]) {
    assert.throws(
      () => replaceBlock(text, MARKERS, "new"),
      /^SyntaxError: Cannot write figures as X.md must hold the lines "<!-- a -->" and/,
    );
  }
});

for (const { file, start, end } of BLOCKS) {
  Deno.test(`updateReadmes() has filled ${file} after ${start}`, async () => {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), "utf8");
    assert.ok(text.includes(start) && text.includes(end));
    const block = text.slice(text.indexOf(start), text.indexOf(end));
    assert.match(block, /^\|(?: -+:? \|)+\n\| \S/m, "no table: run deno task bench --readme");
    assert.doesNotMatch(block, /NaN|undefined|quick run|DISAGREES|BROKEN/);
  });
}
