import {
  createServer,
  type IncomingMessage,
  maxHeaderSize,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket } from "node:net";
import { answerer, checkLimit, type Incoming, problemContent } from "./_answer.ts";
import { MAX_TIMEOUT } from "../max_timeout.ts";
import type { BodySource } from "./_read_body.ts";
import { keepAccepting } from "./_keep_accepting.ts";
import { Problem } from "./_problem.ts";
import type { SidecarOptions } from "./sidecar_options.ts";

/** Milliseconds that answers have to be sent once the server stops. */
const GRACE = 1_000;

/** Milliseconds between two looks for headers that are late. */
const CHECK_INTERVAL = 1_000;

/** Options of {@linkcode createSidecarServer}. */
export interface SidecarServerOptions extends SidecarOptions {
  /** The most connections open at once; one more is told so and closed. @default {512} */
  readonly maxConnections?: number;
  /** Milliseconds in which the header of a request must have arrived. @default {10_000} */
  readonly headerTimeout?: number;
  /** Milliseconds for which a connection may stay open unused. @default {300_000} */
  readonly idleTimeout?: number;
}

/** The sidecar on a server of `node:http`. */
export interface SidecarServer {
  /** The server, which does not listen yet. */
  readonly server: Server;
  /**
   * Refuses new requests, and resolves when those under way are answered, or soon after where a client does
   * not take its answer. Connections stay open, and the server goes on listening: end the process.
   */
  readonly stop: () => Promise<void>;
}

/**
 * Creates the sidecar of {@linkcode createSidecar} on a server of `node:http`, which runs on Deno and Node.
 *
 * A client that sends nothing, stalls, or does not take its answer loses its connection after a while, one
 * that speaks no HTTP is told so, and one connection too many is refused, all in the form of the protocol.
 * An unused connection may be closed, so a client that keeps one must be ready to open another.
 *
 * @example Usage
 * ```ts
 * import { createSidecarServer } from "@hicra/hicra/sidecar";
 * import assert from "node:assert/strict";
 * import { once } from "node:events";
 *
 * const { server, stop } = createSidecarServer({ version: "0.1.0" });
 * server.listen(0, "127.0.0.1");
 * await once(server, "listening");
 * const { port } = server.address() as { port: number };
 * const response = await fetch(`http://127.0.0.1:${port}/v1/health`);
 * assert.equal((await response.json()).protocol, 1);
 * await stop();
 * server.closeAllConnections();
 * server.close();
 * ```
 *
 * @param options Version, token, limits and log.
 * @returns The server, and the way to stop it.
 * @throws {RangeError} If a limit is no whole number from 1, or a time is above `2 ** 31 - 1`.
 */
export function createSidecarServer(
  { maxConnections = 512, headerTimeout = 10_000, idleTimeout = 300_000, ...options }:
    SidecarServerOptions,
): SidecarServer {
  checkLimit("maxConnections", maxConnections, Number.MAX_SAFE_INTEGER);
  checkLimit("headerTimeout", headerTimeout, MAX_TIMEOUT);
  checkLimit("idleTimeout", idleTimeout, MAX_TIMEOUT);
  const answer = answerer(options);
  const { bodyTimeout = 60_000 } = options;
  const answering = new Set<Promise<unknown>>();
  const sending = new Set<Promise<unknown>>();
  const inUse = new WeakSet<Socket>();
  let isStopping = false;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { socket } = request;
    // It came on one connection too many, which has been told so.
    if (socket.writableEnded) return;
    inUse.add(socket);
    const closed = closeOf(request, response);
    const { status, headers, body, release } = isStopping
      ? { ...problemContent(stopping()), release: () => {} }
      : await tracked(answering, answer(incomingOf(request)));
    response.writeHead(status, {
      ...headers,
      "content-length": body.length,
      // What is left of a body is read and thrown away, unless it may never come.
      ...(status === 408 && { connection: "close" }),
    });
    response.end(body);
    const timer = setTimeout(() => socket.destroy(), bodyTimeout);
    await tracked(sending, closed);
    clearTimeout(timer);
    inUse.delete(socket);
    release();
  };

  const server = createServer({
    headersTimeout: headerTimeout,
    connectionsCheckingInterval: Math.min(headerTimeout, CHECK_INTERVAL),
    keepAliveTimeout: idleTimeout,
    // Bodies have a time of their own, and a missing Host is nothing to us.
    requestTimeout: 0,
    requireHostHeader: false,
  }, serve);
  // A server may pass over what a client expects, except 100-continue, which it answers by itself.
  server.on("checkExpectation", serve);
  server.on("connect", (_request, socket: Socket) => refuse(socket, noTunnel()));
  server.on("clientError", (error: Error & { code?: string }, socket: Socket) => {
    // Into the middle of an answer nothing may be written.
    if (inUse.has(socket)) socket.destroy();
    else refuse(socket, clientProblem(error.code, headerTimeout));
  });
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.once("close", () => connections--);
    if (connections > maxConnections) refuse(socket, tooMany(maxConnections));
  });
  keepAccepting(server);
  return {
    server,
    stop: async () => {
      isStopping = true;
      await Promise.allSettled(answering);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, GRACE);
      await Promise.race([Promise.allSettled(sending), promise]);
      clearTimeout(timer);
    },
  };
}

