import { withCaseFolder } from "./case_folder.ts";
import type { Home, Sides } from "./sides.ts";

/** The memory that a case takes in a process of its own. */
export interface MemoryUse {
  readonly name: string;
  /** What it worked on. */
  readonly input: string;
  /** High-water mark of the process with its library loaded and nothing done, in bytes. */
  readonly idleBytes: number;
  /** What loading, preparing and running the case once adds to it. */
  readonly addedBytes: number;
}

/** High-water marks of processes that have run nothing. */
export interface IdleMemory {
  /** Of the process itself. */
  readonly process: number;
  /** Of what cases run in: a fork does not count the files that its parent has mapped. */
  readonly alone: number;
}

/** Measures what each kind of process takes before it does anything. */
export function idleMemory(sides: Sides): Promise<Record<Home, IdleMemory>> {
  const cases = { nothing: { run: "nothing", arrays: {} } };
  return withCaseFolder({ arrays: {}, cases }, async (folder) => {
    const of = async (home: Home): Promise<IdleMemory> => {
      const process = await sides.peakMemory(home, folder, "nothing", { alone: false }) ?? 0;
      return { process, alone: await sides.peakMemory(home, folder, "nothing") ?? 0 };
    };
    return {
      deno: await of("deno"),
      onnxruntime: await of("onnxruntime"),
      numpy: await of("numpy"),
      torch: await of("torch"),
    };
  });
}

/** What a case adds to its process. */
export async function addedMemory(
  { sides, idle }: { readonly sides: Sides; readonly idle: Readonly<Record<Home, IdleMemory>> },
  folder: string,
  [home, name]: readonly [home: Home, name: string],
): Promise<number | null> {
  const peak = await sides.peakMemory(home, folder, name);
  return peak === null ? null : Math.max(0, peak - idle[home].alone);
}

/**
 * Measures cases, each in a process of its own.
 *
 * @param options The processes, and what they take when idle.
 * @param input Folder of the cases, and what they work on in words.
 * @param cases The cases, by the name in tables.
 * @returns A row for each that can run.
 */
export async function memoryRows(
  options: { readonly sides: Sides; readonly idle: Readonly<Record<Home, IdleMemory>> },
  { folder, input }: { readonly folder: string; readonly input: string },
  cases: Readonly<Record<string, readonly [home: Home, name: string]>>,
): Promise<MemoryUse[]> {
  const rows: MemoryUse[] = [];
  for (const [name, place] of Object.entries(cases)) {
    const addedBytes = await addedMemory(options, folder, place);
    if (addedBytes === null) continue;
    rows.push({ name, input, idleBytes: options.idle[place[0]].process, addedBytes });
  }
  return rows;
}
