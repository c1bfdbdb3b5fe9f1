import { loadavg } from "node:os";
import { endProgress, progress } from "../progress.ts";
import type { Comparison } from "./comparison.ts";
import { measureGrowth, type SizeCost } from "./growth_suite.ts";
import { type MachineLimits, measureLimits } from "./limits.ts";
import { compareLogits } from "./logits_suite.ts";
import { compareMatchers, compareWindows } from "./match_suite.ts";
import { idleMemory, type MemoryUse } from "./memory.ts";
import { sideBySide, Sides } from "./sides.ts";
import type { SuiteInput, SuiteResult } from "./suite.ts";
import { compareTransforms } from "./transform_suite.ts";

/** Everything that was measured beside Python. */
export interface PythonFigures {
  /** Versions of Python and its packages. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** Load average of the machine before anything ran: what else it was doing. */
  readonly loadBefore: number;
  /** For one core, and for all. */
  readonly limits: readonly MachineLimits[];
  readonly comparisons: readonly Comparison[];
  readonly growth: readonly SizeCost[];
  readonly memory: readonly MemoryUse[];
  /** A line for each contestant that could not run. */
  readonly skipped: readonly string[];
}

const ROUNDS = { full: 5, quick: 2 } as const;

/**
 * Runs the comparison with Python.
 *
 * @param input Rollouts, tokenizer, lexicon.
 * @param options The interpreter, and whether a small sample will do.
 */
export async function measurePython(
  input: SuiteInput,
  { python, quick }: { readonly python: string; readonly quick: boolean },
): Promise<PythonFigures> {
  const size = quick ? "quick" : "full";
  const rounds = ROUNDS[size];
  const loadBefore = loadavg()[0]!;
  const sides = new Sides(sideBySide(python));
  try {
    progress("beside Python: limits of the machine");
    const limits = await measureLimits({ sides, rounds, size });
    const options = { sides, rounds, size, idle: await idleMemory(sides) } as const;
    const suites: SuiteResult[] = [];
    progress("beside Python: matchers");
    suites.push(await compareMatchers(input, options));
    progress("beside Python: windows of token ids");
    suites.push(await compareWindows(input, options));
    progress("beside Python: transforms");
    suites.push(await compareTransforms(input, options));
    progress("beside Python: logits");
    suites.push(await compareLogits(options));
    progress("beside Python: growth");
    const growth = await measureGrowth(input, options);
    endProgress();
    const comparisons = suites.flatMap((suite) => suite.comparisons);
    const memory = suites.flatMap((suite) => suite.memory);
    const skipped = comparisons.flatMap(skippedLines);
    for (const line of skipped) console.error(line);
    return {
      versions: sides.versions,
      rounds,
      loadBefore,
      limits,
      comparisons,
      growth,
      memory,
      skipped,
    };
  } finally {
    await sides.close();
  }
}

function skippedLines({ input, threads, skipped }: Comparison): string[] {
  const where = `${input}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return Object.entries(skipped).map(([name, reason]) =>
    `SKIPPED: ${name}, on ${where}: ${reason}`
  );
}
