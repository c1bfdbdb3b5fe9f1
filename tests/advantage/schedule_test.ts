import assert from "node:assert/strict";
import { type Schedule, scheduleNeeds, scheduleValue } from "../../advantage/mod.ts";

const LINE = { type: "linear", from: 0.1, to: 0.3, steps: 10, start: 5 } as const;
const GATE = {
  type: "gated",
  signal: "pass_rate",
  threshold: 0.5,
  when: "above",
  open: 0.2,
  closed: 0.05,
} as const;

const TABLE: [string, Schedule, number, Record<string, number>, number][] = [
  ["constant", 0.2, 1000, {}, 0.2],
  ["linear before its start", LINE, 0, {}, 0.1],
  ["linear at its start", LINE, 5, {}, 0.1],
  ["linear half way", LINE, 10, {}, 0.2],
  ["linear at its end, exactly", LINE, 15, {}, 0.3],
  ["linear after its end", LINE, 10_000, {}, 0.3],
  ["linear downwards", { ...LINE, from: 1, to: 0 }, 10, {}, 0.5],
  ["linear without a start", { type: "linear", from: 0, to: 1, steps: 4 }, 1, {}, 0.25],
  ["gated, closed", GATE, 0, { pass_rate: 0.4 }, 0.05],
  ["gated, at the threshold", GATE, 0, { pass_rate: 0.5 }, 0.05],
  ["gated, open", GATE, 0, { pass_rate: 0.6 }, 0.2],
  ["gated from below", { ...GATE, when: "below" }, 0, { pass_rate: 0.4 }, 0.2],
  ["gated, open on a line", { ...GATE, open: LINE }, 10, { pass_rate: 1 }, 0.2],
];

for (const [name, schedule, step, signals, expected] of TABLE) {
  Deno.test(`scheduleValue() is right when ${name}`, () => {
    // One rounding of a product and of a sum in f64.
    assert.ok(Math.abs(scheduleValue(schedule, { step, signals }) - expected) < 1e-15);
  });
}

Deno.test("scheduleValue() is 0 behind a closed gate that names no value", () => {
  const { closed: _, ...gate } = GATE;
  assert.equal(scheduleValue(gate, { signals: { pass_rate: 0 } }), 0);
});

Deno.test("scheduleValue() refuses a signal that is missing or not finite", () => {
  assert.throws(() => scheduleValue(GATE, { signals: { kl: 1, reward: 2 } }), {
    name: "TypeError",
    code: "wrong_type",
    message: 'Cannot evaluate a schedule as its value needs signal "pass_rate", a finite number: ' +
      "current value is undefined, the loop reports kl, reward; give it with the batch, " +
      "hook(batch, { signals }), in Python signals=, on the command line --signal",
  });
  assert.throws(() => scheduleValue(GATE, { signals: { pass_rate: NaN } }), {
    name: "RangeError",
    message: /is NaN, the loop reports pass_rate;/,
  });
  const inherited = { ...GATE, signal: "toString" };
  assert.throws(() => scheduleValue(inherited, { step: 0, signals: {} }), /reports none/);
  assert.throws(() => scheduleValue(GATE, {}), /reports none/);
});

Deno.test("scheduleValue() needs the step for a line, also behind a closed gate", () => {
  const gate = { ...GATE, open: LINE };
  for (
    const [schedule, clock] of [
      [LINE, {}],
      [gate, { signals: { pass_rate: 1 } }],
      [gate, { signals: { pass_rate: 0 } }],
    ] as const
  ) {
    assert.throws(() => scheduleValue(schedule, clock), {
      name: "TypeError",
      message:
        "Cannot evaluate a schedule as its value needs the training step: current value is " +
        "undefined, give it with the batch, hook(batch, { step }), in Python step=, on the command " +
        "line --step",
    });
  }
  assert.equal(scheduleValue(0.2, {}), 0.2);
  assert.equal(scheduleValue(GATE, { signals: { pass_rate: 1 } }), 0.2);
});

Deno.test("scheduleNeeds() lists the step, the signal, or both", () => {
  assert.deepEqual(scheduleNeeds("alpha", 0.2), []);
  assert.deepEqual(scheduleNeeds("alpha", LINE), [{ option: "alpha", step: true }]);
  assert.deepEqual(scheduleNeeds("beta", GATE), [{ option: "beta", signal: "pass_rate" }]);
  assert.deepEqual(scheduleNeeds("beta", { ...GATE, open: LINE }), [
    { option: "beta", signal: "pass_rate", step: true },
  ]);
});
