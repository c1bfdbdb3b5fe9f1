import fc from "fast-check";
import assert from "node:assert/strict";
import { jsonMembers } from "../../files/_json_members.ts";
import { OBJECT_SOURCE } from "./_json_source.ts";

Deno.test("jsonMembers() finds the text of every value", () => {
  const cases: [string, [name: string, value: string][]][] = [
    ["{}", []],
    [" { } \r", []],
    ['{"a":1}', [["a", "1"]]],
    ['{"a" : 1e400 , "b":-0.0}', [["a", "1e400"], ["b", "-0.0"]]],
    ['{"a":true ,"b":null\t}', [["a", "true"], ["b", "null"]]],
    ['{"\\u0061":1,"a":2}', [["a", "1"], ["a", "2"]]],
    ['{"":""}', [["", '""']]],
    ['{"a\\"}":"\\\\","b":"\\\\\\""}', [['a"}', '"\\\\"'], ["b", '"\\\\\\""']]],
    ['{"a":["]",{"b":"}"}],"c":{ }}', [["a", '["]",{"b":"}"}]'], ["c", "{ }"]]],
    ['{"__proto__":[]}', [["__proto__", "[]"]]],
  ];
  for (const [text, expected] of cases) {
    const found = jsonMembers(text).map(({ name, start, end }) => [name, text.slice(start, end)]);
    assert.deepEqual(found, expected, text);
  }
});

Deno.test("jsonMembers() reads what JSON.parse reads", () => {
  fc.assert(fc.property(OBJECT_SOURCE, (text) => {
    const values = jsonMembers(text)
      .map(({ name, start, end }) => [name, JSON.parse(text.slice(start, end))]);
    assert.deepEqual(Object.fromEntries(values), JSON.parse(text));
  }));
});

Deno.test("jsonMembers() takes any depth", () => {
  const depth = 100_000;
  const text = `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  assert.deepEqual(jsonMembers(text), [{ name: "a", start: 5, end: 5 + 2 * depth }]);
});
