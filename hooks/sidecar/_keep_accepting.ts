import type { Server } from "node:net";
import { clearInterval, setInterval } from "node:timers";

/** Milliseconds between two looks for connections. */
const INTERVAL = 1_000;

/** What this needs to know of the inside of a server. */
interface Inside {
  readonly _handle?: {
    onread?: () => void;
    readonly readStart?: () => number;
    readonly readStop?: () => number;
  };
}

/**
 * Lets a server live on when it cannot accept a connection, mostly as too many files are open.
 *
 * Node tells it by an event, which would end the process, and goes on by itself. Deno does not tell, and
 * never looks for connections again (2.9.6: `poll_pipe_handle` and `poll_tcp_handle` leave no waker behind
 * after an error of accept). To begin to read makes it look; it changes nothing else, as a listener has
 * nothing to read.
 */
export function keepAccepting(server: Server): void {
  server.on("listening", () => {
    server.on("error", () => {});
    if (!("Deno" in globalThis)) return;
    const timer = setInterval(() => {
      const handle = (server as unknown as Inside)._handle;
      if (!handle) return;
      handle.onread ??= () => {};
      handle.readStart?.();
      handle.readStop?.();
    }, INTERVAL);
    timer.unref();
    server.on("close", () => clearInterval(timer));
  });
}
