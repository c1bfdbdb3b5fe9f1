import assert from "node:assert/strict";
import { mathematicsLogRatio } from "../../mining/judge/mathematics_log_ratio.ts";

Deno.test("mathematicsLogRatio() compares with the share of all phrases", () => {
  // Three phrases, 60 of 120 occurrences with mathematics, so p is 0.5.
  const ratios = mathematicsLogRatio(Uint32Array.of(40, 40, 40), Uint32Array.of(20, 39, 1));
  assert.equal(ratios[0], 0);
  const expected = Math.log(40 / 21) - Math.log(2 / 21);
  assert.ok(Math.abs(ratios[1]! - expected) < 1e-12);
  assert.ok(Math.abs(ratios[2]! + expected) < 1e-12);
});

Deno.test("mathematicsLogRatio() says nothing where no or every sentence holds mathematics", () => {
  const occurrences = Uint32Array.of(1, 1000);
  assert.deepEqual(mathematicsLogRatio(occurrences, Uint32Array.of(0, 0)), Float64Array.of(0, 0));
  assert.deepEqual(mathematicsLogRatio(occurrences, occurrences), Float64Array.of(0, 0));
});

Deno.test("mathematicsLogRatio() keeps rare phrases near 0", () => {
  const [rare, common] = mathematicsLogRatio(
    Uint32Array.of(1, 1000, 1001),
    Uint32Array.of(0, 0, 1001),
  );
  assert.ok(rare! > common! && rare! < 0);
});

Deno.test("mathematicsLogRatio() takes no phrase", () => {
  assert.equal(mathematicsLogRatio(new Uint32Array(0), new Uint32Array(0)).length, 0);
});
