import { Command, InvalidArgumentError, Option } from "commander";
import { randomBytes } from "node:crypto";
import { rmdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { visibleLine } from "../batch/internal.ts";
import { InputRangeError } from "../batch/mod.ts";
import { wholeNumber } from "./arguments.ts";
import { jsonLog, writeStandard } from "./json_log.ts";
import { examplesHelp, type Manual } from "./manual.ts";
import { listen, listenOnSocket } from "./socket_listener.ts";
import { VERSION } from "./version.ts";
import { MAX_TIMEOUT } from "../hooks/internal.ts";
import { createSidecarServer, SIDECAR_PROTOCOL } from "../hooks/sidecar/mod.ts";

/** Milliseconds that the end of the log has to be written. */
const FLUSH = 100;

interface ServeFlags {
  readonly socket?: string;
  readonly port?: number;
  readonly tokenFile?: string;
  readonly maxBody: number;
  readonly bodyTimeout: number;
  readonly maxKept: number;
  readonly maxConnections: number;
  readonly log: "all" | "problems" | "none";
  readonly withStdin?: true;
}

const SERVE: Manual = {
  summary: "serve masks, transforms and metrics to a training loop in another process",
  description:
    "The sidecar: HTTP with safetensors bodies on a Unix socket, or on 127.0.0.1 with a token; docs/wire.md " +
    "is its specification. Prints one JSON line when it listens. Stops on SIGTERM or SIGINT, after the " +
    "requests under way; a second signal ends it at once. The Python package hicra_hook starts one by itself.",
  examples: [
    "serve --socket ~/.hicra/a.sock",
    "serve --port 0 --log problems",
  ],
};

/** Adds `hicra serve`. */
export function addServeCommand(program: Command): void {
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
    .option("--body-timeout <MS>", "time in which a body must arrive", milliseconds, 60_000)
    .option("--max-kept <N>", "most tokenizers and lexicons kept", positive, 8)
    .option("--max-connections <N>", "most connections open at once", positive, 512)
    .addOption(
      new Option("--log <WHICH>", "what to log, as JSON lines on standard error")
        .choices(["all", "problems", "none"]).default("all"),
    )
    .option(
      "--with-stdin",
      "stop when standard input ends, as it does when the parent process is gone",
    )
    .addHelpText("after", examplesHelp(SERVE))
    .action(serve);
}

function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("It must be at least 1.");
  return number;
}

function milliseconds(text: string): number {
  const number = positive(text);
  if (number > MAX_TIMEOUT) throw new InvalidArgumentError(`It must be at most ${MAX_TIMEOUT}.`);
  return number;
}

async function serve(flags: ServeFlags, command: Command): Promise<void> {
  if (flags.socket === undefined && flags.port === undefined) {
    command.error("error: one of --socket and --port is needed");
  }
  const token = flags.port === undefined ? undefined : await readToken(flags.tokenFile);
  const { log, flushed } = jsonLog((bytes) => writeStandard("stderr", bytes));
  const { server, stop } = createSidecarServer({
    version: VERSION,
    maxBodyBytes: flags.maxBody,
    bodyTimeout: flags.bodyTimeout,
    maxKept: flags.maxKept,
    maxConnections: flags.maxConnections,
    ...(token !== undefined && { token }),
    log: (event) => {
      if (flags.log === "none" || (flags.log === "problems" && event.status < 400)) return;
      log("request", event);
    },
  });
  const { stopped, forget } = stopReason(flags.withStdin === true);
  try {
    await announce(await listenWhere(server, flags, token));
  } catch (error) {
    // It would live on, and serve somebody who was not told. The error is told first.
    forget();
    setTimeout(() => process.exit(1));
    throw error;
  }
  const reason = await stopped;
  if (flags.log === "all") log("stopping", { reason });
  await stop();
  await Promise.race([flushed(), delay(FLUSH)]);
  process.exit(0);
}

/** Where it listens: clients are told so. */
interface Where {
  readonly socket?: string;
  readonly url?: string;
  readonly token?: string | undefined;
}

async function listenWhere(
  server: Server,
  { socket, port, tokenFile, withStdin }: ServeFlags,
  token: string | undefined,
): Promise<Where> {
  if (socket === undefined) {
    await listen(server, { host: "127.0.0.1", port: port! });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // A token of the caller's own is not repeated.
    return { url, ...(tokenFile === undefined && { token }) };
  }
  const path = resolve(socket);
  await listenOnSocket(server, path);
  // A parent that was killed cannot remove the folder that it made.
  if (withStdin) process.once("exit", () => removeEmpty(dirname(path)));
  return { socket: path };
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something is in it, or it is gone.
  }
}

/** One JSON line on standard output: whoever started the sidecar waits for it. */
async function announce(where: Where): Promise<void> {
  const line = { event: "listening", ...where, protocol: SIDECAR_PROTOCOL, version: VERSION };
  try {
    await writeStandard("stdout", new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`Cannot say on standard output where it listens: ${reason}`, { cause });
  }
}

/** Waits for a reason to stop. A second signal ends the process at once. */
function stopReason(withStdin: boolean): { stopped: Promise<string>; forget: () => void } {
  const { promise: stopped, resolve } = Promise.withResolvers<string>();
  let isStopping = false;
  const onSignal = (signal: string): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    resolve(signal);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  if (withStdin) {
    process.stdin.resume();
    process.stdin.once("end", () => resolve("end of standard input"));
  }
  return {
    stopped,
    forget: () => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    },
  };
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

// Bundled for the Python package, where it is the whole program. Node before 24 has no import.meta.main.
if (import.meta.main ?? import.meta.filename === process.argv[1]) {
  const program = new Command("hicra").version(VERSION);
  addServeCommand(program);
  try {
    await program.parseAsync(process.argv.slice(2), { from: "user" });
  } catch (error) {
    console.error(`hicra: ${visibleLine((error as Error).message)}`);
    process.exitCode = 1;
  }
}
