import process from "node:process";
import { fileURLToPath } from "node:url";
import { CaseSkippedError, type PeerAnswer, PeerProcess } from "./peer_process.ts";

/**
 * Where a case whose memory is measured runs: in Deno, there with onnxruntime loaded, or in Python with a
 * library loaded.
 */
export type Home = "deno" | "onnxruntime" | "numpy" | "torch";

/** Starts a process of the Python side. */
export type PythonCommand = (
  threads: number,
  ...libraries: readonly string[]
) => readonly [string, ...string[]];

const SIDE_BY_SIDE = fileURLToPath(new URL("../peers/side_by_side.py", import.meta.url));
const OWN_SIDE = fileURLToPath(new URL("own_side.ts", import.meta.url));

/** The command of bench/peers/side_by_side.py under an interpreter. */
export function sideBySide(python: string): PythonCommand {
  return (threads, ...libraries) => [python, SIDE_BY_SIDE, String(threads), ...libraries];
}

/** The processes of a comparison, each started when it is first needed. */
export class Sides {
  readonly #command: PythonCommand;
  readonly #started: Map<string, Promise<PeerProcess>> = new Map();
  /** Versions of Python and its packages; empty until a process was started. */
  versions: Readonly<Record<string, string>> = {};

  /** @param command Starts Python. */
  constructor(command: PythonCommand) {
    this.#command = command;
  }

  /**
   * Runs a case in Python for its time.
   *
   * @param threads Threads of its libraries.
   * @param folder Where the cases lie.
   * @param name The case.
   * @throws {CaseSkippedError} If the case cannot run there.
   */
  async run(threads: number, folder: string, name: string): Promise<PeerAnswer> {
    const peer = await this.#process(`${threads} threads`, threads);
    return await peer.run({ folder, case: name });
  }

  /**
   * Runs a case once for the memory that it takes: in a fresh process of Deno, or in a fork of Python that
   * has loaded a library and nothing else.
   *
   * @param home Where it runs.
   * @param folder Where the cases lie.
   * @param name The case.
   * @param options `alone: false`: in the process that is forked, not in a fork.
   * @returns The high-water mark in bytes; null if the case cannot run there.
   */
  async peakMemory(
    home: Home,
    folder: string,
    name: string,
    { alone = true }: { readonly alone?: boolean } = {},
  ): Promise<number | null> {
    try {
      if (home === "deno" || home === "onnxruntime") {
        return (await runInDeno(home, folder, name)).peakMemoryBytes;
      }
      const peer = await this.#process(`forks of ${home}`, 1, home);
      return (await peer.run({ folder, case: name, alone })).peakMemoryBytes;
    } catch (error) {
      if (error instanceof CaseSkippedError) return null;
      throw error;
    }
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    for (const started of this.#started.values()) {
      await (await started.catch(() => undefined))?.close();
    }
  }

  #process(key: string, threads: number, ...libraries: readonly string[]): Promise<PeerProcess> {
    let started = this.#started.get(key);
    if (started === undefined) {
      started = PeerProcess.start(this.#command(threads, ...libraries)).then((peer) => {
        this.versions = peer.versions;
        return peer;
      });
      this.#started.set(key, started);
    }
    return started;
  }
}

async function runInDeno(home: Home, folder: string, name: string): Promise<PeerAnswer> {
  const peer = await PeerProcess.start([process.execPath, "run", "-A", "--quiet", OWN_SIDE, home]);
  try {
    return await peer.run({ folder, case: name });
  } finally {
    await peer.close();
  }
}
