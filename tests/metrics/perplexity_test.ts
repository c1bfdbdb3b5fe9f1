import assert from "node:assert/strict";
import { mean, perplexity, relative } from "../../metrics/mod.ts";

Deno.test("mean() divides the rounded sum, and is null when nothing was counted", () => {
  assert.equal(mean({ sum: [3, 2 ** -60], count: 4 }), 0.75);
  assert.equal(mean({ sum: [], count: 4 }), 0);
  assert.equal(mean({ sum: [], count: 0 }), null);
  assert.equal(mean(undefined), null);
});

Deno.test("perplexity() is exp of the mean surprisal, and null when nothing was counted", () => {
  assert.equal(perplexity({ sum: [], count: 2 }), 1);
  assert.equal(perplexity({ sum: [3], count: 2 }), Math.exp(1.5));
  assert.equal(perplexity(undefined), null);
});

Deno.test("relative() divides, and is null where it cannot", () => {
  assert.equal(relative(3, 2), 1.5);
  assert.equal(relative(0, 2), 0);
  assert.equal(relative(null, 2), null);
  assert.equal(relative(3, null), null);
  assert.equal(relative(3, 0), null);
});
