import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { systemReason } from "./system_reason.ts";
import { writeWhole } from "./write_whole.ts";
import { jsonText } from "./_json_text.ts";
import { readLines } from "./_read_lines.ts";
import { parseRollout, type ParseRolloutOptions, type Rollout } from "./rollouts.ts";

/**
 * Reads a rollout file, one rollout at a time: JSON Lines, plain or gzip (told by its first bytes,
 * not by its name). Empty lines are skipped. Nothing is read before the first rollout is asked for.
 *
 * @example Usage
 * ```ts
 * import { readRollouts, writeJsonl } from "@hicra/hicra/files";
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
 * @param options Which fields are checked.
 * @returns The rollouts, in the order of the file.
 * @throws {SyntaxError} If a line is not JSON, the text is not UTF-8 or the gzip data is damaged.
 * @throws {RangeError} If a line is longer than 2^25 characters; it is not read to its end.
 * @throws {TypeError} If a line is not a rollout; the message names file and line.
 */
export async function* readRollouts(
  path: string,
  options: ParseRolloutOptions = {},
): AsyncGenerator<Rollout, void, undefined> {
  for await (const { rollout } of readRolloutLines(path, options)) yield rollout;
}

/** A rollout, and the line that it stands in. */
export interface RolloutLine {
  /** What the line says. */
  readonly rollout: Rollout;
  /** The line without its line feed: it holds what a rollout cannot, such as digits beyond a float64. */
  readonly line: string;
}

/**
 * Reads a rollout file as {@linkcode readRollouts} does, and keeps the lines, for a program that writes
 * them again. See `creditedJsonl`.
 *
 * @example Usage
 * ```ts
 * import { readRolloutLines, writeOutput } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * const path = join(folder, "rollouts.jsonl");
 * await writeOutput(path, ['{"prompt_id": "p", "completion": "Wait.", "row": 9007199254740993}\n']);
 * for await (const { line, rollout } of readRolloutLines(path)) {
 *   assert.equal(rollout.row, 9007199254740992);
 *   assert.match(line, /9007199254740993/);
 * }
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param path A file, or `-` for standard input.
 * @param options Which fields are checked.
 * @returns The rollouts with their lines, in the order of the file.
 * @throws {SyntaxError | RangeError | TypeError} As {@linkcode readRollouts}.
 */
export async function* readRolloutLines(
  path: string,
  options: ParseRolloutOptions = {},
): AsyncGenerator<RolloutLine, void, undefined> {
  const name = path === "-" ? "standard input" : path;
  let lineNumber = 0;
  for await (const line of readLines(path, name)) {
    lineNumber++;
    if (line.trim() === "") continue;
    yield { rollout: parseRollout(line, `${name} line ${lineNumber}`, options), line };
  }
}

/**
 * Writes one JSON object a line. Typed arrays are written as arrays of numbers, float32 values in the
 * fewest digits that read back to the same float32, so 0.6 and not 0.6000000238418579. See
 * {@linkcode writeOutput} for what happens to the file.
 *
 * @example Usage
 * ```ts
 * import { writeJsonl } from "@hicra/hicra/files";
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
 * which takes its name once all of it is on the disk, and which goes when the writing fails or a signal
 * ends the process. A link is followed, and a file that is replaced keeps its mode; a device or a pipe is
 * written to directly, and what a process has open, such as `/dev/fd/3`, is appended to. Standard output that is closed early, as by `head`, ends the writing without an error.
 *
 * @example Usage
 * ```ts
 * import { writeOutput } from "@hicra/hicra/files";
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
 * @param path A file, or `-` or `/dev/stdout` for standard output. A name that ends in `.gz` is compressed.
 * @param chunks Text or bytes, written one after the other.
 * @throws {RangeError} If a folder stands at the path.
 * @throws {Error} If the system refuses; the message names the path, `cause` is its error.
 */
export async function writeOutput(
  path: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const whole = path.endsWith(".gz") ? gzipped(bufferedChunks(chunks)) : bufferedChunks(chunks);
  // The latter opened anew would have a position of its own: what a shell writes next would fall upon it.
  if (path === "-" || path === "/dev/stdout") await writeStandardOutput(whole);
  else await writeWhole(path, whole);
}

async function writeStandardOutput(chunks: AsyncGenerator<Uint8Array>): Promise<void> {
  let ofSource: unknown;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      ofSource = error;
      throw error;
    }
  };
  try {
    await pipeline(Readable.from(source()), process.stdout, { end: false });
  } catch (error) {
    const reason = systemReason(error);
    if (error === ofSource || reason === undefined) throw error;
    // The reader, such as head, has seen enough.
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return;
    throw new Error(`Cannot write standard output as all of it must be taken: ${reason}`, {
      cause: error,
    });
  }
}

async function* gzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip();
  // The same failure comes out of the loop; this promise must not go unhandled.
  pipeline(Readable.from(chunks), gzip).catch(() => {});
  yield* gzip as AsyncIterable<Uint8Array>;
}

async function* jsonLines(
  lines: Iterable<object> | AsyncIterable<object>,
): AsyncGenerator<string> {
  for await (const line of lines) {
    const members = Object.entries(line).filter(([, value]) => value !== undefined)
      .map(([field, value]) => `${JSON.stringify(field)}:${jsonText(field, value)}`);
    yield `{${members.join()}}\n`;
  }
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
