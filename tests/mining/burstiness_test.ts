import assert from "node:assert/strict";
import fc from "fast-check";
import { burstiness } from "../../mining/judge/burstiness.ts";

function ratio(occurrences: number, solutions: number, numSolutions: number): number {
  const [value] = burstiness(
    Uint32Array.of(occurrences),
    Uint32Array.of(solutions),
    numSolutions,
  );
  return value!;
}

Deno.test("burstiness() is 1 where occurrences are spread as by chance", () => {
  // A Poisson process of rate 1 leaves a share of exp(-1) of the solutions without the phrase.
  const solutions = Math.round(1e6 * (1 - Math.exp(-1)));
  assert.ok(Math.abs(ratio(1e6, solutions, 1e6) - 1) < 1e-5); // the rounding of the solutions
});

Deno.test("burstiness() is about the occurrences per solution of a rare phrase", () => {
  assert.ok(Math.abs(ratio(800, 100, 1e6) - 8) < 1e-3); // -log(1 - q) / q is 1 + q / 2
});

Deno.test("burstiness() is finite where every solution holds the phrase", () => {
  // -log(0.05) is 2.9957, q is 0.95.
  assert.ok(Math.abs(ratio(10, 10, 10) - 0.95 / 2.995732) < 1e-6);
});

Deno.test("burstiness() grows with the occurrences", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 1000 }),
      fc.integer({ min: 1, max: 100 }),
      (solutions, more, extra) => {
        const numSolutions = solutions + more;
        assert.ok(
          ratio(solutions + extra, solutions, numSolutions) >
            ratio(solutions, solutions, numSolutions),
        );
      },
    ),
  );
});
