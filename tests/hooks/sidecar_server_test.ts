/** The sidecar on a server: what only a connection shows. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import {
  createSidecarServer,
  type SidecarServer,
  type SidecarServerOptions,
} from "../../hooks/sidecar/mod.ts";
import { batchToSafetensors } from "../../files/mod.ts";

const HEALTH = "GET /v1/health HTTP/1.1\r\nhost: sidecar\r\n\r\n";

interface Started extends SidecarServer {
  /** Opens a connection and writes on it. */
  readonly open: (text: string) => Socket;
}

async function withServer(
  options: Partial<SidecarServerOptions>,
  use: (started: Started) => Promise<void>,
): Promise<void> {
  const started = createSidecarServer({ version: "1.2.3", ...options });
  const { server } = started;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const open = (text: string): Socket => {
    const socket = connect({ port, host: "127.0.0.1" });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(text);
    return socket;
  };
  try {
    await use({ ...started, open });
  } finally {
    sockets.forEach((socket) => socket.destroy());
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

/** All that is said until the connection is closed: status, code of the problem, and the header. */
async function untilClosed(socket: Socket): Promise<[number, string, string]> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  const [head, body] = text.split("\r\n\r\n") as [string, string];
  return [Number(head.split(" ")[1]), JSON.parse(body).error.code, head.toLowerCase()];
}

async function firstStatus(socket: Socket): Promise<number> {
  const [reply] = await once(socket, "data");
  return Number(String(reply).split(" ")[1]);
}

Deno.test("what is no request of the protocol is answered in its form", async (t) => {
  await withServer({}, async ({ open }) => {
    const close = "connection: close\r\n\r\n";
    const cases: [name: string, text: string, status: number, code: string][] = [
      ["no HTTP", "hello\r\n\r\n", 400, "bad_request"],
      [
        "a host with a space",
        `GET /v1/health HTTP/1.1\r\nhost: a b\r\n${close}`,
        400,
        "bad_request",
      ],
      ["a bad host", `GET /v1/health HTTP/1.1\r\nhost: [\r\n${close}`, 400, "bad_request"],
      ["a bad URL", `GET http://[/v1/health HTTP/1.1\r\nhost: a\r\n${close}`, 400, "bad_request"],
      ["no path", `OPTIONS * HTTP/1.1\r\nhost: a\r\n${close}`, 404, "no_such_path"],
      ["a tunnel", `CONNECT a:1 HTTP/1.1\r\nhost: a\r\n${close}`, 405, "method_not_allowed"],
      [
        "a length that is none",
        `POST /v1/mask HTTP/1.1\r\nhost: a\r\ncontent-length: 1e3\r\n${close}`,
        400,
        "bad_request",
      ],
      [
        "chunks",
        "POST /v1/mask HTTP/1.1\r\nhost: a\r\ncontent-type: application/vnd.safetensors\r\n" +
        `transfer-encoding: chunked\r\n${close}0\r\n\r\n`,
        411,
        "length_required",
      ],
      [
        "a header too large",
        `GET /${"a".repeat(100_000)} HTTP/1.1\r\nhost: a\r\n${close}`,
        431,
        "header_too_large",
      ],
    ];
    for (const [name, text, status, code] of cases) {
      await t.step(name, async () => {
        const [foundStatus, foundCode, head] = await untilClosed(open(text));
        assert.deepEqual([foundStatus, foundCode], [status, code]);
        assert.match(head, /content-type: application\/json/);
      });
    }
    await t.step("and an absolute URL is as good as a path", async () => {
      const socket = open(`GET http://a/v1/health HTTP/1.1\r\nhost: a\r\n\r\n`);
      assert.equal(await firstStatus(socket), 200);
    });
  });
});

Deno.test("who lacks the token is told nothing else, whatever the request", async () => {
  await withServer({ token: "correct-horse-battery" }, async ({ open }) => {
    for (const line of ["GET http://[ HTTP/1.1", "GET /nowhere HTTP/1.1", "OPTIONS * HTTP/1.1"]) {
      const socket = open(`${line}\r\nhost: a b\r\nconnection: close\r\n\r\n`);
      assert.deepEqual((await untilClosed(socket)).slice(0, 2), [401, "unauthorized"]);
    }
  });
});

Deno.test("a header must come in time, and a connection that was used may stay idle for longer", async () => {
  await withServer({ headerTimeout: 50 }, async ({ open }) => {
    const kept = open(HEALTH);
    assert.equal(await firstStatus(kept), 200);
    for (const text of ["", "GET /v1/health HTTP/1.1\r\nhost"]) {
      assert.deepEqual((await untilClosed(open(text))).slice(0, 2), [408, "header_timeout"]);
    }
    kept.write(HEALTH);
    assert.equal(await firstStatus(kept), 200);
  });
});

Deno.test("one connection too many is told so, and there is room again when another closes", async () => {
  await withServer({ maxConnections: 2 }, async ({ server, open }) => {
    const sockets = [open(HEALTH), open(HEALTH)];
    for (const socket of sockets) assert.equal(await firstStatus(socket), 200);
    const [status, code, head] = await untilClosed(open(""));
    assert.deepEqual([status, code], [503, "too_many_connections"]);
    assert.match(head, /retry-after: 1/);
    sockets[0]!.destroy();
    // What is refused while the server has not seen the other go is tried again, as a client would.
    let found = 503;
    while (found === 503) found = await firstStatus(open(HEALTH));
    assert.equal(found, 200);
    assert.ok(server.listening);
  });
});

Deno.test("a body that stalls costs its connection, and one that is refused unread does not", async () => {
  const head = (length: number) =>
    "POST /v1/mask HTTP/1.1\r\nhost: a\r\ncontent-type: application/vnd.safetensors\r\n" +
    `content-length: ${length}\r\n\r\n`;
  await withServer({ bodyTimeout: 50, maxBodyBytes: 1_000 }, async ({ open }) => {
    const [status, code, answer] = await untilClosed(open(`${head(1_000)}half`));
    assert.deepEqual([status, code], [408, "body_timeout"]);
    assert.match(answer, /connection: close/);
  });
  await withServer({ maxBodyBytes: 1_000 }, async ({ open }) => {
    const socket = open(head(2_000));
    assert.equal(await firstStatus(socket), 413);
    socket.write("x".repeat(2_000));
    socket.write(HEALTH);
    assert.equal(await firstStatus(socket), 200);
  });
});

Deno.test("a client that does not take its answer loses its connection", async () => {
  await withServer({ bodyTimeout: 500 }, async ({ server, open }) => {
    const numTokens = 2 ** 23;
    const body = batchToSafetensors({
      offsets: Int32Array.of(0, numTokens),
      lossMask: new Uint8Array(numTokens).fill(1),
      planningMask: new Uint8Array(numTokens),
    });
    const accepted = once(server, "connection");
    const socket = open(
      "POST /v1/mask HTTP/1.1\r\nhost: a\r\ncontent-type: application/vnd.safetensors\r\n" +
        `content-length: ${body.length}\r\n\r\n`,
    );
    socket.pause();
    socket.write(body);
    const [inside] = await accepted as [Socket];
    if (!inside.closed) await once(inside, "close");
  });
});

Deno.test("stop() answers what is under way and refuses what is new", async () => {
  await withServer({}, async ({ server, open, stop }) => {
    const tokenizer = '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},' +
      '"decoder":{"type":"ByteLevel"},"added_tokens":[]}';
    const slow = open(
      "POST /v1/tokenizer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n" +
        `content-length: ${tokenizer.length}\r\n\r\n`,
    );
    await once(server, "request");
    const stopped = stop();
    assert.equal(await firstStatus(open(HEALTH)), 503);
    slow.write(tokenizer);
    assert.equal(await firstStatus(slow), 200);
    await stopped;
  });
});

Deno.test("limits of the server must be whole numbers from 1, and times what a timer can wait", () => {
  for (
    const limit of [{ maxConnections: 0 }, { headerTimeout: 2 ** 31 }, { idleTimeout: 0.5 }]
  ) {
    assert.throws(() => createSidecarServer({ version: "1", ...limit }), /a whole number from 1/);
  }
});
