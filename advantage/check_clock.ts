import { InputRangeError } from "../batch/mod.ts";
import { checkNeeds, type ScheduleClock } from "./schedule.ts";
import type { Transform } from "./transform.ts";

/**
 * Checks that the training loop gives the step and the signals that transforms read, as
 * {@linkcode applyTransforms} does with every batch. Call it to know before there is one.
 *
 * @example Usage
 * ```ts
 * import { checkClock, hicra } from "@hicra/hicra/advantage";
 * import assert from "node:assert/strict";
 *
 * const transform = hicra({ alpha: { type: "linear", from: 0, to: 0.2, steps: 100 } });
 * checkClock([transform], { step: 0 });
 * assert.throws(() => checkClock([transform], {}), /its alpha needs the training step/);
 * ```
 *
 * @param transforms The transforms.
 * @param clock What the loop gives.
 * @throws {TypeError} If the step or a signal that a transform needs is not given.
 * @throws {RangeError} If a signal that is needed is not finite, or the step is no integer from 0 on.
 */
export function checkClock(transforms: readonly Transform[], clock: ScheduleClock): void {
  const { step } = clock;
  if (step !== undefined && !(Number.isSafeInteger(step) && step >= 0)) {
    throw new InputRangeError(
      `Cannot apply transforms as step must be an integer of at least 0: current value is ${step}`,
    );
  }
  for (const { name, clock: needs = [] } of transforms) {
    checkNeeds(`apply transform "${name}"`, needs, clock);
  }
}
