/** `hicra serve` as a process of its own: sockets, permissions, signals. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { batchToSafetensors, decodeSafetensors } from "../../files/mod.ts";
import { inFolder } from "../_in_folder.ts";
import { fullTest } from "../_scope.ts";

const SERVE = new URL("../../cli/serve_command.ts", import.meta.url).pathname;
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

  /**
   * Starts it with the permissions that it says it needs, and no others, and in a shell where a limit or a
   * redirection is given: `ulimit -n 64` or `exec 2>/dev/full`.
   */
  static async start(args: string[], permissions: string[], shell = ":"): Promise<Served> {
    const command = [Deno.execPath(), "run", "--quiet", "--no-prompt", ...permissions, SERVE];
    const child = new Deno.Command("sh", {
      args: ["-c", `${shell}; exec "$@"`, "sh", ...command, "serve", ...args],
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
    const { code } = await child.status;
    throw new Error(`it ended with code ${code}: ${message}`);
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

/** What it writes as a log, line by line. */
function logLines(
  errors: string,
): { event: string; lines?: number; reason?: string; route?: string; status?: number }[] {
  return errors.trim().split("\n").map((line) => JSON.parse(line));
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
  target: { socketPath: string; agent?: Agent } | { host: string; port: number },
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
    const [first, , last] = logLines(await served.errors);
    assert.equal(first!.route, "POST /v1/tokenizer");
    assert.deepEqual([last!.event, last!.reason], ["stopping", "SIGTERM"]);
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
    const clients = [];
    for (const [length, status] of [[1001, 413], [1000, 408]] as const) {
      const client = connect({ path: socketPath });
      clients.push(client);
      client.write(maskHead(length));
      const [reply] = await once(client, "data");
      assert.match(String(reply), new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    assert.equal(await served.stop("SIGTERM"), 0, await served.errors);
    clients.forEach((client) => client.destroy());
  });
});

/** What a client that sends a body of `length` bytes writes first. */
function maskHead(length: number): string {
  return "POST /v1/mask HTTP/1.1\r\nhost: sidecar\r\ncontent-type: application/vnd.safetensors\r\n" +
    `content-length: ${length}\r\n\r\n`;
}

fullTest("bodies that stall take no memory beyond the budget, one after the other", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    const megabytes = 32;
    const size = megabytes * 2 ** 20;
    await using served = await Served.start(
      ["--socket", socketPath, "--max-body", `${size}`, "--body-timeout", "1000"],
      socketPermissions(folder, socketPath),
    );
    const peak = () => {
      const status = readFileSync(`/proc/${served.child.pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
    };
    const before = peak();
    for (let i = 0; i < 8; i++) {
      const client = connect({ path: socketPath });
      client.on("error", () => {}).resume();
      client.write(maskHead(size));
      client.write(new Uint8Array(size - 1));
      await new Promise((done) => client.once("close", done));
    }
    // The rest is what the collector has not looked at yet.
    assert.ok(peak() < before + 6 * megabytes, `${before} to ${peak()} MB`);
    assert.equal(await served.stop("SIGTERM"), 0);
    const statuses = logLines(await served.errors).flatMap(({ status }) => status ?? []);
    assert.deepEqual(statuses, new Array(8).fill(408));
  });
});

Deno.test("more connections than files may be open do not end it, and it serves when they are gone", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath],
      socketPermissions(folder, socketPath),
      "ulimit -n 64",
    );
    const clients = [];
    for (let i = 0; i < 100; i++) {
      const client = connect({ path: socketPath });
      clients.push(client);
      client.on("error", () => {});
      await Promise.race([once(client, "connect"), once(client, "close")]);
    }
    clients.forEach((client) => client.destroy());
    assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    assert.equal(await served.stop("SIGTERM"), 0);
  });
});

Deno.test("a failure once it listens ends it, and the socket is removed", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    for (const where of [["--socket", socketPath], ["--port", "0"]]) {
      await assert.rejects(
        Served.start(where, ["--allow-all"], "exec >/dev/full"),
        /it ended with code 1: .*No space left on device/,
      );
      assert.deepEqual(readdirSync(folder), []);
    }
  });
});

Deno.test("a second signal ends it at once, whatever a client does", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath],
      socketPermissions(folder, socketPath),
    );
    const client = connect({ path: socketPath });
    client.write(maskHead(1000));
    // A second client is answered after the first was heard.
    await send({ socketPath }, "/v1/health");
    served.child.kill("SIGTERM");
    await served.stopping;
    assert.equal(await served.stop("SIGTERM"), 1);
    assert.ok(!existsSync(socketPath));
    client.destroy();
  });
});

fullTest("of many that start on a dead socket exactly one serves", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    const permissions = socketPermissions(folder, socketPath);
    for (let round = 0; round < 2; round++) {
      {
        await using killed = await Served.start(["--socket", socketPath], permissions);
        killed.child.kill("SIGKILL");
      }
      assert.ok(existsSync(socketPath));
      const started = await Promise.allSettled(
        Array.from({ length: 8 }, () => Served.start(["--socket", socketPath], permissions)),
      );
      const served = started.filter((result) => result.status === "fulfilled");
      const refused = started.filter((result) => result.status === "rejected");
      try {
        assert.equal(served.length, 1);
        for (const { reason } of refused) {
          assert.match(String(reason), /code 1: .*another process does already/);
        }
        assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
        assert.equal(await served[0]!.value.stop("SIGTERM"), 0);
        assert.deepEqual(readdirSync(folder), []);
      } finally {
        for (const { value } of served) await value[Symbol.asyncDispose]();
      }
    }
  });
});

fullTest("a lock that stays is named, and keeps nobody's socket away", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    writeFileSync(`${socketPath}.lock`, "");
    await assert.rejects(
      Served.start(["--socket", socketPath], socketPermissions(folder, socketPath)),
      /a\.sock\.lock has been there for 5 s, remove it if no process is/,
    );
  });
});

Deno.test("a log on a full disk costs nothing but its lines", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    await using served = await Served.start(
      ["--socket", socketPath],
      socketPermissions(folder, socketPath),
      "exec 2>/dev/full",
    );
    for (let i = 0; i < 3; i++) {
      assert.equal((await send({ socketPath }, "/v1/health"))[0], 200);
    }
    assert.equal(await served.stop("SIGTERM"), 0);
  });
});

fullTest("a log that nobody reads holds nothing up, and says later what it dropped", async () => {
  await inFolder(async (folder) => {
    const socketPath = join(folder, "a.sock");
    const pipe = join(folder, "errors");
    assert.ok(new Deno.Command("mkfifo", { args: [pipe] }).outputSync().success);
    // Opened for both, so that it neither waits for a reader nor has one.
    await using served = await Served.start(
      ["--socket", socketPath],
      socketPermissions(folder, socketPath),
      `exec 2<>${pipe}`,
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 2500; i++) {
      assert.equal((await send({ socketPath, agent }, "/v1/health"))[0], 200);
    }
    const reader = await Deno.open(pipe);
    let text = "";
    for await (const chunk of reader.readable.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('"log_dropped"')) break;
      // One more line, as what was dropped is said before the next.
      await send({ socketPath, agent }, "/v1/health");
    }
    const events = logLines(text.slice(0, text.lastIndexOf("\n")));
    assert.ok(events.find(({ event }) => event === "log_dropped")!.lines! > 100);
    agent.destroy();
    assert.equal(await served.stop("SIGTERM"), 0);
  });
});

Deno.test("a mistake in the arguments is told, with exit code 2 by way of hicra", () => {
  const cli = new URL("../../cli/main.ts", import.meta.url).pathname;
  for (
    const [args, message] of [
      [[], /one of --socket and --port is needed/],
      [["--socket", "a", "--port", "1"], /cannot be used with/],
      [["--port", "0", "--max-kept", "0"], /at least 1/],
      [["--port", "0", "--body-timeout", "2147483648"], /at most 2147483647/],
    ] as const
  ) {
    const { code, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", cli, "serve", ...args],
      env: { ...process.env as Record<string, string>, NO_COLOR: "1" },
    }).outputSync();
    assert.match(new TextDecoder().decode(stderr), message);
    assert.equal(code, 2);
  }
});
