import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CaseSet, withCaseFolder } from "./case_folder.ts";
import type { IdleMemory } from "./memory.ts";
import { CaseSkippedError, PeerProcess } from "./peer_process.ts";
import { pythonCommand } from "./place.ts";

/** How the suites run. */
export interface SuiteOptions {
  /** The interpreter of bench/peers/.venv. */
  readonly python: string;
  /** Rounds that count. */
  readonly rounds: number;
  /** What processes take when they do nothing. */
  readonly idle: IdleMemory;
}

/** Cases that lie ready in a folder. */
export interface Session {
  /**
   * Lets a Python process run cases while `use` runs.
   *
   * @param threads Threads of its libraries.
   * @param use What to do with it; it also gets the versions.
   */
  withPython<Result>(
    threads: number,
    use: (peer: PeerProcess, versions: Readonly<Record<string, string>>) => Promise<Result>,
  ): Promise<Result>;
  /**
   * Runs a case once in a fresh process.
   *
   * @param side Ours or Python.
   * @param name The case.
   * @returns The high-water mark in bytes; undefined if the case cannot run.
   */
  peakMemory(side: "ours" | "Python", name: string): Promise<number | undefined>;
}

const OWN_SIDE = fileURLToPath(new URL("own_side.ts", import.meta.url));

/**
 * Writes cases and opens a session on them.
 *
 * @param set Arrays and cases, of both sides.
 * @param options The interpreter.
 * @param use What to do in the session.
 */
export function withSession<Result>(
  set: CaseSet,
  { python }: Pick<SuiteOptions, "python">,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  return withCaseFolder(set, (folder) => {
    const started = async <Value>(
      command: [string, ...string[]],
      threads: number,
      run: (peer: PeerProcess, versions: Readonly<Record<string, string>>) => Promise<Value>,
    ): Promise<Value> => {
      const { peer, versions } = await PeerProcess.start(command, threads);
      try {
        return await run(peer, versions);
      } finally {
        await peer.close();
      }
    };
    return use({
      withPython: (threads, run) => started(pythonCommand(python, folder, threads), threads, run),
      peakMemory(side, name) {
        const command: [string, ...string[]] = side === "ours"
          ? [process.execPath, "run", "-A", "--quiet", OWN_SIDE, folder]
          : pythonCommand(python, folder, 1);
        return started(command, 1, async (peer) => {
          try {
            return (await peer.run(name)).peakMemoryBytes;
          } catch (error) {
            if (error instanceof CaseSkippedError) return undefined;
            throw error;
          }
        });
      },
    });
  });
}
