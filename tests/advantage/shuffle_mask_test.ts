import assert from "node:assert/strict";
import fc from "fast-check";
import { shuffledMask, type ShuffledMaskOptions, shuffleMask } from "../../advantage/mod.ts";
import { fromRows, rowsArbitrary } from "./_rows.ts";

interface Layout {
  offsets: Int32Array;
  lossMask: Uint8Array;
  segmentIds: Int32Array;
}

/** The spans of a mask as "first token of the run:kinds of the span", sorted. */
function spans(mask: Uint8Array, kinds: Uint8Array, layout: Layout): string[] {
  const { offsets, lossMask, segmentIds } = layout;
  const found: { run: number; codes: string }[] = [];
  for (let s = 0; s + 1 < offsets.length; s++) {
    let run = -1;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      const startsRun = i === offsets[s] || lossMask[i] !== lossMask[i - 1] ||
        segmentIds[i] !== segmentIds[i - 1];
      if (startsRun) run = i;
      if (mask[i] === 0) continue;
      if (startsRun || mask[i - 1] === 0) found.push({ run, codes: "" });
      found.at(-1)!.codes += kinds[i];
    }
  }
  return found.map(({ run, codes }) => `${run}:${codes}`).sort();
}

Deno.test("shuffledMask() keeps the spans of every run, with their kinds", () => {
  fc.assert(fc.property(rowsArbitrary, fc.nat(), (rows, seed) => {
    const { credit, context } = fromRows(rows);
    const { offsets, lossMask, segmentIds } = context.batch;
    const layout = { offsets, lossMask, segmentIds: segmentIds! };
    const { kinds, planningMask } = credit;
    const shuffled = shuffledMask(planningMask, { ...layout, kinds, seed, step: 0 });
    assert.deepEqual(
      spans(shuffled.planningMask, shuffled.kinds!, layout),
      spans(planningMask, kinds, layout),
    );
  }));
});

Deno.test("shuffledMask() of single tokens keeps the number of each kind in every run", () => {
  fc.assert(fc.property(rowsArbitrary, fc.nat(), (rows, seed) => {
    const { credit, context } = fromRows(rows);
    const { offsets, lossMask, segmentIds } = context.batch;
    const layout = { offsets, lossMask, segmentIds: segmentIds! };
    const codes = (mask: Uint8Array, kinds: Uint8Array) =>
      spans(mask, kinds, layout).flatMap((span) => {
        const [run, codes] = span.split(":");
        return Array.from(codes!, (code) => `${run}:${code}`);
      }).sort();
    const { kinds, planningMask } = credit;
    const shuffled = shuffledMask(planningMask, { ...layout, kinds, seed, step: 0, unit: "token" });
    assert.deepEqual(codes(shuffled.planningMask, shuffled.kinds!), codes(planningMask, kinds));
  }));
});

Deno.test("shuffledMask() leaves full, empty and untrained stretches alone", () => {
  const mask = Uint8Array.of(1, 1, 0, 0, 1, 0, 1);
  const { planningMask } = shuffledMask(mask, {
    offsets: Int32Array.of(0, 2, 4, 7),
    lossMask: Uint8Array.of(1, 1, 1, 1, 0, 0, 0),
    step: 0,
  });
  assert.deepEqual(planningMask, mask);
  assert.notEqual(planningMask, mask);
});

Deno.test("shuffledMask() handles an empty batch", () => {
  const { planningMask } = shuffledMask(new Uint8Array(), { offsets: Int32Array.of(0), step: 0 });
  assert.equal(planningMask.length, 0);
});

