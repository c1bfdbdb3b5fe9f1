import { spawn } from "node:child_process";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { InputRangeError } from "../../batch/mod.ts";
import { type Contestant, type Lap, SkippedError } from "../suite.ts";

/** The interpreter that `bash bench/peers/setup.sh` makes. */
export const DEFAULT_PYTHON: string = pathOf("../peers/.venv/bin/python");

/** A case of bench/peers. */
export interface PythonCase {
  /** Name of its function there. */
  readonly run: string;
  /** From what to what, in a few words. */
  readonly what: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** An array for the other side. */
type PythonArray = Uint8Array | Int32Array | Float32Array;

const Answer = z.union([
  z.object({ nanoseconds: z.int().min(0), result: z.number() }),
  z.object({ skipped: z.string() }),
  z.object({ error: z.string() }),
]);

/** A Python process that runs cases when it is told to, on one thread; bench/peers/turns.py answers. */
export class PythonSession {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  readonly #folder: string;
  /** Versions of Python and its packages. */
  readonly versions: Readonly<Record<string, string>> = {};

  private constructor(python: string, folder: string) {
    this.#folder = folder;
    this.#child = spawn(python, [pathOf("../peers/side_by_side.py"), "1"], {
      env: { ...process.env, HF_HUB_OFFLINE: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdin.on("error", () => {}); // a process that is gone ends its output
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Starts Python.
   *
   * @param python The interpreter.
   * @returns The session.
   * @throws {RangeError} If the interpreter is not there.
   */
  static async start(python: string): Promise<PythonSession> {
    if (!await access(python).then(() => true, () => false)) {
      throw new InputRangeError(
        `Cannot compare with Python as the interpreter must be there: "${python}" is not, run ` +
          "bash bench/peers/setup.sh",
      );
    }
    const session = new PythonSession(python, await mkdtemp(join(tmpdir(), "hicra-bench-")));
    return Object.assign(
      session,
      z.object({ versions: z.record(z.string(), z.string()) })
        .parse(await session.#nextLine()),
    );
  }

  /**
   * Hands arrays to Python, as raw files.
   *
   * @param arrays By the name that the cases know them by.
   * @param cases What to run on them.
   * @param shapes Shapes of arrays that are not flat.
   * @returns A contestant for each case, named as its function.
   */
  async contestants(
    arrays: Readonly<Record<string, PythonArray>>,
    cases: readonly PythonCase[],
    shapes: Readonly<Record<string, readonly number[]>> = {},
  ): Promise<Contestant[]> {
    const folder = await mkdtemp(join(this.#folder, "cases-"));
    const names = Object.keys(arrays);
    const entries = Object.fromEntries(names.map((name, a) => {
      const shape = shapes[name] ?? [arrays[name]!.length];
      return [name, { file: `${a}.bin`, dtype: dtypeOf(arrays[name]!), shape }];
    }));
    for (const [a, { buffer, byteOffset, byteLength }] of Object.values(arrays).entries()) {
      await writeFile(join(folder, `${a}.bin`), new Uint8Array(buffer, byteOffset, byteLength));
    }
    const same = Object.fromEntries(names.map((name) => [name, name]));
    const manifest = {
      arrays: entries,
      cases: Object.fromEntries(
        cases.map(({ run, options = {} }) => [run, { run, arrays: same, options }]),
      ),
    };
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
    return cases.map(({ run, what }) => ({
      name: run,
      what: `Python: ${what}`,
      run: () => this.#lap(folder, run),
    }));
  }

  /** Ends Python and removes the files. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #lap(folder: string, name: string): Promise<Lap> {
    this.#child.stdin.write(`${JSON.stringify({ folder, case: name })}\n`);
    const answer = Answer.parse(await this.#nextLine());
    if ("skipped" in answer) throw new SkippedError(answer.skipped);
    if ("error" in answer) throw new Error(`Cannot run ${name} in Python: ${answer.error}`);
    return { ms: answer.nanoseconds / 1e6, result: answer.result };
  }

  async #nextLine(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error("Cannot compare with Python as it must go on until it is told to end");
    }
    return JSON.parse(value);
  }
}

function dtypeOf(array: PythonArray): string {
  if (array instanceof Uint8Array) return "uint8";
  return array instanceof Int32Array ? "int32" : "float32";
}

function pathOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
