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
  [
    "an unknown kind",
    text({ kinds: { doubt: ["a", "b"] } }),
    "TypeError",
    /as field "kinds.doubt" is not known: known fields are deduction, branching, backtracking, other$/,
  ],
  [
    "a single phrase",
    text({ execution: ["a"] }),
    "RangeError",
    /as execution must hold at least 2/,
  ],
  [
    "an empty phrase",
    text({ execution: ["a", " "] }),
    "RangeError",
    /execution\[1\] must not be empty/,
  ],
  ["no kind", text({ kinds: {} }), "RangeError", /as kinds must hold at least one kind/],
  [
    "another version",
    text({ version: 2 }),
    "RangeError",
    /as version must be 1: current value is 2$/,
  ],
  ["an unknown field", text({ notes: 1 }), "TypeError", /as field "notes" is not known/],
];

function text(change: object): string {
  return JSON.stringify({ ...GOOD, ...change });
}

for (const [what, content, name, message] of REFUSED) {
  Deno.test(`parsePrototypes() refuses ${what}`, () => {
    assert.throws(() => parsePrototypes(content, "a.json"), { name, message });
  });
}
