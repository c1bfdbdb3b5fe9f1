import assert from "node:assert/strict";
import { defaultPrototypes, parsePrototypes } from "../../mining/judge/prototypes.ts";

const GOOD = {
  format: "hicra-prototypes",
  version: 1,
  kinds: { other: ["first of all", "to begin with"] },
  execution: ["is equal to", "the sum of"],
};

Deno.test("parsePrototypes() reads a file", () => {
  assert.deepEqual(parsePrototypes(JSON.stringify(GOOD), "a.json"), {
    kinds: GOOD.kinds,
    execution: GOOD.execution,
  });
});

Deno.test("defaultPrototypes() are a file of their own format", () => {
  const { kinds, execution } = defaultPrototypes();
  const read = parsePrototypes(JSON.stringify({ ...GOOD, kinds, execution }), "default");
  assert.deepEqual(read, { kinds, execution });
  assert.deepEqual(Object.keys(kinds), ["deduction", "branching", "backtracking", "other"]);
});

const REFUSED: [string, string, string, RegExp][] = [
  ["no JSON", "{", "SyntaxError", /^Cannot read prototypes of "a.json" as they must be JSON: /],
  ["an unknown kind", text({ kinds: { doubt: ["a", "b"] } }), "TypeError", /as kinds.* is wrong/],
  ["a single phrase", text({ execution: ["a"] }), "TypeError", /as execution is wrong/],
  ["an empty phrase", text({ execution: ["a", " "] }), "TypeError", /as execution.1 is wrong/],
  ["no kind", text({ kinds: {} }), "TypeError", /as kinds is wrong: must hold at least one kind/],
  ["another version", text({ version: 2 }), "TypeError", /as version is wrong/],
  ["an unknown field", text({ notes: 1 }), "TypeError", /as the file is wrong.*notes/],
];

function text(change: object): string {
  return JSON.stringify({ ...GOOD, ...change });
}

for (const [what, content, name, message] of REFUSED) {
  Deno.test(`parsePrototypes() refuses ${what}`, () => {
    assert.throws(() => parsePrototypes(content, "a.json"), { name, message });
  });
}
