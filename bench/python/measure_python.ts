import { endProgress, progress } from "../progress.ts";
import type { Comparison } from "./comparison.ts";
import { measureGrowth, type SizeCost } from "./growth_suite.ts";
import { type MachineLimits, measureLimits } from "./limits.ts";
import { compareLogits } from "./logits_suite.ts";
import { compareMatchers, type MatchInput } from "./match_suite.ts";
import { idleMemory, type MemoryUse } from "./memory.ts";
import { compareTransforms } from "./transform_suite.ts";

/** Everything that was measured beside Python. */
export interface PythonFigures {
  /** Versions of Python and its packages. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
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
  input: MatchInput,
  { python, quick }: { readonly python: string; readonly quick: boolean },
): Promise<PythonFigures> {
  const size = quick ? "quick" : "full";
  const rounds = ROUNDS[size];
  progress("beside Python: limits of the machine");
  const { limits, versions } = await measureLimits({ python, rounds }, size);
  const options = { python, rounds, idle: await idleMemory({ python }) };
  const suites = [];
  progress("beside Python: matchers");
  suites.push(await compareMatchers(input, options));
  progress("beside Python: transforms");
  suites.push(await compareTransforms(input, options));
  progress("beside Python: logits");
  suites.push(await compareLogits(options, size));
  progress("beside Python: growth");
  const growth = await measureGrowth(input, options, size);
  endProgress();
  const comparisons = suites.flatMap((suite) => suite.comparisons);
  const skipped = comparisons.flatMap(({ input, threads, skipped }) =>
    Object.entries(skipped).map(([name, reason]) =>
      `SKIPPED: ${name}, on ${input}, ${threads} ${threads === 1 ? "thread" : "threads"}: ${reason}`
    )
  );
  for (const line of skipped) console.error(line);
  const memory = suites.flatMap((suite) => suite.memory);
  return { versions, rounds, limits, comparisons, growth, memory, skipped };
}
