import process from "node:process";
import { visibleLine } from "../batch/internal.ts";

/** Tells on standard error what is going on: on a terminal in one line, elsewhere a line each. */
export function progress(message: string): void {
  const line = visibleLine(message);
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`);
}

/** Removes the line that {@linkcode progress} left on a terminal. */
export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
}
