import { createWriteStream } from "node:fs";
import { realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { InputRangeError } from "../batch/mod.ts";
import { readLines } from "./_read_lines.ts";
import { parseRollout, type Rollout } from "./rollouts.ts";

/**
 * Reads a rollout file, one rollout at a time: JSON Lines, plain or gzip (told by its first bytes,
 * not by its name). Empty lines are skipped. Nothing is read before the first rollout is asked for.
 *
 * @example Usage
 * ```ts
 * import { readRollouts, writeJsonl } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const path = join(folder, "rollouts.jsonl.gz");
 * await writeJsonl(path, [{ prompt_id: "p", completion: "Wait." }]);
 * for await (const rollout of readRollouts(path)) assert.equal(rollout.completion, "Wait.");
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param path A file, or `-` for standard input.
 * @returns The rollouts, in the order of the file.
 * @throws {SyntaxError} If a line is not JSON, the text is not UTF-8 or the gzip data is damaged.
 * @throws {TypeError} If a line is not a rollout; the message names file and line.
 */
export async function* readRollouts(path: string): AsyncGenerator<Rollout, void, undefined> {
  const name = path === "-" ? "standard input" : path;
  let lineNumber = 0;
  for await (const line of readLines(path, name)) {
    lineNumber++;
    if (line.trim() !== "") yield parseRollout(line, `${name} line ${lineNumber}`);
  }
}

/**
 * Writes one JSON object a line. Typed arrays are written as arrays of numbers, float32 values in the
 * fewest digits that read back to the same float32, so 0.6 and not 0.6000000238418579. See
 * {@linkcode writeOutput} for what happens to the file.
 *
 * @example Usage
 * ```ts
 * import { writeJsonl } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 * import { mkdtemp, readFile, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const path = join(folder, "masks.jsonl");
 * await writeJsonl(path, [{ prompt_id: "p", planning_mask: Uint8Array.of(0, 1) }]);
 * assert.equal(await readFile(path, "utf8"), '{"prompt_id":"p","planning_mask":[0,1]}\n');
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param path A file, or `-` for standard output. A name that ends in `.gz` is compressed.
 * @param lines The objects.
 * @throws {RangeError} If a number in a typed array is not finite, as JSON cannot hold it.
 */
export async function writeJsonl(
  path: string,
  lines: Iterable<object> | AsyncIterable<object>,
): Promise<void> {
  await writeOutput(path, jsonLines(lines));
}

/**
 * Writes chunks to a file that appears whole or not at all: they go to a temporary file beside it,
 * which then takes its name. A link is followed; a device or a pipe is written to directly. Standard
 * output that is closed early, as by `head`, ends the writing without an error.
 *
 * @example Usage
 * ```ts
 * import { writeOutput } from "@hicra/hicra/hooks";
 * import assert from "node:assert/strict";
 * import { mkdtemp, readFile, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const path = join(folder, "report.html");
 * await writeOutput(path, ["<p>", "done"]);
 * assert.equal(await readFile(path, "utf8"), "<p>done");
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param path A file, or `-` for standard output. A name that ends in `.gz` is compressed.
 * @param chunks Text or bytes, written one after the other.
 */
export async function writeOutput(
  path: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const source = Readable.from(bufferedChunks(chunks));
  if (path === "-") return await writeStandardOutput(source);
  const target = await realpath(path).catch(() => path);
  const old = await stat(target).catch(() => null);
  const inPlace = old !== null && !old.isFile();
  const written = inPlace
    ? target
    : join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.tmp`);
  const sink = createWriteStream(written, {
    flags: inPlace ? "w" : "wx",
    ...(old !== null && { mode: old.mode }),
  });
  try {
    if (path.endsWith(".gz")) await pipeline(source, createGzip(), sink);
    else await pipeline(source, sink);
    if (!inPlace) await rename(written, target);
  } catch (error) {
    if (!inPlace) await rm(written, { force: true });
    throw error;
  }
}

async function writeStandardOutput(source: Readable): Promise<void> {
  try {
    await pipeline(source, process.stdout, { end: false });
  } catch (error) {
    // The reader, such as head, has seen enough.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}

async function* jsonLines(
  lines: Iterable<object> | AsyncIterable<object>,
): AsyncGenerator<string> {
  for await (const line of lines) {
    const entries = Object.entries(line).map(([field, value]) => [field, plain(field, value)]);
    yield JSON.stringify(Object.fromEntries(entries)) + "\n";
  }
}

/** JSON.stringify writes a typed array as an object and NaN as null. */
function plain(field: string, value: unknown): unknown {
  if (
    !(value instanceof Int32Array || value instanceof Uint8Array || value instanceof Float32Array)
  ) {
    return value;
  }
  const index = value.findIndex((element) => !Number.isFinite(element));
  if (index !== -1) {
    throw new InputRangeError(
      `Cannot write ${field} as JSON holds only finite numbers: ${field}[${index}] is ${
        value[index]
      }`,
    );
  }
  return value instanceof Float32Array ? Array.from(value, shortestFloat32) : Array.from(value);
}

/** Six digits survive a normal float32, so if fewer suffice, six spell the same; nine always suffice. */
const FLOAT32_DIGITS = { from: 6, to: 9 };
const MIN_NORMAL_FLOAT32 = 2 ** -126;

/**
 * The float64 of fewest decimal digits that rounds to a float32: JSON writes it with those digits.
 * `JSON.stringify` writes -0 as 0.
 */
function shortestFloat32(value: number): number {
  const from = Math.abs(value) < MIN_NORMAL_FLOAT32 ? 1 : FLOAT32_DIGITS.from;
  for (let digits = from; digits < FLOAT32_DIGITS.to; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(FLOAT32_DIGITS.to));
}

/** Joins small chunks of text: one write per line would cost more than the line. */
async function* bufferedChunks(
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for await (const chunk of chunks) {
    if (typeof chunk === "string") {
      text += chunk;
      if (text.length < 65536) continue;
    }
    if (text !== "") yield encoder.encode(text);
    text = "";
    if (typeof chunk !== "string") yield chunk;
  }
  if (text !== "") yield encoder.encode(text);
}