function incomingOf(request: IncomingMessage): Incoming {
  return {
    method: request.method!,
    target: request.url!,
    header: (name) => request.headers[name] as string | undefined,
    body: sourceOf(request),
  };
}

/** Listens itself, as iterating over a request takes a tenth of the time of a transform. */
function sourceOf(request: IncomingMessage): BodySource {
  let stop = (): void => {};
  return {
    each: (onChunk) =>
      new Promise((done, fail) => {
        const onData = (chunk: Uint8Array): void => {
          try {
            const room = onChunk(chunk);
            if (room === undefined) return;
            request.pause();
            room.then(() => request.resume()).catch(fail);
          } catch (error) {
            fail(error);
          }
        };
        stop = () => request.off("data", onData);
        request.on("data", onData).once("end", done).once("error", fail);
        request.once("close", () => fail(new Error("the connection was closed")));
      }),
    // What comes after is read and thrown away.
    cancel: () => {
      stop();
      request.resume();
    },
  };
}

function tracked<T>(promises: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  promises.add(promise);
  return promise.finally(() => promises.delete(promise));
}

/**
 * Resolves when a request was read to its end and its answer sent, or the connection is closed: of a request
 * whose body is left unread neither Node nor Deno tells that.
 */
function closeOf(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { socket } = request;
  return new Promise((done) => {
    let open = 2;
    const onClose = (): void => {
      socket.off("close", onClose);
      done();
    };
    const onHalf = (): void => {
      if (--open === 0) onClose();
    };
    request.once("close", onHalf);
    response.once("close", onHalf);
    socket.once("close", onClose);
  });
}

/** Answers by hand where there is no request to answer, and closes. */
function refuse(socket: Socket, problem: Problem): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = problemContent(problem);
  const fields = { ...headers, "content-length": body.length, connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n`);
  socket.end(body, () => socket.destroy());
}

function clientProblem(code: string | undefined, headerTimeout: number): Problem {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new Problem(
        408,
        "header_timeout",
        `Cannot read the request as its header must arrive within ${headerTimeout} ms: it has not`,
      );
    case "HPE_HEADER_OVERFLOW":
      return new Problem(
        431,
        "header_too_large",
        `Cannot read the request as its header may hold ${maxHeaderSize} bytes: it holds more`,
      );
    default:
      return new Problem(
        400,
        "bad_request",
        `Cannot read the request as it must be HTTP/1.1: it is not (${code ?? "unknown"})`,
      );
  }
}

function tooMany(limit: number): Problem {
  return new Problem(
    503,
    "too_many_connections",
    `Cannot serve as ${limit} connections may be open at once: close some, or start the sidecar with a ` +
      "higher --max-connections",
  );
}

function stopping(): Problem {
  return new Problem(503, "stopping", "Cannot serve as the sidecar is about to end");
}

function noTunnel(): Problem {
  return new Problem(405, "method_not_allowed", "Cannot serve CONNECT as this is no proxy");
}
