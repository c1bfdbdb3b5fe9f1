import { type Spread, timeRatio } from "../timing.ts";
import { type Contestant, takeTurns } from "./take_turns.ts";

/** Where a contestant comes from; a floor is what no method can be faster than. */
export type Side = "ours" | "npm" | "Python" | "floor";

/** What takes part in a comparison. */
export interface Entry {
  readonly name: string;
  readonly side: Side;
  /** From what to what, in a few words. */
  readonly what: string;
  readonly contestant: Contestant;
  /** What a reader should know of its result: how many, how exact. */
  readonly finds?: (result: number) => string;
}

/** One row of a comparison. */
export interface ComparisonRow extends Omit<Entry, "contestant" | "finds"> {
  readonly samplesMs: readonly number[];
  /** Its time over ours in the same round; null where ours did not run. */
  readonly timesOurs: Spread | null;
  readonly finds: string | null;
}

/** What was compared, on what. */
export interface ComparisonSubject {
  readonly task: "matcher" | "windows" | "transform" | "logits";
  /** The input, in words: which bytes. */
  readonly input: string;
  readonly items: number;
  readonly unit: string;
  /** Bytes that any method must read and write. */
  readonly bytes: number;
  readonly threads: number;
}

/** Contestants on the same input. */
export interface Comparison extends ComparisonSubject {
  readonly rows: readonly ComparisonRow[];
  /** Names of those that could not run, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** Pause before each lap where there are threads. */
const PAUSE_MS = 20;

/**
 * Lets contestants take turns and sets their times beside ours, the first entry of side `ours`.
 *
 * @param subject What is compared.
 * @param entries The contestants.
 * @param rounds Rounds that count.
 * @returns A row for each that could run, in order.
 */
export async function compare(
  subject: ComparisonSubject,
  entries: readonly Entry[],
  rounds: number,
): Promise<Comparison> {
  const keyOf = ({ name, what }: Entry): string => `${name} (${what})`;
  const { turns, skipped } = await takeTurns(
    Object.fromEntries(entries.map((entry) => [keyOf(entry), entry.contestant])),
    rounds,
    // The pools of both sides spin on the same cores for a while after their work.
    { pauseMs: subject.threads > 1 ? PAUSE_MS : 0 },
  );
  const first = entries.find(({ side }) => side === "ours");
  const ours = first && turns[keyOf(first)];
  const rows = entries.flatMap((entry): ComparisonRow[] => {
    const own = turns[keyOf(entry)];
    if (own === undefined) return [];
    const { contestant: _, finds, ...rest } = entry;
    return [{
      ...rest,
      samplesMs: own.samplesMs,
      timesOurs: ours === undefined ? null : timeRatio(own, ours),
      finds: finds?.(own.result) ?? null,
    }];
  });
  return { ...subject, rows, skipped };
}
