import { Buffer } from "node:buffer";
import { open } from "node:fs/promises";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";

const READ_BYTES = 65536;

/**
 * The most characters of a record, some 8 million tokens. To encode a text of so many takes 1.8 GB, and V8
 * ends the process where its heap is full: 2 GB on a machine with 8. (It holds 2^29 - 24 at all.)
 */
export const MAX_RECORD_LENGTH: number = 2 ** 25;

/**
 * The lines of a UTF-8 file, plain or gzip (told by its first bytes), one at a time. Empty lines count,
 * as does what follows the last line end.
 *
 * @param path A file, or `-` for standard input.
 * @param name What error messages call it.
 * @param maxLength The most characters of a line; a longer one is an error as soon as that shows.
 */
export async function* readLines(
  path: string,
  name: string,
  maxLength: number = MAX_RECORD_LENGTH,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new InputSyntaxError(
        `Cannot read ${name} as it must be UTF-8 text: found other bytes`,
        {
          cause: error,
        },
      );
    }
  };
  let lineNumber = 1;
  const bounded = (line: string): string => {
    if (line.length <= maxLength) return line;
    throw new InputRangeError(
      `Cannot read ${name} line ${lineNumber} as a line must be at most ${maxLength} characters long: ` +
        `it has ${line.length} so far, write one record a line and leave out longer ones`,
    );
  };
  let rest = "";
  for await (const bytes of readBytes(path, name)) {
    const lines = decode(bytes).split("\n");
    lines[0] = rest + lines[0]!;
    rest = lines.pop()!;
    for (const line of lines) {
      yield bounded(line);
      lineNumber++;
    }
    bounded(rest);
  }
  yield rest + decode();
}

/** The bytes of the file, unpacked where they are gzip. */
async function* readBytes(path: string, name: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = path === "-" ? process.stdin : readFile(path);
  const chunks = stream[Symbol.asyncIterator]();
  try {
    const head: Uint8Array[] = [];
    for (let size = 0; size < 2;) {
      const next = await chunks.next();
      if (next.done) break;
      head.push(next.value);
      size += next.value.length;
    }
    const [first, second] = Buffer.concat(head);
    const all = resume(head, chunks);
    yield* first === 0x1f && second === 0x8b ? unpack(all, name) : all;
  } finally {
    await chunks.return?.(); // closes the file when the caller stops early
  }
}

/** Unlike a read stream, it does not read ahead, and it is closed when its iterator has returned. */
async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    if ((await file.stat()).isDirectory()) {
      throw new InputTypeError(`Cannot read rollouts as ${path} is a folder: name a file in it`);
    }
    while (true) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* resume(
  head: Uint8Array[],
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

async function* unpack(
  packed: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // The same failure comes out of the loop below; this promise must not go unhandled.
  pipeline(Readable.from(packed), gunzip).catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${name} as its gzip data must be whole: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
