import { Buffer } from "node:buffer";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { InputTypeError } from "../../batch/mod.ts";
import { asWriting } from "../../files/internal.ts";
import { sha256 } from "../_digest.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/**
 * Keeps the vectors of an embedder on the disk, so that a text is computed once.
 *
 * A file in the directory belongs to one embedder, by its digest, and only grows: a record is the
 * SHA-256 of a text, its vector and a checksum. Texts that are missing are computed 1,024 at a time,
 * those of like length together, and stored before the next, so what is finished stays when the work
 * is interrupted. A record that a crash cut short is dropped, and one whose checksum is wrong is
 * computed again. The vectors are those of the embedder, byte for byte, where those of a text do not
 * depend on the other texts. One process at a time may write to a directory.
 *
 * @example Usage
 * ```ts
 * import { cachedEmbedder, staticEmbedder } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const directory = await mkdtemp(join(tmpdir(), "hicra-"));
 * const embedder = cachedEmbedder(await staticEmbedder(), directory);
 * const computed = await embedder.embed(["but wait"]);
 * assert.deepEqual(await embedder.embed(["but wait"]), computed);
 * await embedder.release();
 * await rm(directory, { recursive: true });
 * ```
 *
 * @param embedder Computes what is missing; released with the result.
 * @param directory Folder of the cache, made when it is needed.
 * @returns An embedder with the same name, digest and vectors. Its `embed` throws what the embedder
 * throws, `TypeError` if the cache file is none, and the errors of the file system.
 */
export function cachedEmbedder(embedder: Embedder, directory: string): Embedder {
  return new CachedEmbedder(embedder, directory);
}

/** How a file of the cache begins. */
export const EMBEDDINGS_START = "hicraEMB";
const VERSION = 1;
/** Magic, version and dimensions. */
const HEADER_BYTES = 16;
const KEY_BYTES = 32;
const CHECKSUM_BYTES = 4;
const CHUNK_TEXTS = 1024;
const RULE = "all vectors must be taken";
const READ_RECORDS = 1024;

class CachedEmbedder implements Embedder {
  readonly name: string;
  readonly digest: string;
  readonly dimensions: number;
  readonly #embedder: Embedder;
  readonly #directory: string;

  constructor(embedder: Embedder, directory: string) {
    this.#embedder = embedder;
    this.#directory = directory;
    this.name = embedder.name;
    this.digest = embedder.digest;
    this.dimensions = embedder.dimensions;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const distinct = new Map<string, { text: string; places: number[] }>();
    for (const [place, text] of texts.entries()) {
      const key = sha256(text).toString("hex");
      const entry = distinct.get(key);
      if (entry === undefined) distinct.set(key, { text, places: [place] });
      else entry.places.push(place);
    }
    const vectors = new Float32Array(texts.length * this.dimensions);
    let done = 0;
    const store = (key: string, vector: Float32Array): void => {
      const { places } = distinct.get(key)!;
      for (const place of places) vectors.set(vector, place * this.dimensions);
      done += places.length;
      distinct.delete(key);
    };

    await mkdir(this.#directory, { recursive: true });
    const path = join(this.#directory, `${this.digest.replace("sha256:", "")}.embeddings`);
    const file = await open(path, "a+");
    try {
      await openRecords(file, path, this.dimensions);
      await readRecords(file, this.dimensions, (key, vector) => {
        if (distinct.has(key)) store(key, vector);
      });
      if (done > 0) onProgress?.(done, texts.length);
      // Texts of like length are likely to fill each other's batches.
      const missing = [...distinct].sort(([, a], [, b]) => a.text.length - b.text.length);
      for (let first = 0; first < missing.length; first += CHUNK_TEXTS) {
        signal?.throwIfAborted();
        const chunk = missing.slice(first, first + CHUNK_TEXTS);
        const computed = await this.#embedder.embed(chunk.map(([, { text }]) => text), {
          ...(signal !== undefined && { signal }),
        });
        if (computed.length !== chunk.length * this.dimensions) {
          throw new InputTypeError(
            `Cannot embed as "${this.name}" must give ${this.dimensions} numbers a text: ` +
              `it gave ${computed.length} for ${chunk.length} texts`,
          );
        }
        const rows = chunk.map(([key], row): [string, Float32Array] => [
          key,
          computed.subarray(row * this.dimensions, (row + 1) * this.dimensions),
        ]);
        await asWriting(
          path,
          RULE,
          () => file.appendFile(Buffer.concat(rows.map(([key, row]) => encodeRecord(key, row)))),
        );
        for (const [key, row] of rows) store(key, row);
        onProgress?.(done, texts.length);
      }
    } finally {
      await file.close();
    }
    return vectors;
  }

