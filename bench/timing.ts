/** Times of one thing, over the repetitions. */
export interface Timing {
  /** Milliseconds, median. */
  readonly medianMs: number;
  /** Milliseconds of each repetition, in order. */
  readonly samplesMs: readonly number[];
  /** What it returned, the same in every round. */
  readonly result: number;
}

/** A median with the smallest and the largest value. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Times several things in turns (A B C A B C ...), so that what else the machine does falls on all of
 * them alike. One round before the first counts for nothing.
 *
 * @param cases What to run, by name; each returns a number that depends on its work, so that none of it
 * can be left out as unused.
 * @param repetitions Number of rounds.
 * @returns The times, by name.
 * @throws {Error} If a case returns another number than in its first round.
 */
export function timeInTurns<Name extends string>(
  cases: Readonly<Record<Name, () => number>>,
  repetitions: number,
): Record<Name, Timing> {
  const names = Object.keys(cases) as Name[];
  const samples = names.map(() => [] as number[]);
  const results: number[] = [];
  for (let round = -1; round < repetitions; round++) {
    for (const [n, name] of names.entries()) {
      const start = performance.now();
      const result = cases[name]();
      const elapsed = performance.now() - start;
      results[n] ??= result;
      if (result !== results[n]) {
        throw new Error(`Cannot time ${name} as it must do the same in every round`);
      }
      if (round >= 0) samples[n]!.push(elapsed);
    }
  }
  const entries = names.map((name, n) => {
    const timing = {
      medianMs: median(samples[n]!),
      samplesMs: samples[n]!,
      result: results[n]!,
    };
    return [name, timing] as const;
  });
  return Object.fromEntries(entries) as unknown as Record<Name, Timing>;
}

/**
 * Returns how many times as long `a` takes as `b`, round by round.
 *
 * @param a Times of one thing.
 * @param b Times of the other, of the same rounds.
 * @param scale Work in a round of `b` over work in a round of `a`.
 * @returns Median, smallest and largest ratio.
 */
export function timeRatio(
  a: Pick<Timing, "samplesMs">,
  b: Pick<Timing, "samplesMs">,
  scale: number = 1,
): Spread {
  const ratios = a.samplesMs.map((ms, round) => scale * ms / b.samplesMs[round]!);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
