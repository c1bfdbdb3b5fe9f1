import process from "node:process";
import { visibleLine } from "../batch/internal.ts";

/** The most lines kept while one is being written. */
const MAX_WAITING = 1_000;

/** A log of JSON lines. */
export interface JsonLog {
  /** Logs an event. Never throws and never waits: what cannot be written is dropped, and counted. */
  readonly log: (event: string, fields: object) => void;
  /** Resolves when all is written, or dropped. */
  readonly flushed: () => Promise<void>;
}

/**
 * Makes a log that cannot stop the program: not by a full disk, nor by a pipe that nobody reads. Lines that
 * were lost are said in the next one that is written, as `log_dropped` with their number.
 *
 * @param write Writes bytes, and rejects where it cannot. It may take as long as it likes.
 */
export function jsonLog(write: (bytes: Uint8Array) => Promise<unknown>): JsonLog {
  let waiting: string[] = [];
  let dropped = 0;
  let writing: Promise<void> | undefined;

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const lines = waiting;
      const lost = dropped;
      waiting = [];
      dropped = 0;
      const head = lost > 0 ? line("log_dropped", { lines: lost }) : "";
      try {
        await write(new TextEncoder().encode(head + lines.join("")));
      } catch {
        dropped += lost + lines.length;
      }
    }
    writing = undefined;
  };

  return {
    log: (event, fields) => {
      if (waiting.length === MAX_WAITING) {
        dropped++;
        return;
      }
      waiting.push(line(event, fields));
      writing ??= writeAll();
    },
    flushed: async () => {
      await writing;
    },
  };
}

function visibleValue(_: string, value: unknown): unknown {
  return typeof value === "string" ? visibleLine(value) : value;
}

function line(event: string, fields: object): string {
  const entry = { time: new Date().toISOString(), event, ...fields };
  return `${JSON.stringify(entry, visibleValue)}\n`;
}

/** Writes to a standard stream without holding up the program, as Deno's `process.stderr` does. */
export async function writeStandard(name: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
  if ("Deno" in globalThis) {
    for (let start = 0; start < bytes.length;) {
      start += await Deno[name].write(bytes.subarray(start));
    }
    return;
  }
  const stream = process[name];
  // Node tells a failure by an event too, which would end the process.
  if (stream.listenerCount("error") === 0) stream.on("error", () => {});
  await new Promise<void>((done, fail) =>
    stream.write(bytes, (error) => error ? fail(error) : done())
  );
}