  async release(): Promise<void> {
    await this.#embedder.release();
  }
}

function recordBytes(dimensions: number): number {
  return KEY_BYTES + 4 * dimensions + CHECKSUM_BYTES;
}

/** Checks the header, or writes it into an empty file, and cuts off what is no whole record. */
async function openRecords(file: FileHandle, path: string, dimensions: number): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(EMBEDDINGS_START, "latin1");
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(dimensions, 12);
  const { size } = await file.stat();
  const found = (await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)).buffer;
  const numFound = Math.min(size, HEADER_BYTES);
  if (header.compare(found, 0, numFound, 0, numFound) !== 0) {
    throw new InputTypeError(
      `Cannot use "${path}" as it must be an embedding cache of version ${VERSION} for vectors of ` +
        `${dimensions} numbers: it begins with ${
          JSON.stringify(found.toString("latin1"))
        }, remove it`,
    );
  }
  if (size < HEADER_BYTES) {
    await file.truncate(0);
    await asWriting(path, RULE, () => file.appendFile(header));
    return;
  }
  const torn = (size - HEADER_BYTES) % recordBytes(dimensions);
  if (torn > 0) await file.truncate(size - torn);
}

/** Visits the sound records, from the first to the last. */
async function readRecords(
  file: FileHandle,
  dimensions: number,
  visit: (key: string, vector: Float32Array) => void,
): Promise<void> {
  const bytes = recordBytes(dimensions);
  const block = Buffer.alloc(bytes * READ_RECORDS);
  const vector = new Float32Array(dimensions);
  let position = HEADER_BYTES;
  for (;;) {
    const numBytes = await fill(file, block, position);
    position += numBytes;
    for (let start = 0; start + bytes <= numBytes; start += bytes) {
      const record = block.subarray(start, start + bytes);
      const body = record.subarray(0, -CHECKSUM_BYTES);
      if (crc32(body) !== record.readUInt32LE(body.length)) continue;
      for (let k = 0; k < dimensions; k++) vector[k] = record.readFloatLE(KEY_BYTES + 4 * k);
      visit(record.toString("hex", 0, KEY_BYTES), vector);
    }
    if (numBytes < block.length) return;
  }
}

/** Reads until the block is full or the file ends. */
async function fill(file: FileHandle, block: Buffer, position: number): Promise<number> {
  let numBytes = 0;
  while (numBytes < block.length) {
    const { bytesRead } = await file.read(
      block,
      numBytes,
      block.length - numBytes,
      position + numBytes,
    );
    if (bytesRead === 0) break;
    numBytes += bytesRead;
  }
  return numBytes;
}

function encodeRecord(key: string, vector: Float32Array): Buffer {
  const record = Buffer.alloc(recordBytes(vector.length));
  record.write(key, "hex");
  for (let k = 0; k < vector.length; k++) record.writeFloatLE(vector[k]!, KEY_BYTES + 4 * k);
  const body = record.subarray(0, -CHECKSUM_BYTES);
  record.writeUInt32LE(crc32(body), body.length);
  return record;
}
