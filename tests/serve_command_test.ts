/** `hicra serve` as a process of its own: sockets, permissions, signals. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { batchToSafetensors, decodeSafetensors } from "../hooks/mod.ts";
import { inFolder } from "./_in_folder.ts";

const SERVE = new URL("../_serve_command.ts", import.meta.url).pathname;
const TOKENIZER = new TextEncoder().encode(JSON.stringify({
  model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2 }, merges: [] },
  decoder: { type: "ByteLevel" },
  "added_tokens": [],
}));

const JSON_BODY = { "content-type": "application/json" };

/**
 * A running `hicra serve`, stopped however the test ends. Deno's own processes: its node:child_process says
 * of a child that handled a signal and exited with 0 that the signal killed it.
 */
class Served implements AsyncDisposable {
  /** All that it writes on standard error. */
  readonly errors: Promise<string>;
  /** Resolves when it says that it is stopping. */
  readonly stopping: Promise<void>;

  private constructor(
    readonly child: Deno.ChildProcess,
    readonly listening: { socket?: string; url?: string; token?: string },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopping = promise;
    this.errors = (async () => {
      let all = "";
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
        all += chunk;
        if (all.includes('"event":"stopping"')) resolve();
      }
      return all;
    })();
  }

  /** Starts it with the permissions that it says it needs, and no others. */
  static async start(args: string[], permissions: string[]): Promise<Served> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...permissions, SERVE, "serve", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let line = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      line += chunk;
      if (line.endsWith("\n")) return new Served(child, JSON.parse(line));
    }
    const message = await new Response(child.stderr).text();
    await child.stdin.close();
    await child.status;
    throw new Error(`it ended: ${message}`);
  }

  async stop(signal: Deno.Signal): Promise<number> {
    this.child.kill(signal);
    return (await this.child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.child.status;
    await this.child.stdin.close().catch(() => {});
    await this.errors;
  }
}

/** Requires of the folder of the socket, and of nothing else: what the Python package grants. */
function socketPermissions(folder: string, socket: string): string[] {
  return [
    "--allow-sys=uid",
    `--allow-net=unix:${socket}`,
    `--allow-read=${folder}`,
    `--allow-write=${folder}`,
  ];
}

async function send(
  target: { socketPath: string } | { host: string; port: number },
  path: string,
  body?: Uint8Array,
  headers: Record<string, string> = {},
): Promise<[number, Uint8Array]> {
  const outgoing = request({
    ...target,
    path,
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(body !== undefined && {
        "content-type": "application/vnd.safetensors",
        "content-length": String(body.length),
      }),
      ...headers,
    },
  });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response") as [IncomingMessage];
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return [incoming.statusCode!, new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer())];
}

Deno.test("serves on a socket of its owner alone, with access to that folder and nothing else", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath],
      socketPermissions(folder, socketPath),
    );
    assert.equal(served.listening.socket, socketPath);
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    const [status, reply] = await send({ socketPath }, "/v1/tokenizer", TOKENIZER, JSON_BODY);
    assert.equal(status, 200);
    const { tokenizer } = JSON.parse(new TextDecoder().decode(reply));
    const [, bytes] = await send(
      { socketPath },
      "/v1/transform",
      batchToSafetensors({
        offsets: Int32Array.of(0, 3),
        tokenIds: Int32Array.of(0, 1, 2),
        lossMask: Uint8Array.of(1, 1, 1),
        advantages: Float32Array.of(1),
      }, { metadata: { tokenizer, lexicon: "paper" } }),
    );
    const { tensors } = decodeSafetensors(bytes);
    assert.equal((tensors.planning_mask!.data as Uint8Array)[1], 1);
    assert.equal(await served.stop("SIGTERM"), 0);
    assert.ok(!existsSync(socketPath), "the socket is removed");
    const [first, , last] = (await served.errors).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.equal(first.route, "POST /v1/tokenizer");
    assert.deepEqual([last.event, last.reason], ["stopping", "SIGTERM"]);
  });
});

Deno.test("stops when standard input ends, once the requests under way are answered", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath, "--with-stdin"],
      socketPermissions(folder, socketPath),
    );
    // Half a request, then the end of standard input, then the rest: it is answered all the same.
    const client = connect({ path: socketPath });
    await once(client, "connect");
    client.write(
      "POST /v1/tokenizer HTTP/1.1\r\nhost: sidecar\r\ncontent-type: application/json\r\n" +
        `content-length: ${TOKENIZER.length}\r\n\r\n`,
    );
    client.write(TOKENIZER.subarray(0, 10));
    // A second client is answered after the first half was sent.
    await send({ socketPath }, "/v1/health");
    await served.child.stdin.close();
    await served.stopping;
    client.write(TOKENIZER.subarray(10));
    const [reply] = await once(client, "data");
    assert.match(String(reply), /^HTTP\/1\.1 200 /);
    client.destroy();
    assert.equal((await served.child.status).code, 0);
  });
});

