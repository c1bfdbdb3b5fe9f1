import { InputRangeError } from "../../batch/mod.ts";
import { seededRandom } from "../seeded_random.ts";

/** An estimate with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How a bootstrap draws. */
export interface BootstrapOptions {
  /** Seed of the draws, a whole number from 0. */
  readonly seed: number;
  /** Number of draws. @default {2000} */
  readonly resamples?: number;
}

/**
 * Percentile bootstrap over units that are drawn whole, such as traces: a draw is the number of times
 * that each unit is in it. Equal units, seed and resamples give equal draws, so that intervals of
 * several lexicons are of the same draws.
 *
 * @param numUnits Number of units.
 * @param statistic Computes the figures from how often each unit counts (all once for the value).
 * Figures that are NaN in a draw, as nothing was matched there, are left out of its interval.
 * @param options Seed and number of draws.
 * @returns The figures with their intervals: percentiles 2.5 and 97.5, linearly interpolated.
 * @throws {RangeError} If there is no unit, or the seed or number of draws is out of range.
 */
export function bootstrap<Name extends string>(
  numUnits: number,
  statistic: (counts: Int32Array) => Readonly<Record<Name, number>>,
  { seed, resamples = 2_000 }: BootstrapOptions,
): Record<Name, Interval> {
  if (!Number.isSafeInteger(numUnits) || numUnits < 1) {
    throw new InputRangeError(
      `Cannot bootstrap as there must be at least one unit: current value is ${numUnits}`,
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InputRangeError(
      `Cannot bootstrap as seed must be a whole number from 0: current value is ${seed}`,
    );
  }
  if (!Number.isSafeInteger(resamples) || resamples < 1) {
    throw new InputRangeError(
      `Cannot bootstrap as resamples must be a whole number from 1: current value is ${resamples}`,
    );
  }
  const values = statistic(new Int32Array(numUnits).fill(1));
  const names = Object.keys(values) as Name[];
  const drawn = names.map(() => new Float64Array(resamples));
  const random = seededRandom(seed);
  const counts = new Int32Array(numUnits);
  for (let r = 0; r < resamples; r++) {
    counts.fill(0);
    for (let u = 0; u < numUnits; u++) counts[Math.floor(random() * numUnits)]!++;
    const figures = statistic(counts);
    for (const [n, name] of names.entries()) drawn[n]![r] = figures[name];
  }
  return Object.fromEntries(names.map((name, n) => {
    const sorted = drawn[n]!.filter((figure) => !Number.isNaN(figure)).sort();
    return [name, {
      value: values[name],
      low: quantile(sorted, 0.025),
      high: quantile(sorted, 0.975),
    }];
  })) as Record<Name, Interval>;
}

/**
 * Returns a quantile of sorted values, linearly interpolated between the two nearest (type 7, as NumPy
 * does by default).
 *
 * @param sorted Values in ascending order.
 * @param share The quantile, from 0 to 1.
 * @returns The quantile; NaN of no values.
 */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return NaN;
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}
