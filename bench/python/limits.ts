import { availableParallelism } from "node:os";
import { withCaseFolder } from "./case_folder.ts";
import type { SuiteOptions } from "./suite.ts";
import { here, inPython, takeTurns } from "./take_turns.ts";

/** What the machine can do at most, measured in the same run. */
export interface MachineLimits {
  readonly threads: number;
  /** Bytes read and written in a second by the fastest plain copy. */
  readonly copyBytesPerSecond: number;
  /** Floating-point operations in a second by a product of float32 matrices; null without torch. */
  readonly productFlops: number | null;
}

/** An array of this size, and its copy, are in no cache of one core. */
const COPY_BYTES = { full: 2 ** 28, quick: 2 ** 24 } as const;
/** Rows of the square matrices. */
const PRODUCT_SIZE = { full: 2048, quick: 256 } as const;

/** One core, and all of them where there are more. */
export function threadCounts(): number[] {
  return [...new Set([1, availableParallelism()])];
}

/**
 * Measures the bandwidth by plain copies, in JavaScript, numpy and torch, and the peak by a matrix
 * product in torch.
 *
 * @param options The processes, the rounds, the size.
 * @returns The limits for each number of threads.
 */
export async function measureLimits(
  { sides, rounds, size }: Omit<SuiteOptions, "idle">,
): Promise<MachineLimits[]> {
  const bytes = COPY_BYTES[size];
  const rows = PRODUCT_SIZE[size];
  const cases = {
    "copy, numpy": { run: "copy", arrays: {}, options: { bytes } },
    "copy, torch": { run: "copy, torch", arrays: {}, options: { bytes } },
    "product": { run: "matrix product", arrays: {}, options: { size: rows } },
  };
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes);
  return await withCaseFolder({ arrays: {}, cases }, async (folder) => {
    const limits: MachineLimits[] = [];
    for (const threads of threadCounts()) {
      const python = Object.keys(cases).map((name) =>
        [name, inPython({ sides, threads, folder }, name)] as const
      );
      const { turns } = await takeTurns({
        "copy, JavaScript": here(() => {
          target.set(source);
          return target[bytes - 1]!;
        }),
        ...Object.fromEntries(python),
      }, Math.min(3, rounds));
      const copies = Object.entries(turns).filter(([name]) => name.startsWith("copy"));
      const fastest = Math.min(...copies.map(([, { medianMs }]) => medianMs));
      const product = turns["product"];
      limits.push({
        threads,
        copyBytesPerSecond: 2 * bytes * 1000 / fastest,
        productFlops: product === undefined ? null : 2 * rows ** 3 * 1000 / product.medianMs,
      });
    }
    return limits;
  });
}
