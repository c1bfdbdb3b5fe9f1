/** docs/frameworks/pitfalls.md against the tests that carry its numbers. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);

Deno.test("every pitfall has a test of its number, and every number is a pitfall", () => {
  const page = readFileSync(new URL("docs/frameworks/pitfalls.md", root), "utf8");
  const listed = Array.from(page.matchAll(/^(\d+)\. \*\*/gm), ([, number]) => Number(number));
  assert.deepEqual(listed, Array.from({ length: 23 }, (_, i) => i + 1));
  const folder = new URL("hooks/python/tests/", root);
  const tested = new Set<number>();
  for (const name of readdirSync(folder).filter((file) => /^test_\w+\.py$/.test(file))) {
    const source = readFileSync(new URL(name, folder), "utf8");
    for (const [, number] of source.matchAll(/def test_pitfall_(\d+)_\w/g)) {
      assert.ok(listed.includes(Number(number)), `${name} tests pitfall ${number}`);
      tested.add(Number(number));
    }
  }
  assert.deepEqual(listed.filter((number) => !tested.has(number)), []);
});
