import { closeSync, openSync, type Stats, unlinkSync } from "node:fs";
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { InputRangeError } from "../batch/mod.ts";
import { systemReason } from "./system_reason.ts";

/** What is written, a part after the other; text becomes UTF-8. */
export type Chunks = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/**
 * Writes a file that is there whole or as it was: its parts go to a temporary file beside it, which takes its
 * name once all of it is on the disk. A link is followed, and a file that is replaced keeps its mode. A
 * device or a pipe is written to directly, and what a process has open, such as `/dev/stdout`, is appended to.
 *
 * Nothing temporary is left when the writing fails, nor when a signal or `process.exit` ends the process. A
 * signal that the program itself listens to is left to it.
 *
 * @param path The file.
 * @param chunks Its content; what they throw is passed on.
 * @throws {RangeError} If a folder stands at the path.
 * @throws {Error} If the system refuses; the message names the path, `code` and `cause` are those of the system.
 */
export async function writeWhole(path: string, chunks: Chunks): Promise<void> {
  const old = await statOf(path);
  if (old?.isDirectory()) {
    throw new InputRangeError(
      `Cannot write ${JSON.stringify(path)} as it must be a file: it is a folder`,
    );
  }
  // Whoever opened it may have written before, so what is there stays.
  const isOpen = old !== undefined && await isOpenFile(path);
  if (old !== undefined && (isOpen || !old.isFile())) {
    const flag = isOpen ? "a" : "w";
    const file = await asWriting(path, "it must take what is written", () => open(path, flag));
    return await fill(path, file, chunks);
  }
  const target = await asWriting(path, "its links must lead to a file", () => targetOf(path));
  const temporary = join(dirname(target), `.hicra-${crypto.randomUUID()}.tmp`);
  const mode = (old?.mode ?? 0o666) & 0o7777;
  begin(temporary);
  try {
    const file = await asWriting(path, "its folder must take a new file", () => {
      // At once, as a signal would not find a file that is just being made.
      closeSync(openSync(temporary, "wx", mode));
      return open(temporary, "r+");
    });
    await fill(path, file, chunks, async () => {
      // What the mask of the process took away.
      if (old !== undefined && (await file.stat()).mode !== old.mode) await file.chmod(mode);
      await file.sync();
    });
    await asWriting(path, "it must take its place", () => rename(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    end(temporary);
  }
  await syncFolder(dirname(target));
}

/** Whether a file of this name was left by a process that was killed while it wrote. */
export function isTemporaryFile(path: string): boolean {
  return /^\.hicra-[0-9a-f-]{36}\.tmp$/.test(basename(path));
}

async function statOf(path: string): Promise<Stats | undefined> {
  return await asWriting(path, "its path must be valid", () =>
    stat(path).catch((error) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }));
}

/** Whether a path that is there names what a process has open, by links or not. */
async function isOpenFile(path: string): Promise<boolean> {
  const folder = await realpath(dirname(path));
  if (/^(\/dev|\/proc\/\d+(\/task\/\d+)?)\/fd$/.test(folder)) return true;
  const link = await readlink(path).catch(() => undefined);
  return link !== undefined && await isOpenFile(resolve(folder, link));
}

/** Where links lead, also to a file that is not there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    const link = await readlink(path).catch(() => undefined);
    return link === undefined ? path : await targetOf(resolve(dirname(path), link));
  }
}

async function fill(
  path: string,
  file: FileHandle,
  chunks: Chunks,
  finish: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const rule = "all of it must be taken";
  try {
    for await (const chunk of chunks) await asWriting(path, rule, () => file.writeFile(chunk));
    await asWriting(path, rule, finish);
  } finally {
    await asWriting(path, rule, () => file.close());
  }
}

/** Puts the new name on the disk, where a folder can be opened for that. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // The file is there; only a loss of power could still undo it.
  }
}

/**
 * Does a part of the writing of a file, and says of an error of the system what could not be done.
 *
 * @param path What the caller calls the file.
 * @param rule What must hold, such as "all of it must be taken".
 */
export async function asWriting<T>(
  path: string,
  rule: string,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    const message = `Cannot write ${JSON.stringify(path)} as ${rule}: ${reason}`;
    throw Object.assign(new Error(message, { cause: error }), {
      code: (error as { code: string }).code,
    });
  }
}

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
/** The temporary files of all writings under way, as the signals are those of the whole process. */
const underWay = new Set<string>();
const heard = new Set<NodeJS.Signals>();

function begin(temporary: string): void {
  if (underWay.size === 0) process.on("exit", removeAll);
  underWay.add(temporary);
  for (const signal of SIGNALS) {
    if (process.listenerCount(signal) > 0) continue;
    heard.add(signal);
    process.on(signal, onSignal);
  }
}

function end(temporary: string): void {
  underWay.delete(temporary);
  if (underWay.size > 0) return;
  process.removeListener("exit", removeAll);
  for (const signal of heard) process.removeListener(signal, onSignal);
  heard.clear();
}

function onSignal(signal: NodeJS.Signals): void {
  // The program has begun to listen meanwhile.
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  process.removeListener(signal, onSignal);
  try {
    process.kill(process.pid, signal);
  } catch {
    // Not every system can, and Deno only where programs may be run.
    process.exit(128 + constants.signals[signal]);
  }
}

function removeAll(): void {
  for (const temporary of underWay) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was not made yet, or is gone already.
    }
  }
}
