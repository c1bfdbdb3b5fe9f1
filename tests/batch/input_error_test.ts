import {
  InputRangeError,
  InputSyntaxError,
  InputTypeError,
  isInputError,
} from "@hicra/hicra/batch";
import assert from "node:assert/strict";

const KINDS = [
  [InputRangeError, RangeError, "out_of_range"],
  [InputTypeError, TypeError, "wrong_type"],
  [InputSyntaxError, SyntaxError, "bad_syntax"],
] as const;

for (const [Kind, Native, code] of KINDS) {
  Deno.test(`${Kind.name} is a ${Native.name} with a code and a cause`, () => {
    const cause = new Error("why");
    const error = new Kind("Cannot x as y: z", { cause });
    assert.ok(error instanceof Native);
    assert.equal(error.name, Native.name);
    assert.equal(error.code, code);
    assert.equal(error.cause, cause);
    assert.equal(error.option, undefined);
    const { code: other, option } = new Kind("", { code: "nothing_left", option: "minWords" });
    assert.deepEqual([other, option], ["nothing_left", "minWords"]);
    assert.ok(isInputError(error));
  });
}

Deno.test("isInputError() knows errors of the runtime apart, whatever they say", () => {
  assert.ok(!isInputError(new TypeError("Cannot read properties of undefined (reading 'x')")));
  assert.ok(!isInputError(new RangeError("Invalid typed array length: -1")));
  assert.ok(!isInputError("Cannot x as y"));
});
