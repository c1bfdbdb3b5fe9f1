import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that the server received. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** What the server answers: JSON or text, by default with status 200. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly text?: string;
}

/** A reply, `"hang"` to answer never, or `"cut"` to close the connection without an answer. */
export type Answer = (request: Received, index: number) => Reply | "hang" | "cut";

/** Serves on a free port of 127.0.0.1 while `use` runs. */
export async function withServer(
  answer: Answer,
  use: (baseUrl: string, received: Received[]) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const pieces: Uint8Array[] = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const text = new TextDecoder().decode(new Uint8Array(pieces.flatMap((p) => Array.from(p))));
      const body = text === "" ? undefined : JSON.parse(text);
      const { method = "", url = "", headers } = request;
      const one = { method, path: url, headers, body };
      const reply = answer(one, received.push(one) - 1);
      if (reply === "hang") return;
      if (reply === "cut") return request.socket.destroy();
      response.writeHead(reply.status ?? 200, { connection: "close", ...reply.headers });
      response.end(reply.text ?? JSON.stringify(reply.json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, received);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
