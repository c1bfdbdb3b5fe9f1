import process from "node:process";

/** Tells on standard error what is going on: on a terminal in one line, elsewhere a line each. */
export function progress(message: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${message}`);
  else process.stderr.write(`${message}\n`);
}

/** Removes the line that {@linkcode progress} left on a terminal. */
export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
}
