import { open, readFile, stat } from "node:fs/promises";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../batch/mod.ts";
import type { Solution } from "./solution.ts";
import { parseExactJson } from "./_exact_json.ts";
import { withParquet } from "./_parquet_rows.ts";
import { MAX_RECORD_LENGTH, readLines } from "./_read_lines.ts";
import {
  candidateColumns,
  chooseFields,
  columnsOf,
  type SolutionFields,
  solutionsOf,
} from "./_solution_fields.ts";
import { solutionSources } from "./_solution_sources.ts";

/** The fields that {@linkcode readSolutions} reads a file by, as dotted paths. */
export interface ReadFields {
  /** Field of the text. */
  readonly text: string;
  /** Field that names the prompt. */
  readonly prompt: string;
  /** Field of the label; absent where there is none. */
  readonly label?: string;
}

/** Options of {@linkcode readSolutions}. Fields are dotted paths, such as `samples.response`. */
export interface ReadSolutionsOptions {
  /**
   * Field of the text. Default: the first of `completion`, `response`, `solution`, `text`, `output`,
   * `generation`, `generations`, then of these in `samples`, that holds strings.
   */
  readonly textField?: string;
  /**
   * Field that names the prompt: a string or a number, equal for the solutions of one prompt. A number
   * is the text of its digits, of any length, so 7 and "7" are one prompt. Default:
   * the first of `prompt_id`, `group_id`, `problem_id`, `id`, `prompt`, `problem`, `question`, `input` that
   * holds one.
   */
  readonly promptField?: string;
  /**
   * Field that says whether the solution succeeded: true, false, a number, or null for unknown. Default:
   * the first of `correct`, `succeeded`, `is_correct`, `label`, `score`, `reward`,
   * `correctness_math_verify` that holds such a value
   * beside the text (for `samples.response`: `samples.correct`, ...); none of them: unknown.
   */
  readonly labelField?: string;
  /** A number as label says "succeeded" from here on. Default: 1. */
  readonly minReward?: number;
  /** Number of corrupt records, in all files, that are passed over. Default: 0. */
  readonly maxCorrupt?: number;
  /** Is told for every file by which fields it is read, named or found. */
  readonly onFields?: (fields: ReadFields, path: string) => void;
  /** Is called for every record that is passed over. */
  readonly onCorrupt?: (error: Error, place: string) => void;
}

/**
 * Reads the solutions of a corpus, one at a time: JSON Lines, plain or gzip, and Parquet, told by their
 * first bytes, and text files (`.txt`, `.md`), each of which is one solution whose prompt id is its name.
 *
 * A folder is read with all folders in it, sorted by name: its `.jsonl`, `.jsonl.gz` and `.parquet`
 * files, or if it has none its `.txt` and `.md` files, whose paths in the folder are the prompt ids. So
 * a README beside records is not a solution. The work folder of a miner is passed over.
 *
 * An array on the way to a field gives one solution per element, with the label of the same element;
 * text and label may also be two arrays of one length. Fields that are not named are chosen by the first
 * record of each file, and are then fixed for it. A record is corrupt if it is not a JSON object, or if a
 * field is missing or of another kind; then none of its solutions is read. Damaged gzip or Parquet data,
 * text that is not UTF-8 and lines that are too long are errors of the file and never passed over.
 *
 * A text may be a chat, `[{ role, content }]` or ShareGPT's `[{ from, value }]`: then it is what the
 * assistant says, its turns as paragraphs. A chat as prompt is its own name.
 *
 * Of a Parquet file only the columns needed are read, by row group; its compression is any but LZO.
 *
 * @example Usage
 * ```ts
 * import { readSolutions } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 * import { mkdtemp, rm, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "hicra-"));
 * await writeFile(
 *   join(folder, "solutions.jsonl"),
 *   '{"group_id": 7, "samples": [{"response": "Wait.", "score": 0}, {"response": "So 5.", "score": 1}]}',
 * );
 * assert.deepEqual(await Array.fromAsync(readSolutions(folder)), [
 *   { text: "Wait.", promptId: "7", succeeded: false },
 *   { text: "So 5.", promptId: "7", succeeded: true },
 * ]);
 * await rm(folder, { recursive: true });
 * ```
 *
 * @param paths Files and folders, in the order in which they are read; `-` is standard input, as JSON
 * Lines.
 * @param options Where a record holds what, and how many may be corrupt.
 * @returns The solutions; `succeeded` is absent where the label is null or missing.
 * @throws {RangeError} If an option is out of range, a folder holds no file of solutions, a Parquet
 * file is compressed otherwise, a prompt id is a float64 beyond 2^53, which may stand for several, a line
 * or text is longer than 2^25 characters, or more than `maxCorrupt` records, if not 0, are corrupt.
 * @throws {SyntaxError} If a line is not JSON, a text is not UTF-8, or a file is damaged.
 * @throws {TypeError} If a record lacks a field, or a field has another kind.
 */
