import { InputRangeError, InputTypeError } from "../batch/mod.ts";

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
  /** Training step, from 0. A linear schedule needs it, also behind a closed gate. */
  readonly step?: number;
  /** Values the loop reports, by name. A gated schedule needs its own. */
  readonly signals?: Readonly<Record<string, number>>;
}

/** What an option of a transform reads of the {@linkcode ScheduleClock}. */
export interface ClockNeed {
  /** The option, as error messages name it, such as `"alpha"`. */
  readonly option: string;
  /** Whether it reads the training step. */
  readonly step?: boolean;
  /** Name of the signal that it reads. */
  readonly signal?: string;
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
 * assert.equal(scheduleValue(warmUp, { step: 60 }), 0.1);
 *
 * const gated = {
 *   type: "gated",
 *   signal: "pass_rate",
 *   threshold: 0.1,
 *   when: "above",
 *   open: 0.2,
 * } as const;
 * assert.equal(scheduleValue(gated, { signals: { pass_rate: 0.05 } }), 0);
 * assert.equal(scheduleValue(gated, { signals: { pass_rate: 0.3 } }), 0.2);
 * ```
 *
 * @param schedule The schedule.
 * @param clock The training step and the signals of the loop, as far as the schedule needs them.
 * @returns The value at that step.
 * @throws {TypeError} If the step or the signal that the schedule needs is not given.
 * @throws {RangeError} If the signal of a gate is not finite.
 */
export function scheduleValue(schedule: Schedule, clock: ScheduleClock): number {
  checkNeeds("evaluate a schedule", scheduleNeeds("value", schedule), clock);
  return valueAt(schedule, clock);
}

function valueAt(schedule: Schedule, clock: ScheduleClock): number {
  if (typeof schedule === "number") return schedule;
  if (schedule.type === "linear") {
    const { from, to, steps, start = 0 } = schedule;
    const progress = (clock.step! - start) / steps;
    // The ends are returned as given: from + (to - from) may differ from `to` in the last bit.
    if (progress <= 0) return from;
    if (progress >= 1) return to;
    return from + (to - from) * progress;
  }
  const { signal, threshold, when, open, closed = 0 } = schedule;
  const value = clock.signals![signal]!;
  const isOpen = when === "above" ? value > threshold : value < threshold;
  return isOpen ? valueAt(open, clock) : closed;
}

/**
 * Lists what a schedule reads, for {@linkcode Transform.clock} of a transform of one's own.
 *
 * @example Usage
 * ```ts
 * import { scheduleNeeds } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const warmUp = { type: "linear", from: 0, to: 0.2, steps: 100 } as const;
 * assert.deepEqual(scheduleNeeds("alpha", warmUp), [{ option: "alpha", step: true }]);
 * assert.deepEqual(scheduleNeeds("alpha", 0.2), []);
 * ```
 *
 * @param option The option that holds the schedule, as error messages name it.
 * @param schedule The schedule.
 * @returns At most one need: the step, a signal, or both.
 */
export function scheduleNeeds(option: string, schedule: Schedule): ClockNeed[] {
  if (typeof schedule === "number") return [];
  if (schedule.type === "linear") return [{ option, step: true }];
  const { signal, open } = schedule;
  return [{ option, signal, ...(typeof open !== "number" && { step: true }) }];
}

/**
 * Refuses a clock that lacks what is read of it.
 *
 * @param action What cannot be done otherwise, such as `apply transform "hicra"`.
 */
export function checkNeeds(
  action: string,
  needs: readonly ClockNeed[],
  { step, signals = {} }: ScheduleClock,
): void {
  for (const { option, step: needsStep = false, signal } of needs) {
    if (needsStep && step === undefined) {
      throw new InputTypeError(
        `Cannot ${action} as its ${option} needs the training step: current value is undefined, give ` +
          `it with the batch, hook(batch, { step }), in Python step=, on the command line --step`,
      );
    }
    if (signal === undefined) continue;
    const value = Object.hasOwn(signals, signal) ? signals[signal] : undefined;
    if (Number.isFinite(value)) continue;
    const known = Object.keys(signals).join(", ") || "none";
    const message =
      `Cannot ${action} as its ${option} needs signal "${signal}", a finite number: current value is ` +
      `${value}, the loop reports ${known}; give it with the batch, hook(batch, { signals }), in ` +
      `Python signals=, on the command line --signal`;
    throw value === undefined ? new InputTypeError(message) : new InputRangeError(message);
  }
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
