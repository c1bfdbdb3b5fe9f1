import type { HeldBytes } from "./_byte_budget.ts";
import { Problem } from "./_problem.ts";

/** Room for the first bytes; it grows by {@linkcode GROWTH}. */
const FIRST_ROOM = 2 ** 20;

/**
 * Room grows by this factor, up to the size announced, so that little is copied and an announcement alone
 * takes no memory.
 */
const GROWTH = 8;

/** Calls back after some milliseconds, unless the function that it returns is called before. */
export type After = (milliseconds: number, call: () => void) => () => void;

/** Where a body comes from. */
export interface BodySource {
  /**
   * Hands over one chunk after the other, and waits for the promise where one is returned.
   *
   * @returns A promise of the end, which rejects with what the function threw or rejected with.
   */
  readonly each: (onChunk: (chunk: Uint8Array) => Promise<void> | undefined) => Promise<void>;
  /** Hands over no more. */
  readonly cancel: () => void;
}

/** How a body is read. */
export interface ReadBodyOptions {
  /** The size that it announces, which is the size it must have. */
  readonly length: number;
  /** What it takes its bytes from, before it stores them. */
  readonly held: HeldBytes;
  /** Milliseconds in which it must arrive; time spent waiting for room is not counted. */
  readonly timeout: number;
  /** The clock. */
  readonly after?: After;
}

/** Reads a body to its end, or stops reading it: late, broken off, too long, or without room for it. */
export async function readBody(
  source: BodySource,
  { length, held, timeout, after = afterTimeout }: ReadBodyOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const start = () => after(timeout, () => reject(tooLate(timeout)));
  let stop = start();
  let body = new Uint8Array(Math.min(FIRST_ROOM, length));
  let arrived = 0;
  const store = (chunk: Uint8Array): void => {
    if (arrived + chunk.length > body.length) body = grown(body, arrived, chunk.length, length);
    body.set(chunk, arrived);
    arrived += chunk.length;
  };
  const onChunk = (chunk: Uint8Array): Promise<void> | undefined => {
    if (arrived + chunk.length > length) throw wrongLength(length, "more");
    const room = held.take(chunk.length, arrived + chunk.length === length);
    if (room === undefined) return void store(chunk);
    stop();
    return room.then(() => {
      stop = start();
      store(chunk);
    });
  };
  try {
    await Promise.race([source.each(onChunk), late]);
    if (arrived < length) throw wrongLength(length, `${arrived}`);
    return body;
  } catch (error) {
    source.cancel();
    throw error instanceof Problem ? error : brokenOff(error);
  } finally {
    stop();
  }
}

function afterTimeout(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds);
  return () => clearTimeout(timer);
}

function grown(
  body: Uint8Array<ArrayBuffer>,
  arrived: number,
  more: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(length, Math.max(arrived + more, GROWTH * body.length)));
  larger.set(body.subarray(0, arrived));
  return larger;
}

function tooLate(timeout: number): Problem {
  return new Problem(
    408,
    "body_timeout",
    `Cannot read the body as it must arrive within ${timeout} ms: it has not`,
  );
}

function brokenOff(error: unknown): Problem {
  return new Problem(
    400,
    "body_aborted",
    `Cannot read the body as the client must send all of it: ${
      error instanceof Error ? error.message : String(error)
    }`,
  );
}

function wrongLength(length: number, current: string): Problem {
  return new Problem(
    400,
    "body_aborted",
    `Cannot read the body as the client must send all of it, ${length} bytes: it sent ${current}`,
  );
}
