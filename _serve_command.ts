import { Command, InvalidArgumentError, Option } from "commander";
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { InputRangeError } from "./batch/mod.ts";
import { wholeNumber } from "./_arguments.ts";
import { SERVE } from "./_manual.ts";
import { VERSION } from "./_version.ts";
import { createSidecar, SIDECAR_PROTOCOL, type SidecarEvent } from "./hooks/mod.ts";

/** The kernel's limit of a socket's path, its closing zero left out. */
const MAX_SOCKET_PATH = 107;

/** Milliseconds that connections have to close, once all requests are answered. */
const GRACE = 1_000;

interface ServeFlags {
  readonly socket?: string;
  readonly port?: number;
  readonly tokenFile?: string;
  readonly maxBody: number;
  readonly bodyTimeout: number;
  readonly maxKept: number;
  readonly log: "all" | "problems" | "none";
  readonly withStdin?: true;
}

/** Adds `hicra serve`. */
export function addServeCommand(program: Command): void {
  const examples = SERVE.examples.map((example) => `  hicra ${example}\n`).join("");
  program.command("serve")
    .summary(SERVE.summary)
    .description(SERVE.description)
    .addOption(
      new Option("--socket <PATH>", "listen on a Unix socket, in a folder of yours alone")
        .conflicts("port"),
    )
    .option(
      "--port <N>",
      "listen on 127.0.0.1; 0 for a free port; clients need a token",
      wholeNumber,
    )
    .addOption(
      new Option("--token-file <FILE>", "token for --port (default: a random one, printed)")
        .conflicts("socket"),
    )
    .option("--max-body <BYTES>", "most bytes of request bodies held at once", positive, 2 ** 30)
    .option("--body-timeout <MS>", "time in which a body must arrive", positive, 60_000)
    .option("--max-kept <N>", "most tokenizers and lexicons kept", positive, 8)
    .addOption(
      new Option("--log <WHICH>", "what to log, as JSON lines on standard error")
        .choices(["all", "problems", "none"]).default("all"),
    )
    .option(
      "--with-stdin",
      "stop when standard input ends, as it does when the parent process is gone",
    )
    .addHelpText("after", `\nExamples:\n${examples}`)
    .action(serve);
}

function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("It must be at least 1.");
  return number;
}

async function serve(flags: ServeFlags, command: Command): Promise<void> {
  if (flags.socket === undefined && flags.port === undefined) {
    command.error("error: one of --socket and --port is needed");
  }
  const token = flags.port === undefined ? undefined : await readToken(flags.tokenFile);
  const { fetch } = createSidecar({
    version: VERSION,
    maxBodyBytes: flags.maxBody,
    bodyTimeout: flags.bodyTimeout,
    maxKept: flags.maxKept,
    ...(token !== undefined && { token }),
    log: (event) => {
      if (flags.log === "none" || (flags.log === "problems" && event.status < 400)) return;
      logLine("request", event);
    },
  });
  // Listened for once the socket is there: a failure before must end the process.
  const stop = async (): Promise<void> => {
    const reason = await stopSignal(flags.withStdin === true);
    if (flags.log === "all") logLine("stopping", { reason });
  };
  if (flags.socket === undefined) {
    const listen = { hostname: "127.0.0.1", port: flags.port! };
    await serveUntil(stop, listen, fetch, (address) => {
      const { port } = address as Deno.NetAddr;
      // A token of the caller's own is not repeated.
      announce({
        url: `http://127.0.0.1:${port}`,
        ...(flags.tokenFile === undefined && { token }),
      });
    });
  } else {
    const path = resolve(flags.socket);
    await claimSocket(path);
    let own: number | undefined;
    await serveUntil(stop, { path }, fetch, async () => {
      await chmod(path, 0o600);
      own = (await lstat(path)).ino;
      announce({ socket: path });
    });
    // Another sidecar may have taken the path meanwhile.
    if ((await lstat(path).catch(() => undefined))?.ino === own) await rm(path, { force: true });
    // A parent that was killed cannot remove the folder that it made.
    if (flags.withStdin) await rmdir(dirname(path)).catch(() => {});
  }
  process.exit(0);
}

/** One JSON line on standard output: whoever started the sidecar waits for it. */
function announce(where: { socket?: string; url?: string; token?: string | undefined }): void {
  console.log(
    JSON.stringify({ event: "listening", ...where, protocol: SIDECAR_PROTOCOL, version: VERSION }),
  );
}

function logLine(event: string, fields: Partial<SidecarEvent> & { reason?: string }): void {
  console.error(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
}

/**
 * Serves until the reason to stop comes, then answers the requests under way: `shutdown` alone would cut
 * bodies that are still arriving.
 */
async function serveUntil(
  stop: () => Promise<void>,
  listen: Deno.ServeTcpOptions | Deno.ServeUnixOptions,
  answer: (request: Request) => Promise<Response>,
  onListening: (address: Deno.Addr) => void | Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<Response>>();
  const server: Deno.HttpServer = Deno.serve(
    { ...listen, onListen: () => {} } as Deno.ServeTcpOptions,
    (request) => {
      const response = answer(request);
      underWay.add(response);
      return response.finally(() => underWay.delete(response));
    },
  );
  const stopped = stop();
  await onListening(server.addr);
  await stopped;
  await Promise.allSettled(underWay);
  // A client that stalls would keep its connection, and that the process.
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, GRACE);
  await Promise.race([server.shutdown(), promise]);
  clearTimeout(timer);
}

/** Resolves with the reason to stop. */
function stopSignal(withStdin: boolean): Promise<string> {
  return new Promise((done) => {
    process.once("SIGTERM", () => done("SIGTERM"));
    process.once("SIGINT", () => done("SIGINT"));
    if (withStdin) {
      process.stdin.resume();
      process.stdin.once("end", () => done("end of standard input"));
    }
  });
}

async function readToken(path: string | undefined): Promise<string> {
  if (path === undefined) return randomBytes(32).toString("base64url");
  const token = (await readFile(path, "utf8")).trim();
  if (!/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new InputRangeError(
      `Cannot serve as the token must be 16 or more visible ASCII characters: that of ${path} is not`,
    );
  }
  return token;
}

/** Makes room for the socket: a private folder, and nothing alive at the path. */
async function claimSocket(path: string): Promise<void> {
  const length = new TextEncoder().encode(path).length;
  if (length > MAX_SOCKET_PATH) {
    throw new InputRangeError(
      `Cannot listen as the path of a socket has at most ${MAX_SOCKET_PATH} bytes: current path has ` +
        `${length}, ${path}`,
    );
  }
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(folder);
  if ((mode & 0o077) !== 0 || uid !== process.getuid?.()) {
    throw new InputRangeError(
      `Cannot listen as the folder of a socket must be its owner's alone (mode 700): ${folder} has mode ` +
        `${(mode & 0o777).toString(8)}, name a folder in it that does not exist yet`,
    );
  }
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) {
    throw new InputRangeError(`Cannot listen as there must be no file at the path: ${path} is one`);
  }
  if (await answers(path)) {
    throw new InputRangeError(`Cannot listen as another process does already: ${path}`);
  }
  await rm(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path });
    socket.once("connect", () => (socket.destroy(), done(true)));
    socket.once("error", () => done(false));
  });
}

// Bundled for the Python package, where it is the whole program.
if (import.meta.main) {
  const program = new Command("hicra").version(VERSION);
  addServeCommand(program);
  try {
    await program.parseAsync(process.argv.slice(2), { from: "user" });
  } catch (error) {
    console.error(`hicra: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
