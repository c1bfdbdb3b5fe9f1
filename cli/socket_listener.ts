import { lstatSync, rmSync } from "node:fs";
import { chmod, lstat, mkdir, open, rm, stat } from "node:fs/promises";
import { connect, type ListenOptions, type Server } from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { InputRangeError } from "../batch/mod.ts";

/** The kernel's limit of a socket's path, its closing zero left out. */
const MAX_SOCKET_PATH = 107;

/** Milliseconds between two tries for the lock, and the number of tries. */
const LOCK_PAUSE = 20;
const LOCK_TRIES = 250;

/** Listens, or rejects with the reason why not. */
export function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(where, () => {
      server.off("error", fail);
      done();
    });
  });
}

/**
 * Listens on a Unix socket, in a private folder and with nothing alive at the path, and removes it when the
 * process exits.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  const length = new TextEncoder().encode(path).length;
  if (length > MAX_SOCKET_PATH) {
    throw new InputRangeError(
      `Cannot listen as the path of a socket has at most ${MAX_SOCKET_PATH} bytes: current path has ` +
        `${length}, ${path}`,
    );
  }
  await claimFolder(dirname(path));
  // Of two that find a dead socket, the slower would remove that of the faster.
  await withLock(`${path}.lock`, async () => {
    await removeDead(path);
    await listen(server, { path });
  });
  const { ino } = await lstat(path);
  process.once("exit", () => {
    // Another sidecar may have taken the path meanwhile.
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
  });
  await chmod(path, 0o600);
}

async function claimFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(folder);
  if ((mode & 0o077) !== 0 || uid !== process.getuid?.()) {
    throw new InputRangeError(
      `Cannot listen as the folder of a socket must be its owner's alone (mode 700): ${folder} has mode ` +
        `${(mode & 0o777).toString(8)}, name a folder in it that does not exist yet`,
    );
  }
}

/**
 * Does something while this process alone has the lock: a file that only one can create. One that was killed
 * in these few milliseconds leaves it behind, and a person removes it: to do that here would need a lock.
 */
async function withLock(lock: string, use: () => Promise<void>): Promise<void> {
  for (let tries = 1; !await created(lock); tries++) {
    if (tries === LOCK_TRIES) {
      throw new InputRangeError(
        `Cannot listen as another process is about to: ${lock} has been there for ` +
          `${LOCK_PAUSE * LOCK_TRIES / 1000} s, remove it if no process is`,
      );
    }
    await delay(LOCK_PAUSE);
  }
  const unlock = (): void => rmSync(lock, { force: true });
  process.once("exit", unlock);
  try {
    await use();
  } finally {
    unlock();
    process.off("exit", unlock);
  }
}

async function created(lock: string): Promise<boolean> {
  try {
    await (await open(lock, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function removeDead(path: string): Promise<void> {
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) {
    throw new InputRangeError(`Cannot listen as there must be no file at the path: ${path} is one`);
  }
  if (!await isDead(path)) {
    throw new InputRangeError(`Cannot listen as another process does already: ${path}`);
  }
  await rm(path, { force: true });
}

/** Whether nobody listens. One that is too busy to be connected to is alive. */
function isDead(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path });
    socket.once("connect", () => (socket.destroy(), done(false)));
    socket.once("error", (error) => done(["ECONNREFUSED", "ENOENT"].includes(codeOf(error)!)));
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
