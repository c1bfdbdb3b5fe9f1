import process from "node:process";
import { visibleLine } from "../batch/internal.ts";

const WIDTH = 24;

/**
 * Tells on standard error how far a piece of work is: on a terminal one line with a bar, redrawn ten times
 * a second at most; elsewhere a line when a stage begins.
 */
export class ProgressLine {
  #stage = "";
  #drawn = 0;

  /** Shows how much of a stage is done; `total` is left out where nobody knows it. */
  show(name: string, done: number, total?: number): void {
    const stage = visibleLine(name);
    const isNew = stage !== this.#stage;
    this.#stage = stage;
    if (!process.stderr.isTTY) {
      if (isNew) process.stderr.write(`${stage}\n`);
      return;
    }
    const now = performance.now();
    if (!isNew && done !== total && now - this.#drawn < 100) return;
    this.#drawn = now;
    const count = done.toLocaleString("en");
    if (total === undefined) return this.#write(`${stage}: ${count}`);
    const filled = total === 0 ? WIDTH : Math.round(WIDTH * done / total);
    const bar = "\u2588".repeat(filled) + "\u2591".repeat(WIDTH - filled);
    this.#write(`${bar} ${stage}: ${count} of ${total.toLocaleString("en")}`);
  }

  /** Writes a line that stays. */
  say(message: string): void {
    this.end();
    process.stderr.write(`${visibleLine(message)}\n`);
  }

  /** Removes the line. */
  end(): void {
    if (process.stderr.isTTY && this.#stage !== "") process.stderr.write("\r\x1b[2K");
  }

  #write(line: string): void {
    process.stderr.write(`\r\x1b[2K${line}`);
  }
}