export async function* readSolutions(
  paths: string | readonly string[],
  options: ReadSolutionsOptions = {},
): AsyncGenerator<Solution, void, undefined> {
  const { minReward = 1, maxCorrupt = 0, onCorrupt, onFields } = options;
  checkOptions(options, minReward, maxCorrupt);
  let corrupt = 0;
  const parse = <T>(read: () => T[], place: string): T[] => {
    try {
      return read();
    } catch (error) {
      corrupt++;
      if (maxCorrupt === 0) throw error;
      if (corrupt > maxCorrupt) {
        throw new InputRangeError(
          `Cannot read solutions as at most ${maxCorrupt} records may be corrupt (maxCorrupt): the ` +
            `next one is this: ${(error as Error).message}`,
          { option: "maxCorrupt", cause: error },
        );
      }
      onCorrupt?.(error as Error, place);
      return [];
    }
  };
  for (const { path, promptId } of await solutionSources([paths].flat())) {
    if (promptId !== undefined) yield { text: await readText(path), promptId };
    else if (await isParquet(path)) {
      yield* withParquet(path, async function* (file) {
        const first = await file.first(candidateColumns(options));
        if (first === undefined) return;
        const fields = chooseFields(first, options, `${path} row 1`);
        onFields?.(namesOf(fields), path);
        let row = 0;
        for await (const record of file.rows(columnsOf(fields))) {
          const place = `${path} row ${++row}`;
          yield* parse(() => solutionsOf(record, fields, minReward, place), place);
        }
      });
    } else {
      const name = path === "-" ? "standard input" : path;
      let fields: SolutionFields | undefined;
      let lineNumber = 0;
      for await (const line of readLines(path, name)) {
        lineNumber++;
        if (line.trim() === "") continue;
        const place = `${name} line ${lineNumber}`;
        const [record] = parse(() => [parseRecord(line, place)], place);
        if (record === undefined) continue;
        if (fields === undefined) {
          fields = chooseFields(record, options, place);
          onFields?.(namesOf(fields), name);
        }
        const chosen = fields;
        yield* parse(() => solutionsOf(record, chosen, minReward, place), place);
      }
    }
  }
}

function namesOf({ text, prompt, label }: SolutionFields): ReadFields {
  return {
    text: text.join("."),
    prompt: prompt.join("."),
    ...(label !== undefined && { label: label.join(".") }),
  };
}

function parseRecord(line: string, place: string): object {
  let record: unknown;
  try {
    record = parseExactJson(line);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${place} as it must be one JSON object: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new InputTypeError(
      `Cannot read ${place} as it must be one JSON object: current value is ${line.slice(0, 60)}`,
    );
  }
  return record;
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_RECORD_LENGTH) {
    throw new InputRangeError(
      `Cannot read ${path} as a text must be at most ${MAX_RECORD_LENGTH} bytes long: it has ${size}, ` +
        "make each solution a file",
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new InputSyntaxError(`Cannot read ${path} as it must be UTF-8 text: found other bytes`, {
      cause: error,
    });
  }
}

async function isParquet(path: string): Promise<boolean> {
  // What a pipe has given once it does not give again.
  if (path === "-" || !(await stat(path)).isFile()) return false;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(4), 0, 4, 0);
    return bytesRead === 4 && String.fromCharCode(...buffer) === "PAR1";
  } finally {
    await file.close();
  }
}

function checkOptions(
  { textField, promptField, labelField }: ReadSolutionsOptions,
  minReward: number,
  maxCorrupt: number,
): void {
  for (const [name, path] of Object.entries({ textField, promptField, labelField })) {
    if (path !== undefined && path.split(".").includes("")) {
      throw new InputRangeError(
        `Cannot read solutions as ${name} must be names with dots between them: current value is ` +
          JSON.stringify(path),
        { option: name },
      );
    }
  }
  if (!Number.isFinite(minReward)) {
    throw new InputRangeError(
      `Cannot read solutions as minReward must be a finite number: current value is ${minReward}`,
      { option: "minReward" },
    );
  }
  if (!Number.isSafeInteger(maxCorrupt) || maxCorrupt < 0) {
    throw new InputRangeError(
      `Cannot read solutions as maxCorrupt must be a whole number from 0: current value is ` +
        maxCorrupt,
      { option: "maxCorrupt" },
    );
  }
}
