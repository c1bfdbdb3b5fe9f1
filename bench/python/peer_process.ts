import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { z } from "zod";
import { InputSyntaxError } from "../../batch/mod.ts";

/** What a process is asked to run. */
export interface CaseRequest {
  /** Folder of the cases. */
  readonly folder: string;
  readonly case: string;
  /** In a fork that has prepared nothing else, for the memory that it takes. */
  readonly alone?: boolean;
}

const Answer = z.object({
  nanoseconds: z.int().min(0),
  setupNanoseconds: z.int().min(0).nullable(),
  peakMemoryBytes: z.int().min(0),
  result: z.number(),
  values: z.object({ logprobs: z.array(z.number()), entropies: z.array(z.number()) }).optional(),
});

const Line = z.union([
  Answer,
  z.object({ skipped: z.string() }),
  z.object({ error: z.string() }),
]);

/** What a process says of one run of a case. */
export type PeerAnswer = z.infer<typeof Answer>;

/** Thrown for a case that cannot run there, such as one of a package that is not installed. */
export class CaseSkippedError extends Error {
  /** Always `"CaseSkippedError"`. */
  override readonly name: "CaseSkippedError" = "CaseSkippedError";
}

/** A process that runs the cases of a folder when told to: Python, or this program in a fresh one. */
export class PeerProcess {
  readonly #name: string;
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  readonly #failure: Promise<string>;
  #errors = "";

  /** Versions that it named when it started. */
  readonly versions: Readonly<Record<string, string>> = {};

  private constructor([program, ...args]: readonly [string, ...string[]]) {
    this.#name = program;
    const env = { ...process.env, HF_HUB_OFFLINE: "1" };
    this.#child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr.setEncoding("utf8").on("data", (chunk: string) => this.#errors += chunk);
    // A process that is gone tells so by the end of its output.
    this.#child.stdin.on("error", () => {});
    this.#failure = new Promise((resolve) => {
      this.#child.on("error", ({ message }) => resolve(message));
      this.#child.on("close", (status, signal) => resolve(`it ended with ${status ?? signal}`));
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Starts the process and waits until it names its versions.
   *
   * @param command Program and arguments.
   * @returns The process.
   * @throws {Error} If it does not start; the message ends with what it wrote on standard error.
   */
  static async start(command: readonly [string, ...string[]]): Promise<PeerProcess> {
    const peer = new PeerProcess(command);
    const line = await peer.#nextLine();
    const { data } = z.object({ versions: z.record(z.string(), z.string()) }).safeParse(line);
    if (data === undefined) {
      await peer.close();
      throw peer.#misread(line, "it must begin with its versions");
    }
    return Object.assign(peer, data);
  }

  /**
   * Runs a case once.
   *
   * @param request The case.
   * @returns Time, result, memory.
   * @throws {CaseSkippedError} If something that the case needs is not installed.
   * @throws {Error} If the case or the process failed.
   */
  async run(request: CaseRequest): Promise<PeerAnswer> {
    const name = request.case;
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#nextLine();
    const { data } = Line.safeParse(line);
    if (data === undefined) throw this.#misread(line, `it must answer to case "${name}"`);
    if ("skipped" in data) throw new CaseSkippedError(data.skipped);
    if ("error" in data) {
      throw new Error(`Cannot compare with "${name}" as it must run: ${data.error}`);
    }
    return data;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    this.#child.stdin.end();
    if (exitCode === null && signalCode === null) {
      await Promise.race([once(this.#child, "close"), this.#failure]);
    }
  }

  async #nextLine(): Promise<unknown> {
    // What never started has no output that could end.
    const ended = this.#failure.then(() => ({ value: undefined, done: true } as const));
    const next = this.#child.pid === undefined ? ended : this.#lines.next();
    const { value, done } = await next;
    if (done) {
      throw new Error(
        `Cannot run ${this.#name} as it must go on until it is told to end: ` +
          `${await this.#failure}\n${this.#errors.slice(-2000)}`,
      );
    }
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }

  #misread(line: unknown, rule: string): InputSyntaxError {
    const text = (typeof line === "string" ? line : JSON.stringify(line)).slice(0, 200);
    return new InputSyntaxError(
      `Cannot read what ${this.#name} wrote as ${rule}: current value is ${text}`,
    );
  }
}
