import { readFile } from "node:fs/promises";
import { InputSyntaxError } from "../batch/mod.ts";
import { writeWhole } from "../files/internal.ts";
import { digestOf } from "./_digest.ts";
import { ifThere } from "./_if_there.ts";

/** Of the files; those of version 1 held no digest. */
const VERSION = 2;

/** How every file that {@linkcode keepJson} wrote begins. */
export const KEPT_JSON_START = '{"format":"hicra-';

/** What a file holds, of which one part names its content. */
interface Kept {
  readonly format: string;
  readonly version: number;
  readonly sha256: string;
  readonly content: unknown;
}

/**
 * Reads what {@linkcode keepJson} wrote; `undefined` if there is no such file.
 *
 * @param format What was given to `keepJson`.
 * @param wayOut What to do with a file that is damaged or another.
 * @throws {SyntaxError} If the file is not, byte for byte in what it says, what was kept.
 */
export async function readKeptJson(
  path: string,
  format: string,
  wayOut: string = "remove it",
): Promise<unknown> {
  const json = await ifThere(readFile(path, "utf8"));
  if (json === undefined) return undefined;
  const refuse = (found: string, cause?: unknown): InputSyntaxError =>
    new InputSyntaxError(
      `Cannot read ${
        JSON.stringify(path)
      } as it must be a file of format hicra-${format}, version ` +
        `${VERSION}, as it was kept: ${found}, ${wayOut}`,
      { cause },
    );
  let kept: Partial<Kept> | null;
  try {
    kept = JSON.parse(json);
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  if (kept?.format !== `hicra-${format}`) throw refuse("it is of another format");
  if (kept.version !== VERSION) throw refuse(`its version is ${JSON.stringify(kept.version)}`);
  if (
    kept.content === undefined || kept.sha256 !== digestOf([JSON.stringify(kept.content)])
  ) {
    throw refuse("its content has another digest");
  }
  return kept.content;
}

/** Writes a file that is there whole or not at all, and tells when it was changed. */
export async function keepJson(path: string, format: string, content: unknown): Promise<void> {
  const kept: Kept = {
    format: `hicra-${format}`,
    version: VERSION,
    sha256: digestOf([JSON.stringify(content)]),
    content,
  };
  await writeWhole(path, [JSON.stringify(kept) + "\n"]);
}
