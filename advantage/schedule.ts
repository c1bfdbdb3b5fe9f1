import { InputRangeError } from "../batch/mod.ts";

/** A straight line from one value to another over training steps, flat before and after. */
export interface LinearSchedule {
  /** Says that this is a linear schedule. */
  readonly type: "linear";
  /** Value up to step `start`. */
  readonly from: number;
  /** Value from step `start + steps` on. */
  readonly to: number;
  /** Number of steps from one to the other, at least 1. */
  readonly steps: number;
  /** Step at which the value begins to move; 0 by default. */
  readonly start?: number;
}

/**
 * One value while a metric of the training loop is on one side of a threshold, another otherwise.
 *
 * The gate looks only at the current value of the signal and keeps no memory. For a gate that stays
 * open once it has opened, report the running maximum (or minimum) as the signal: then the memory is
 * in the loop, where a checkpoint can save it.
 */
export interface GatedSchedule {
  /** Says that this is a gated schedule. */
  readonly type: "gated";
  /** Name of the signal, a key of {@linkcode ScheduleClock.signals}. */
  readonly signal: string;
  /** Value that the signal is compared with; a signal equal to it leaves the gate closed. */
  readonly threshold: number;
  /** Side of the threshold on which the gate is open. */
  readonly when: "above" | "below";
  /** Value, or schedule of the value, while the gate is open. */
  readonly open: number | LinearSchedule;
  /** Value while the gate is closed; 0 by default. */
  readonly closed?: number;
}

/** A number that may change over training: a constant, a line, or a gate on a metric. Plain JSON. */
export type Schedule = number | LinearSchedule | GatedSchedule;

/** What a schedule depends on. A {@linkcode TransformContext} is one. */
export interface ScheduleClock {
  /** Training step, from 0. */
  readonly step: number;
  /** Values the loop reports, by name. */
  readonly signals: Readonly<Record<string, number>>;
}

/**
 * Returns the value of a schedule at a training step.
 *
 * Constant: `value`. Linear: `from + (to - from) * clamp((step - start) / steps, 0, 1)`. Gated:
 * `open` where `signal > threshold` (or `<`), else `closed`.
 *
 * @example Usage
 * ```ts
 * import { scheduleValue } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const warmUp = { type: "linear", from: 0, to: 0.2, start: 10, steps: 100 } as const;
 * assert.equal(scheduleValue(warmUp, { step: 60, signals: {} }), 0.1);
 *
 * const gated = {
 *   type: "gated",
 *   signal: "pass_rate",
 *   threshold: 0.1,
 *   when: "above",
 *   open: 0.2,
 * } as const;
 * assert.equal(scheduleValue(gated, { step: 0, signals: { pass_rate: 0.05 } }), 0);
 * assert.equal(scheduleValue(gated, { step: 0, signals: { pass_rate: 0.3 } }), 0.2);
 * ```
 *
 * @param schedule The schedule.
 * @param clock The training step and the signals of the loop.
 * @returns The value at that step.
 * @throws {RangeError} If the signal of a gate is missing or not finite.
 */
export function scheduleValue(schedule: Schedule, clock: ScheduleClock): number {
  if (typeof schedule === "number") return schedule;
  if (schedule.type === "linear") {
    const { from, to, steps, start = 0 } = schedule;
    const progress = (clock.step - start) / steps;
    // The ends are returned as given: from + (to - from) may differ from `to` in the last bit.
    if (progress <= 0) return from;
    if (progress >= 1) return to;
    return from + (to - from) * progress;
  }
  const { signal, threshold, when, open, closed = 0 } = schedule;
  const value = Object.hasOwn(clock.signals, signal) ? clock.signals[signal] : undefined;
  if (value === undefined || !Number.isFinite(value)) {
    const known = Object.keys(clock.signals).join(", ") || "none";
    throw new InputRangeError(
      `Cannot evaluate a schedule as signal "${signal}" must be a finite number: current value is ` +
        `${value}; the loop reports ${known}`,
    );
  }
  const isOpen = when === "above" ? value > threshold : value < threshold;
  return isOpen ? scheduleValue(open, clock) : closed;
}

/**
 * Lists the extreme values that a schedule can take, to check its range before training starts.
 *
 * @param schedule The schedule.
 * @returns Its constants and end points.
 */
export function scheduleExtremes(schedule: Schedule): number[] {
  if (typeof schedule === "number") return [schedule];
  if (schedule.type === "linear") return [schedule.from, schedule.to];
  return [...scheduleExtremes(schedule.open), schedule.closed ?? 0];
}