Deno.test("shuffledMask() gives one result for one seed, step and content, wherever it stands", () => {
  const row = Uint8Array.of(1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const other = row.slice().reverse();
  const alone = (seed: number, step: number | "fixed") =>
    shuffledMask(row, { offsets: Int32Array.of(0, 20), seed, step }).planningMask.join("");
  const together = shuffledMask(Uint8Array.of(...other, ...row), {
    offsets: Int32Array.of(0, 20, 40),
    seed: 4,
    step: 2,
  }).planningMask;
  assert.equal(together.subarray(20).join(""), alone(4, 2));
  assert.equal(alone(4, 2), alone(4, 2));
  assert.notEqual(alone(4, 2), alone(5, 2));
  assert.notEqual(alone(4, 2), alone(4, 3));
  assert.equal(alone(4, "fixed"), alone(4, "fixed"));
  assert.notEqual(alone(4, "fixed"), alone(5, "fixed"));
});

for (const unit of ["span", "token"] as const) {
  Deno.test(`shuffledMask() by ${unit} draws every arrangement equally often`, () => {
    // Two spans of 2 and 1 in 5 places, apart: 2 orders * C(3, 2) = 6. Three ones in 5: C(5, 3) = 10.
    const expected = unit === "span" ? 6 : 10;
    const draws = 6000;
    const counts: Record<string, number> = {};
    for (let seed = 0; seed < draws; seed++) {
      const { planningMask } = shuffledMask(Uint8Array.of(1, 1, 0, 1, 0), {
        offsets: Int32Array.of(0, 5),
        seed,
        step: "fixed",
        unit,
      });
      counts[planningMask.join("")] = (counts[planningMask.join("")] ?? 0) + 1;
    }
    assert.equal(Object.keys(counts).length, expected);
    const mean = draws / expected;
    // Seeds are fixed; five standard deviations of a count.
    for (const count of Object.values(counts)) {
      assert.ok(Math.abs(count - mean) < 5 * Math.sqrt(mean), `${count} of ${mean}`);
    }
  });
}

Deno.test("shuffledMask() tells sequences with equal masks apart by their token ids", () => {
  const mask = Uint8Array.from({ length: 80 }, (_, i) => i % 40 === 0 ? 1 : 0);
  const { planningMask } = shuffledMask(mask, {
    offsets: Int32Array.of(0, 40, 80),
    tokenIds: Int32Array.from({ length: 80 }, (_, i) => i),
    step: 0,
  });
  assert.notDeepEqual(planningMask.subarray(0, 40), planningMask.subarray(40));
});

Deno.test("shuffledMask() refuses arrays of another length", () => {
  const offsets = Int32Array.of(0, 1);
  assert.throws(
    () => shuffledMask(Uint8Array.of(1), { offsets, step: 0, kinds: new Uint8Array(2) }),
    /Cannot shuffle a mask as kinds must hold 1 values: current length is 2/,
  );
  assert.throws(() => shuffledMask(Uint8Array.of(1, 0), { offsets, step: 0 }), /last offset/);
});

Deno.test("shuffledMask() has no step of its own", () => {
  const options = { offsets: Int32Array.of(0, 1) } as ShuffledMaskOptions;
  assert.throws(() => shuffledMask(Uint8Array.of(1), options), {
    name: "TypeError",
    message:
      'Cannot shuffle a mask as step must be the training step, or "fixed" for one mask at ' +
      "every step: current value is undefined",
  });
});

Deno.test("shuffleMask() moves kinds with the mask, and draws anew at each step", () => {
  const { credit, context } = fromRows([{
    groupId: 0,
    tokens: Array.from({ length: 50 }, (_, i) => ({
      id: i,
      advantage: 1,
      loss: 1,
      segment: 0,
      kind: i < 3 ? i + 1 : 0,
      entropy: 0,
      logprob: 0,
    })),
  }]);
  const at = (step: number) => shuffleMask({ seed: 1 }).apply(credit, { ...context, step });
  const { planningMask, kinds } = at(0);
  assert.match(kinds!.join(""), /^0*1230*$/);
  assert.deepEqual(planningMask, kinds!.map((kind) => Math.min(kind, 1)));
  assert.notDeepEqual(at(0), at(1));
  const fixed = shuffleMask({ seed: 1, step: "fixed" });
  assert.deepEqual(fixed.clock, []);
  assert.deepEqual(
    fixed.apply(credit, { batch: context.batch }),
    fixed.apply(credit, { ...context, step: 1 }),
  );
});
