import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An array for the other side, as raw bytes in the order of this machine. */
export interface CaseArray {
  readonly dtype: "uint8" | "int32" | "float32" | "bfloat16";
  readonly shape: readonly number[];
  readonly data: Uint8Array | Uint16Array | Int32Array | Float32Array;
}

/** A case: which function runs, on which arrays. */
export interface Case {
  /** Name of the function on the other side. */
  readonly run: string;
  /** Names of arrays, by the name that the function knows them by. */
  readonly arrays: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** All that a folder holds. */
export interface CaseSet {
  readonly arrays: Readonly<Record<string, CaseArray>>;
  readonly cases: Readonly<Record<string, Case>>;
}

/** An array of one dimension. */
export function flat(data: Uint8Array | Int32Array | Float32Array): CaseArray {
  const dtype = data instanceof Uint8Array
    ? "uint8"
    : data instanceof Int32Array
    ? "int32"
    : "float32";
  return { dtype, shape: [data.length], data };
}

/**
 * Writes cases into a folder of their own, which is removed afterwards. The layout is that of
 * bench/peers/turns.py.
 *
 * @param set Arrays and cases.
 * @param use What to do with the folder.
 * @returns What `use` returns.
 */
export async function withCaseFolder<Result>(
  { arrays, cases }: CaseSet,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "hicra-cases-"));
  try {
    const entries: Record<string, unknown> = {};
    for (const [name, { dtype, shape, data }] of Object.entries(arrays)) {
      const file = `${Object.keys(entries).length}.bin`;
      await writeFile(
        join(folder, file),
        new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      );
      entries[name] = { file, dtype, shape };
    }
    await writeFile(join(folder, "manifest.json"), JSON.stringify({ arrays: entries, cases }));
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
