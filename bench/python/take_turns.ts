import { setTimeout } from "node:timers/promises";
import { median, type Timing } from "../timing.ts";
import { CaseSkippedError, type PeerAnswer } from "./peer_process.ts";
import type { Sides } from "./sides.ts";

/** One run of a contestant. */
export interface Lap {
  readonly ms: number;
  /** A number that must be the same in every round. */
  readonly result: number;
  /** Milliseconds of what was prepared before; known of the first run only. */
  readonly setupMs?: number | undefined;
}

/** Runs once, times itself, and throws if its result is wrong. */
export type Contestant = () => Promise<Lap>;

/** Milliseconds that each contestant runs before the first round. */
export const WARM_UP_MS = 100;

/** What {@linkcode takeTurns} measured of one contestant. */
export interface Turns extends Timing {
  /** Milliseconds to prepare; undefined where nothing was. */
  readonly setupMs: number | undefined;
}

/**
 * A contestant that runs here. JavaScript is compiled while it runs, so the first lap comes after two more that
 * are not timed.
 *
 * @param run What to run; returns a number that depends on its work.
 * @param setupMs What was prepared for it, in milliseconds.
 */
export function here(run: () => number | Promise<number>, setupMs?: number): Contestant {
  let isWarm = false;
  return async () => {
    for (let lap = 0; !isWarm && lap < 2; lap++) await run();
    isWarm = true;
    const start = performance.now();
    const returned = run();
    const result = typeof returned === "number" ? returned : await returned;
    return { ms: performance.now() - start, result, setupMs };
  };
}

/** Where a contestant runs in Python. */
export interface PythonPlace {
  readonly sides: Pick<Sides, "run">;
  readonly threads: number;
  /** Folder of the cases. */
  readonly folder: string;
}

/**
 * A contestant that runs in Python, which times itself.
 *
 * @param place The processes, the threads, the folder.
 * @param name The case.
 * @param check Throws if the answer is wrong.
 */
export function inPython(
  { sides, threads, folder }: PythonPlace,
  name: string,
  check: (answer: PeerAnswer) => void = () => {},
): Contestant {
  return async () => {
    const answer = await sides.run(threads, folder, name);
    check(answer);
    const { nanoseconds, setupNanoseconds: setup, result } = answer;
    return { ms: nanoseconds / 1e6, result, setupMs: setup === null ? undefined : setup / 1e6 };
  };
}

/**
 * Returns a check that a case found what it must.
 *
 * @param name The case, for the message.
 * @param expected The number.
 * @returns The check; it throws an `Error`.
 */
export function mustFind(name: string, expected: number): (answer: PeerAnswer) => void {
  return ({ result }) => {
    if (result !== expected) {
      throw new Error(
        `Cannot compare with "${name}" as it must find ${expected}: current value is ${result}`,
      );
    }
  };
}

/**
 * Times contestants on both sides in turns (A B C A B C ...), as `timeInTurns` does on one. Before that
 * each runs again and again for {@linkcode WARM_UP_MS}, which does not count.
 *
 * @param contestants By name. One that is skipped in the first round is left out of the others.
 * @param rounds Number of rounds that count.
 * @param options `warmUpMs`: how long each runs before. `pauseMs`: a pause before each lap, in which threads
 * that the one before left spinning fall asleep.
 * @returns The times, and why contestants were skipped.
 * @throws {Error} If a contestant returns another number than in its first round.
 */
export async function takeTurns(
  contestants: Readonly<Record<string, Contestant>>,
  rounds: number,
  { warmUpMs = WARM_UP_MS, pauseMs = 0 }: {
    readonly warmUpMs?: number;
    readonly pauseMs?: number;
  } = {},
): Promise<{
  readonly turns: Readonly<Record<string, Turns>>;
  readonly skipped: Readonly<Record<string, string>>;
}> {
  const samples: Record<string, number[]> = {};
  const first: Record<string, Lap> = {};
  const skipped: Record<string, string> = {};
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      if (name in skipped) continue;
      if (pauseMs > 0) await setTimeout(pauseMs);
      const start = performance.now();
      let lap: Lap;
      try {
        lap = await run();
        first[name] ??= lap;
        while (round < 0 && performance.now() - start < warmUpMs) await run();
      } catch (error) {
        if (!(error instanceof CaseSkippedError) || round >= 0) throw error;
        skipped[name] = error.message;
        continue;
      }
      if (lap.result !== first[name].result) {
        throw new Error(`Cannot time ${name} as it must do the same in every round`);
      }
      if (round >= 0) (samples[name] ??= []).push(lap.ms);
    }
  }
  const turns = Object.entries(samples).map(([name, samplesMs]) => {
    const { result, setupMs } = first[name]!;
    return [name, { medianMs: median(samplesMs), samplesMs, result, setupMs }] as const;
  });
  return { turns: Object.fromEntries(turns), skipped };
}
