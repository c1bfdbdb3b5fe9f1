import { significant, times } from "./format.ts";
import { median, type Spread, timeRatio } from "./spread.ts";
import type { Table } from "./table.ts";

/** One of those that do the same work. */
export interface Contestant {
  readonly name: string;
  /** From what to what, in a few words. */
  readonly what: string;
  /** Does the work once; what it returns must be the same in every round. */
  readonly run: () => number | Promise<Lap>;
}

/** One run of a contestant that times itself, in another process. */
export interface Lap {
  readonly ms: number;
  readonly result: number;
}

/** What is compared, beside whom, and that results agree. */
export interface Suite {
  readonly name: string;
  /** On what, and how to read the times. */
  readonly note: string;
  /** Tokens that go through each contestant. */
  readonly tokens: number;
  /** The first one is ours, or what the others are measured in. */
  readonly contestants: readonly Contestant[];
  /**
   * Compares results.
   *
   * @param found What each contestant returned, by name; without those that could not run.
   * @returns What agrees, in a few words.
   * @throws {Error} If results do not agree.
   */
  readonly check: (found: ReadonlyMap<string, number>) => string;
}

/** What was measured of a suite, as plain JSON. */
export interface SuiteFigures extends Pick<Suite, "name" | "note" | "tokens"> {
  readonly agrees: string;
  readonly rounds: number;
  readonly rows: readonly SuiteRow[];
  /** Names of those that could not run, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** One contestant. */
export interface SuiteRow extends Pick<Contestant, "name" | "what"> {
  readonly samplesMs: readonly number[];
  /** Its time over that of the first contestant in the same round. */
  readonly timesFirst: Spread;
}

/** Thrown by a contestant that cannot run here, such as one of a package that is not installed. */
export class SkippedError extends Error {
  /** Always `"SkippedError"`. */
  override readonly name: "SkippedError" = "SkippedError";
}

/**
 * Times the contestants in turns (A B C A B C ...), so that what else the machine does falls on all
 * of them alike. One round before the first counts for nothing.
 *
 * @param suite The suite.
 * @param rounds Rounds that count.
 * @returns The times.
 * @throws {Error} If results do not agree, or are not the same in every round.
 */
export async function runSuite(suite: Suite, rounds: number): Promise<SuiteFigures> {
  const { name, note, tokens, contestants, check } = suite;
  const found = new Map<string, number>();
  const samples = new Map<string, number[]>();
  const skipped: Record<string, string> = {};
  for (let round = -1; round < rounds; round++) {
    for (const contestant of contestants) {
      if (contestant.name in skipped) continue;
      try {
        const { ms, result } = await lapOf(contestant);
        const first = found.get(contestant.name) ?? result;
        if (!Object.is(result, first)) {
          throw new Error(`Cannot time ${contestant.name} as it must do the same in every round`);
        }
        found.set(contestant.name, first);
        if (round >= 0) samples.getOrInsert(contestant.name, []).push(ms);
      } catch (error) {
        if (!(error instanceof SkippedError)) throw error;
        skipped[contestant.name] = error.message;
      }
    }
  }
  const first = samples.get(contestants[0]!.name)!;
  const rows = contestants.flatMap(({ name, what }) => {
    const samplesMs = samples.get(name);
    return samplesMs ? [{ name, what, samplesMs, timesFirst: timeRatio(samplesMs, first) }] : [];
  });
  return { name, note, tokens, agrees: check(found), rounds, rows, skipped };
}

async function lapOf({ run }: Contestant): Promise<Lap> {
  const start = performance.now();
  const result = run();
  const ms = performance.now() - start;
  return typeof result === "number" ? { ms, result } : await result;
}

/** The table of a suite. */
export function suiteTable(
  { name, note, tokens, agrees, rounds, rows, skipped }: SuiteFigures,
): Table {
  const left = Object.entries(skipped).map(([name, reason]) => ` Left out: ${name} (${reason}).`);
  return {
    title: name,
    note: `${note} ${agrees}. Medians of ${rounds} rounds in turns; in brackets the range.${
      left.join("")
    }`,
    columns: ["", "does", "ms", "M tokens/s", `time over ${rows[0]!.name}`],
    words: [1],
    rows: rows.map(({ name, what, samplesMs, timesFirst }, r) => {
      const ms = median(samplesMs);
      return [
        name,
        what,
        significant(ms),
        significant(tokens / ms / 1000),
        r === 0 ? "1" : times(timesFirst),
      ];
    }),
  };
}
