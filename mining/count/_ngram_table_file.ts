import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { InputSyntaxError } from "../../batch/mod.ts";
import { writeWhole } from "../../files/internal.ts";
import { sha256 } from "../_digest.ts";
import type { NgramTable } from "./ngram_table.ts";

/** How the file begins, whatever its version. */
export const NGRAM_TABLE_START = "hicra n-grams ";
/** First line of the file, and its version. */
const MAGIC = `${NGRAM_TABLE_START}1\n`;
const DIGEST_BYTES = 32;
const NEWLINE = 10;
/** Lines that are encoded at once: a text of all could be longer than a string may be. */
const BLOCK_LINES = 4096;
/** The arrays, in the order in which they stand in the file: those of the widest elements first. */
const COLUMNS = [
  ["promptOffsets", Float64Array],
  ["promptIndices", Uint32Array],
  ["occurrences", Uint32Array],
  ["solutions", Uint32Array],
  ["sentenceStarts", Uint32Array],
  ["paragraphStarts", Uint32Array],
  ["mathSentences", Uint32Array],
  ["followedByMath", Uint32Array],
  ["numWords", Uint8Array],
] as const;

/** The second line: the fields that are single values, and the lengths of the arrays. */
interface Header extends Pick<NgramTable, "unit" | "numPrompts" | "numSolutions" | "minPrompts"> {
  readonly grams: number;
  readonly lengths: readonly number[];
}

/**
 * Writes n-grams to a file, at once: the file is whole or as it was. It holds a line with its version, the
 * SHA-256 of all that follows, a JSON line of what is said once, one of each gram's text and examples, and
 * the arrays in the byte order of the machine. Files above 2 GiB cannot be read back.
 *
 * @param path The file.
 * @param table What {@linkcode countNgrams} found.
 * @throws {Error} If the file cannot be written, with the reason as `cause`.
 */
export async function writeNgramTable(path: string, table: NgramTable): Promise<void> {
  const { unit, numPrompts, numSolutions, minPrompts, texts, examples } = table;
  const header: Header = {
    unit,
    numPrompts,
    numSolutions,
    minPrompts,
    grams: texts.length,
    lengths: COLUMNS.map(([name]) => table[name].length),
  };
  const parts: Uint8Array[] = [Buffer.from(JSON.stringify(header) + "\n")];
  for (let first = 0; first < texts.length; first += BLOCK_LINES) {
    const lines = texts.slice(first, first + BLOCK_LINES)
      .map((text, i) => JSON.stringify([text, ...examples[first + i]!]) + "\n");
    parts.push(Buffer.from(lines.join("")));
  }
  for (const [name] of COLUMNS) {
    const { buffer, byteOffset, byteLength } = table[name];
    parts.push(new Uint8Array(buffer, byteOffset, byteLength));
  }
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  await writeWhole(path, [Buffer.from(MAGIC), hash.digest(), ...parts]);
}

/**
 * Reads n-grams that {@linkcode writeNgramTable} wrote; every field is as it was.
 *
 * @param path The file.
 * @returns The n-grams and their counts.
 * @throws {SyntaxError} If the file is another, or damaged.
 */
export async function readNgramTable(path: string): Promise<NgramTable> {
  const file = await readFile(path);
  const body = file.subarray(MAGIC.length + DIGEST_BYTES);
  const digest = file.subarray(MAGIC.length, MAGIC.length + DIGEST_BYTES);
  const isWhole = file.toString("latin1", 0, MAGIC.length) === MAGIC &&
    sha256(body).equals(digest);
  if (!isWhole) {
    throw new InputSyntaxError(
      `Cannot read ${
        JSON.stringify(path)
      } as it must be a table of n-grams of version 1 that was ` +
        `stored whole: current value is ${file.length} bytes with another digest, remove it`,
    );
  }
  let start = 0;
  const readLine = (): unknown => {
    const end = body.indexOf(NEWLINE, start);
    const line = JSON.parse(body.toString("utf8", start, end));
    start = end + 1;
    return line;
  };
  const { grams, lengths, ...single } = readLine() as Header;
  const lines = Array.from({ length: grams }, () => readLine() as [string, ...string[]]);
  const columns = COLUMNS.map(([name, Column], c) => {
    const end = start + lengths[c]! * Column.BYTES_PER_ELEMENT;
    // A copy, as an array must begin at a multiple of the size of its elements.
    const column = new Column(new Uint8Array(body.subarray(start, end)).buffer);
    start = end;
    return [name, column];
  });
  return {
    ...single,
    texts: lines.map(([text]) => text),
    examples: lines.map(([, ...examples]) => examples),
    ...Object.fromEntries(columns),
  };
}
