import { InputRangeError } from "../batch/mod.ts";

/** What {@linkcode fastestBackend} measured. */
export interface BackendChoice<Name extends string> {
  /** The backend with the least median. */
  readonly fastest: Name;
  /** Median milliseconds of every backend. */
  readonly medianMs: Readonly<Record<Name, number>>;
}

/**
 * Measures which backend is the fastest for a job, on the job itself: a GPU pays for its transfers, so it
 * depends on sizes and machine. All take turns (A B C A B C ...), after a round that does not count.
 *
 * The choice stays the caller's, and no backend that fails is passed over: its error is thrown.
 *
 * @example Usage
 * ```ts
 * import { fastestBackend } from "@hicra/hicra/kernels";
 * import assert from "node:assert/strict";
 *
 * const values = new Float32Array(1000);
 * const { fastest, medianMs } = await fastestBackend({
 *   sort: () => values.toSorted(),
 *   copy: () => values.slice(),
 * });
 * assert.equal(fastest, medianMs.sort < medianMs.copy ? "sort" : "copy");
 * ```
 *
 * @param backends The same job on each backend, by name.
 * @param options `rounds`: how often each runs; 5 by default.
 * @returns The fastest, and the figures of all.
 * @throws {RangeError} If there is no backend, or rounds is not a positive integer.
 */
export async function fastestBackend<Name extends string>(
  backends: Readonly<Record<Name, () => unknown>>,
  { rounds = 5 }: { readonly rounds?: number } = {},
): Promise<BackendChoice<Name>> {
  const names = Object.keys(backends) as Name[];
  if (names.length === 0) {
    throw new InputRangeError(
      "Cannot measure backends as there must be at least one: current number is 0",
    );
  }
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new InputRangeError(
      `Cannot measure backends as rounds must be a positive integer: current value is ${rounds}`,
    );
  }
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      await backends[name]();
      if (round >= 0) samples.get(name)!.push(performance.now() - start);
    }
  }
  const medians = names.map((name) => [name, median(samples.get(name)!)] as const);
  const [fastest] = medians.reduce((best, next) => next[1] < best[1] ? next : best);
  return { fastest, medianMs: Object.fromEntries(medians) as Record<Name, number> };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
