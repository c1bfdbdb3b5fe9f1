/**
 * Where `epsilon` guards a divisor: `std + epsilon` ("add"), `max(std, epsilon)` ("floor") or
 * `sqrt(std^2 + epsilon)` ("variance").
 */
export type EpsilonPlace = "add" | "floor" | "variance";

/** The values of {@linkcode EpsilonPlace}, for option schemas. */
export const EPSILON_PLACES = ["add", "floor", "variance"] as const satisfies EpsilonPlace[];

/**
 * What to divide by. A spread of exactly 0 divides nothing: every value stands on its center, and
 * the hosts then get 0 / epsilon = 0, or leave the value alone (NeMo-RL).
 */
export function guardedDivisor(spread: number, epsilon: number, place: EpsilonPlace): number {
  if (spread === 0) return 1;
  if (place === "add") return spread + epsilon;
  if (place === "floor") return Math.max(spread, epsilon);
  return Math.sqrt(spread * spread + epsilon);
}

/** Arithmetic mean; equal f32 values give exactly that value, as their sum is exact in f64. */
export function meanOf(values: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Standard deviation, `sqrt(sum (v - mean)^2 / (n - ddof))`; 0 where `n <= ddof`. */
export function stdOf(values: readonly number[], ddof: number): number {
  if (values.length <= ddof) return 0;
  const mean = meanOf(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return Math.sqrt(squares / (values.length - ddof));
}
