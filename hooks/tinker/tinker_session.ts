import { warnOnConsole } from "../../batch/internal.ts";

/** Options of a session. */
export interface TinkerSessionOptions {
  /** Labels that the server stores with the session. */
  readonly tags?: readonly string[];
  /** Milliseconds between heartbeats. Default: 10,000. */
  readonly heartbeatMs?: number;
  /** Told of a heartbeat that failed: the server may unload the models. Default: `console.warn`. */
  readonly warn?: (message: string) => void;
}

/**
 * A session on a Tinker server. Close it at the end, best by `using session = ...`: its heartbeats keep
 * the process running.
 */
export class TinkerSession implements Disposable {
  /** The server's name of the session. */
  readonly sessionId: string;
  readonly #closed = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;

  /** Starts the heartbeats; {@linkcode TinkerClient.createSession} calls it. */
  constructor(
    sessionId: string,
    beat: (signal: AbortSignal) => Promise<unknown>,
    options: Omit<TinkerSessionOptions, "tags"> = {},
  ) {
    const { heartbeatMs = 10_000, warn = warnOnConsole } = options;
    this.sessionId = sessionId;
    const { signal } = this.#closed;
    this.#timer = setInterval(() => {
      beat(signal).catch((error: Error) => {
        if (!signal.aborted) warn(`hicra: session ${sessionId} may be lost: ${error.message}`);
      });
    }, heartbeatMs);
  }

  /** Ends the heartbeats. The server unloads the models of the session some time later. */
  close(): void {
    clearInterval(this.#timer);
    this.#closed.abort();
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