Deno.test("takes the place of a socket that nobody listens on, and of no other file", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    const permissions = socketPermissions(folder, socketPath);
    {
      await using killed = await Served.start(["--socket", socketPath], permissions);
      killed.child.kill("SIGKILL");
    }
    assert.ok(existsSync(socketPath));
    await using alive = await Served.start(["--socket", socketPath], permissions);
    assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    await assert.rejects(
      Served.start(["--socket", socketPath], permissions),
      /another process does already/,
    );
    assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    assert.equal(await alive.stop("SIGINT"), 0);
    writeFileSync(socketPath, "mine");
    await assert.rejects(
      Served.start(["--socket", socketPath], permissions),
      /there must be no file/,
    );
    assert.ok(existsSync(socketPath));
  });
});

Deno.test("refuses a folder that others can look into, and a path too long for a socket", async () => {
  await inFolder(async (folder) => {
    chmodSync(folder, 0o755);
    await assert.rejects(
      Served.start(["--socket", join(folder, "a.sock")], ["--allow-all"]),
      /its owner's alone \(mode 700\).*has mode 755/,
    );
    // A folder that is not there yet is made, for its owner alone.
    await using served = await Served.start(
      ["--socket", join(folder, "own", "a.sock")],
      ["--allow-all"],
    );
    assert.equal(statSync(join(folder, "own")).mode & 0o777, 0o700);
    assert.equal(await served.stop("SIGTERM"), 0);
    await assert.rejects(
      Served.start(["--socket", join(folder, "x".repeat(100), "a.sock")], ["--allow-all"]),
      /at most 107 bytes/,
    );
  });
});

Deno.test("on TCP it listens on 127.0.0.1 and asks for its token", async () => {
  await using served = await Served.start(["--port", "0"], ["--allow-net=127.0.0.1"]);
  const { url, token } = served.listening;
  const target = { host: "127.0.0.1", port: Number(new URL(url!).port) };
  assert.equal((await send(target, "/v1/health"))[0], 401);
  assert.equal(
    (await send(target, "/v1/health", undefined, { authorization: `Bearer ${token}` }))[0],
    200,
  );
  assert.match(token!, /^[\w-]{43}$/);
  assert.equal(await served.stop("SIGTERM"), 0);
});

Deno.test("a token of one's own is read from a file and not repeated", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "token");
    writeFileSync(file, "0123456789abcdef\n");
    await using served = await Served.start(
      ["--port", "0", "--token-file", file],
      ["--allow-net=127.0.0.1", `--allow-read=${file}`],
    );
    assert.equal(served.listening.token, undefined);
    const target = { host: "127.0.0.1", port: Number(new URL(served.listening.url!).port) };
    const authorization = "Bearer 0123456789abcdef";
    assert.equal((await send(target, "/v1/health", undefined, { authorization }))[0], 200);
    writeFileSync(file, "short");
    await assert.rejects(
      Served.start(["--port", "0", "--token-file", file], ["--allow-all"]),
      /16 or more visible ASCII characters/,
    );
  });
});

Deno.test("limits on size and time hold on the wire, and a client that stalls does not keep it from stopping", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath, "--max-body", "1000", "--body-timeout", "50", "--log", "none"],
      socketPermissions(folder, socketPath),
    );
    const head = (length: number) =>
      "POST /v1/mask HTTP/1.1\r\nhost: sidecar\r\ncontent-type: application/vnd.safetensors\r\n" +
      `content-length: ${length}\r\n\r\n`;
    const clients = [];
    for (const [length, status] of [[1001, 413], [1000, 408]] as const) {
      const client = connect({ path: socketPath });
      clients.push(client);
      client.write(head(length));
      const [reply] = await once(client, "data");
      assert.match(String(reply), new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    assert.equal(await served.stop("SIGTERM"), 0, await served.errors);
    clients.forEach((client) => client.destroy());
  });
});

Deno.test("a mistake in the arguments is told, with exit code 2 by way of hicra", () => {
  const cli = new URL("../cli.ts", import.meta.url).pathname;
  for (
    const [args, message] of [
      [[], /one of --socket and --port is needed/],
      [["--socket", "a", "--port", "1"], /cannot be used with/],
      [["--port", "0", "--max-kept", "0"], /at least 1/],
    ] as const
  ) {
    const { code, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", cli, "serve", ...args],
      env: { ...process.env as Record<string, string>, NO_COLOR: "1" },
    }).outputSync();
    assert.match(new TextDecoder().decode(stderr), message);
    assert.equal(code, 2);
  }
});
