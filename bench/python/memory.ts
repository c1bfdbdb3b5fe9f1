import { type Session, type SuiteOptions, withSession } from "./session.ts";

/** The memory that a case takes in a process of its own. */
export interface MemoryUse {
  readonly name: string;
  /** What it worked on. */
  readonly input: string;
  /** Bytes of the process with its libraries loaded and nothing done. */
  readonly idleBytes: number;
  /** High-water mark of the process, which loads, prepares and runs the case once. */
  readonly peakBytes: number;
}

/** High-water marks of processes that only start. */
export interface IdleMemory {
  readonly ours: number;
  /** Python with numpy. */
  readonly numpy: number;
  /** Python with torch. */
  readonly torch: number;
}

/** Measures what the processes take before they do anything. */
export function idleMemory(options: Pick<SuiteOptions, "python">): Promise<IdleMemory> {
  const nothing = (library: string) => ({ run: "nothing", arrays: {}, options: { library } });
  const cases = { ours: nothing(""), numpy: nothing("numpy"), torch: nothing("torch") };
  return withSession({ arrays: {}, cases }, options, async (session) => {
    const peak = async (side: "ours" | "Python", name: string): Promise<number> =>
      await session.peakMemory(side, name) ?? 0;
    return {
      ours: await peak("ours", "ours"),
      numpy: await peak("Python", "numpy"),
      torch: await peak("Python", "torch"),
    };
  });
}

/**
 * Measures cases, each in a fresh process.
 *
 * @param session Where the cases lie.
 * @param input What they work on, in words.
 * @param cases The cases, and what their process takes when idle.
 * @returns A row for each that can run.
 */
export async function memoryRows(
  session: Session,
  input: string,
  cases: readonly {
    readonly name: string;
    readonly side: "ours" | "Python";
    readonly case: string;
    readonly idle: number;
  }[],
): Promise<MemoryUse[]> {
  const rows: MemoryUse[] = [];
  for (const { name, side, case: key, idle } of cases) {
    const peakBytes = await session.peakMemory(side, key);
    if (peakBytes !== undefined) rows.push({ name, input, idleBytes: idle, peakBytes });
  }
  return rows;
}
