import fc from "fast-check";
import assert from "node:assert/strict";
import { jsonMembers } from "../../files/_json_members.ts";
import { rewriteLine } from "../../files/rewrite_line.ts";
import { OBJECT_SOURCE } from "./_json_source.ts";

Deno.test("rewriteLine() replaces in place, appends what is missing, and keeps all else", () => {
  const fields = { spans: [[0, 1, 2]], advantages: Float32Array.of(0.6, -0) };
  const cases: [string, string][] = [
    ["{}", '{"spans":[[0,1,2]],"advantages":[0.6,-0.0]}'],
    [' {"a" : 1.0 } \r', ' {"a" : 1.0,"spans":[[0,1,2]],"advantages":[0.6,-0.0] } \r'],
    [
      '{ "advantages": [1, 2],"n":9007199254740993 }',
      '{ "advantages": [0.6,-0.0],"n":9007199254740993,"spans":[[0,1,2]] }',
    ],
    // The first is what some readers take, the last what others do.
    [
      '{"advantages":null,"\\u0061dvantages":[1],"spans":[]}',
      '{"advantages":[0.6,-0.0],"\\u0061dvantages":[0.6,-0.0],"spans":[[0,1,2]]}',
    ],
    [
      '{"a":{"spans":1},"b":"\\"spans\\":1"}',
      '{"a":{"spans":1},"b":"\\"spans\\":1","spans":[[0,1,2]],"advantages":[0.6,-0.0]}',
    ],
  ];
  for (const [line, expected] of cases) assert.equal(rewriteLine(line, fields), expected);
});

Deno.test("rewriteLine() leaves every other field with its bytes and its place", () => {
  fc.assert(fc.property(OBJECT_SOURCE, (line) => {
    const fields = { a: Int32Array.of(1, 2), spans: [] };
    const written = rewriteLine(line, fields);
    const others = (text: string): string[][] =>
      jsonMembers(text).filter(({ name }) => !(name in fields))
        .map(({ name, start, end }) => [name, text.slice(start, end)]);
    assert.deepEqual(others(written), others(line));
    assert.deepEqual(JSON.parse(written), { ...JSON.parse(line), a: [1, 2], spans: [] });
    assert.equal(rewriteLine(written, fields), written);
  }));
});
