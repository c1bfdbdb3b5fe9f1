import { InputRangeError } from "../../batch/mod.ts";
import type { Interval } from "./bootstrap.ts";

/** The 97.5 % point of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * Share of successes with its 95 % Wilson score interval (Wilson 1927), which stays inside [0, 1] and
 * is meaningful at 0 and `trials`:
 * `(p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n)`.
 *
 * @param successes Number of successes.
 * @param trials Number of trials; with none the value is NaN and the interval all of [0, 1].
 * @returns The share and its interval.
 * @throws {RangeError} If the successes are not from 0 to the trials.
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (!(successes >= 0 && successes <= trials)) {
    throw new InputRangeError(
      `Cannot compute a Wilson interval as successes must be from 0 to ${trials}: ` +
        `current value is ${successes}`,
    );
  }
  if (trials === 0) return { value: NaN, low: 0, high: 1 };
  const share = successes / trials;
  const weight = Z * Z / trials;
  const center = share + weight / 2;
  const half = Math.sqrt(weight * (share * (1 - share) + weight / 4));
  // At the ends the exact limits are 0 and 1; rounding would leave them beside.
  return {
    value: share,
    low: successes === 0 ? 0 : (center - half) / (1 + weight),
    high: successes === trials ? 1 : (center + half) / (1 + weight),
  };
}
