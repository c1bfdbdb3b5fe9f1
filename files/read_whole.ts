import { InputRangeError, InputSyntaxError } from "../batch/mod.ts";

const MIB = 2 ** 20;

/**
 * The most bytes that are taken of a file that is read whole, unpacked. Some ten times what the largest one
 * known holds: 33 MB of Gemma 3's tokenizer, 6 MB of a lexicon of 20,000 grams with examples.
 */
const BOUNDS = {
  tokenizer: 256 * MIB,
  lexicon: 64 * MIB,
  settings: 16 * MIB,
  metrics: 64 * MIB,
} as const;

/** What a file holds that is read whole. */
export type FileKind = keyof typeof BOUNDS;

const WAYS_OUT: Readonly<Record<FileKind, string>> = {
  tokenizer: "check that it is a tokenizer.json",
  lexicon: "check that it is a lexicon, or divide it",
  settings: "check that it is the file that is meant",
  metrics: "check that it is the output of hicra metrics",
};

/**
 * Reads a file whole, unpacked where it is gzip (by its name or its first bytes), and no more of it than its kind may
 * hold: a few megabytes of gzip unpack to gigabytes.
 *
 * @param path The file; a pipe is one too.
 * @param kind What it holds, which says how large it may be.
 * @returns Its bytes.
 * @throws {RangeError} If it is larger, where the message names the bound, or a folder.
 * @throws {SyntaxError} If its gzip data is damaged.
 * @throws {Error} If the system refuses, as it stands.
 */
export async function readWhole(path: string, kind: FileKind): Promise<Uint8Array> {
  const bytes = await readAtMost(path, kind);
  const isGzip = path.endsWith(".gz") || (bytes[0] === 0x1f && bytes[1] === 0x8b);
  if (!isGzip) return bytes;
  const { gunzipSync } = await import("node:zlib");
  try {
    return gunzipSync(bytes, { maxOutputLength: BOUNDS[kind] });
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(path, kind, "unpacks to more", error);
    throw new InputSyntaxError(
      `Cannot read ${JSON.stringify(path)} as its gzip data must be whole: ${message}`,
      { cause: error },
    );
  }
}

async function readAtMost(path: string, kind: FileKind): Promise<Uint8Array> {
  // Imported here, not above, so that a browser can load this module.
  const { open } = await import("node:fs/promises");
  const file = await open(path);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) {
      throw new InputRangeError(
        `Cannot read ${JSON.stringify(path)} as it must be a file: it is a folder`,
      );
    }
    const { size } = stats;
    if (size > BOUNDS[kind]) throw tooLarge(path, kind, `holds ${size}`);
    const chunks: Uint8Array[] = [];
    let length = 0;
    // A pipe and a device tell no size.
    while (true) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(MIB));
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
      if (length > BOUNDS[kind]) throw tooLarge(path, kind, "holds more");
    }
    const bytes = new Uint8Array(length);
    let filled = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

function tooLarge(path: string, kind: FileKind, found: string, cause?: unknown): InputRangeError {
  return new InputRangeError(
    `Cannot read ${JSON.stringify(path)} as a file of this kind, ${kind}, must hold at most ` +
      `${BOUNDS[kind]} bytes: it ${found}, ${WAYS_OUT[kind]}`,
    { cause },
  );
}
