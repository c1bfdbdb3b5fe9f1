import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

/** A Deno program under test, with what it has said on standard error so far. */
export class Child {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  stderr: string = "";

  constructor(args: readonly string[], options: { cwd?: string } = {}) {
    this.#process = spawn(process.execPath, ["run", "--quiet", "-A", ...args], {
      ...options,
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text) => this.stderr += text);
    this.#process.stdout.resume();
    this.#closed = once(this.#process, "close");
  }

  /** Resolves when standard error holds a text. */
  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text)) await once(this.#process.stderr, "data");
  }

  /** Writes to standard input, which stays open. */
  give(text: string): void {
    this.#process.stdin.write(text);
  }

  /** Ends standard input. */
  end(): void {
    this.#process.stdin.end();
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    // Not kill() of the child, after which Deno reports no exit code.
    process.kill(this.#process.pid!, name);
  }

  /** Resolves with how it ended. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const [code, signal] = await this.#closed as [number | null, NodeJS.Signals | null];
    return { code, signal };
  }
}
