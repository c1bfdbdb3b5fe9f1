import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { InputSyntaxError } from "../../batch/mod.ts";

/** What a promise of a file's content gives; `undefined` if there is no such file. */
export async function ifThere<T>(content: Promise<T>): Promise<T | undefined> {
  try {
    return await content;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads what {@linkcode keepJson} wrote; `undefined` if it wrote nothing. */
export async function readKeptJson(path: string): Promise<unknown> {
  const json = await ifThere(readFile(path, "utf8"));
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${JSON.stringify(path)} as it must be what a run of mine kept: ` +
        `${(error as Error).message}, remove it`,
      { cause: error },
    );
  }
}

/** Writes a file that is there whole or not at all. */
export async function keepJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.partial`;
  try {
    await writeFile(temporary, JSON.stringify(value));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
