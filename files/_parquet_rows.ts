import { open } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  type AsyncBuffer,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
} from "hyparquet";
import { decompressLz4, decompressLz4Raw, decompressZstd } from "hyparquet-compressors";
import { InputRangeError, InputSyntaxError, isInputError } from "../batch/mod.ts";
import { parseExactJson } from "./_exact_json.ts";
import { MAX_RECORD_LENGTH } from "./_read_lines.ts";

/** Unpacks a page to the size that the file says it has, and to no more. */
type Unpack = (packed: Uint8Array, size: number) => Uint8Array;

const CODECS: Readonly<Record<string, Unpack>> = {
  SNAPPY: (packed, size) => {
    const page = new Uint8Array(size);
    snappyUncompress(packed, page);
    return page;
  },
  GZIP: (packed, size) => gunzipSync(packed, { maxOutputLength: Math.max(1, size) }),
  BROTLI: (packed, size) => brotliDecompressSync(packed, { maxOutputLength: Math.max(1, size) }),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
  ZSTD: (packed, size) => decompressZstd(packed, new Uint8Array(size)),
};

/** The most bytes of one page, unpacked; writers make them of some 1 MB. */
const MAX_PAGE_BYTES = 2 ** 28;

/** A Parquet file whose rows are read by row group. */
export interface ParquetRows {
  /** The first row, with those of the columns that the file has; absent in a file of no rows. */
  first(columns: readonly string[]): Promise<object | undefined>;
  /** All rows. */
  rows(columns: readonly string[]): AsyncGenerator<object, void, undefined>;
}

/** Opens a Parquet file, hands it to `body`, and closes it. At most one row group is in memory. */
export async function* withParquet<T>(
  path: string,
  body: (file: ParquetRows) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start: number, end: number = size): Promise<ArrayBuffer> {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await handle.read(
            bytes,
            filled,
            bytes.length - filled,
            start + filled,
          );
          if (bytesRead === 0) throw new Error("the file ends early");
          filled += bytesRead;
        }
        return bytes.buffer;
      },
    };
    yield* body(await openRows(path, file));
  } finally {
    await handle.close();
  }
}

async function openRows(path: string, file: AsyncBuffer): Promise<ParquetRows> {
  const metadata = await orSyntaxError(path, parquetMetadataAsync(file));
  const held = new Set(
    metadata.row_groups.flatMap(({ columns }) =>
      columns.map(({ meta_data }) => meta_data?.path_in_schema[0])
    ),
  );
  const read = async (wanted: readonly string[], rowStart: number, rowEnd: number) => {
    const columns = wanted.filter((column) => held.has(column));
    return await orSyntaxError(
      path,
      parquetReadObjects({
        file,
        metadata,
        columns,
        rowStart,
        rowEnd,
        compressors: Object.fromEntries(
          Object.entries(CODECS).map(([codec, unpack]) => [
            codec,
            (packed, size) => unpack(packed, checkedSize(size, path)),
          ]),
        ),
        parsers: {
          stringFromBytes: (bytes) => bytes && decodeText(bytes, path),
          jsonFromBytes: (bytes) => bytes && parseExactJson(decodeText(bytes, path)),
        },
      }),
    );
  };
  const checkCodecs = (wanted: readonly string[]): void => {
    for (const { columns } of metadata.row_groups) {
      for (const { meta_data } of columns) {
        const column = meta_data?.path_in_schema[0];
        if (column === undefined || !wanted.includes(column)) continue;
        const { codec } = meta_data!;
        if (codec === "UNCOMPRESSED" || Object.hasOwn(CODECS, codec)) continue;
        throw new InputRangeError(
          `Cannot read ${path} as its compression must be UNCOMPRESSED, ${
            Object.keys(CODECS).join(", ")
          }: current value in column ${column} is ${codec}, write the file again with one of those`,
        );
      }
    }
  };
  return {
    async first(columns) {
      checkCodecs(columns);
      if (Number(metadata.num_rows) === 0) return undefined;
      return (await read(columns, 0, 1))[0];
    },
    async *rows(columns) {
      let start = 0;
      for (const group of metadata.row_groups) {
        const end = start + Number(group.num_rows);
        if (end > start) yield* await read(columns, start, end);
        start = end;
      }
    },
  };
}

/** The size comes from the file, so it is checked before so much memory is taken. */
function checkedSize(size: number, path: string): number {
  if (size <= MAX_PAGE_BYTES) return size;
  throw new InputRangeError(
    `Cannot read ${path} as a page must unpack to at most ${MAX_PAGE_BYTES} bytes: one says ` +
      `${size}, write the file again with smaller pages`,
  );
}

function decodeText(bytes: Uint8Array, path: string): string {
  if (bytes.length > MAX_RECORD_LENGTH) {
    throw new InputRangeError(
      `Cannot read ${path} as a text must be at most ${MAX_RECORD_LENGTH} bytes long: one has ` +
        `${bytes.length}, leave it out`,
    );
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

async function orSyntaxError<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isInputError(error)) throw error;
    throw new InputSyntaxError(
      `Cannot read ${path} as it must be a whole Parquet file with text in UTF-8: ${
        (error as Error).message
      }`,
      { cause: error },
    );
  }
}
